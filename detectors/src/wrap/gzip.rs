//! gzip (RFC 1952), of any number of members: `.gz`, `.tgz`, layers of images, initramfs.
//!
//! Members one behind the other are one stream, as `gzip -d` takes them (bgzip writes thousands). What stands behind the
//! last one is looked at as it is: `gzip` calls it trailing garbage, and somebody may have put it there.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;
use scanner_core::error::{Malformed, Reason};
use scanner_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};

use super::compressed::{READ, only_member, peek};

/// gzip streams.
#[derive(Debug)]
pub(crate) struct Gzip;

static ABOUT: About = About {
    id: "gzip",
    title: "gzip stream",
    detects: "gzip streams, opened as they are read. What is inside is looked at like a file of its own.",
    blind_to: "Streams that begin inside of a larger file, and bare zlib or deflate streams without a gzip header.",
    respond: "Treat what is inside as if it lay there in plain text.",
    references: &["RFC 1952"],
};

impl Container for Gzip {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // ID1, ID2, CM = deflate (RFC 1952 2.3.1).
        &[Magic { at: 0, bytes: &[0x1f, 0x8b, 8] }]
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut flags = [0; 4];
    let start = peek(input, &mut flags).map_err(|_| Malformed::new("gzip stream", 0))?;
    // Extra field, name, comment (RFC 1952 2.3.1); the higher bits are reserved.
    let has_fields = start.get(3).is_some_and(|flags| flags & 0x1c != 0 && flags & 0xe0 == 0);
    let start = start.to_vec();
    let mut input = Read::chain(&start[..], input);
    let decoder = GzDecoder::new(BufReader::with_capacity(READ, &mut input as &mut dyn Read));
    let mut stream = Members { decoder: Some(decoder), behind: None, fields: Vec::new(), noted: false, lost: false };
    let opened = only_member(&mut stream, inside, "gzip stream");
    if opened.is_err() && has_fields {
        // The decoder gives up on fields that are longer than it holds; programs pass over them.
        inside.unread(Member { name: b"", at: 0 }, Reason::Damaged, "header");
    } else {
        opened?;
    }
    if stream.lost {
        inside.unread(Member { name: b"", at: 0 }, Reason::TooLarge, "header fields");
    }
    if !stream.fields.is_empty() {
        let fields = std::mem::take(&mut stream.fields);
        if inside.rest(0, &mut fields.as_slice()).is_break() {
            return Ok(());
        }
    }
    if let Some(mut behind) = stream.behind {
        let _ = inside.member(Member { name: b"trailing", at: 0 }, &mut behind);
    }
    Ok(())
}

/// Shortest field of a header that is searched, in bytes: no key is shorter.
const FIELD: usize = 32;

/// Most bytes of fields that are kept of all members.
const FIELDS: usize = 1 << 20;

/// gzip members as one stream.
struct Members<'r> {
    decoder: Option<GzDecoder<BufReader<&'r mut dyn Read>>>,
    /// What follows the last one and is none.
    behind: Option<BufReader<&'r mut dyn Read>>,
    /// Extra fields, names and comments of the headers.
    fields: Vec<u8>,
    /// Whether those of the member at hand are among them.
    noted: bool,
    /// Whether there were more of them than are kept.
    lost: bool,
}

impl Members<'_> {
    fn note_fields(&mut self) {
        let Some(header) = self.decoder.as_ref().and_then(GzDecoder::header).filter(|_| !self.noted) else { return };
        self.noted = true;
        for field in [header.extra(), header.filename(), header.comment()].into_iter().flatten() {
            if field.len() >= FIELD && self.fields.len() + field.len() < FIELDS {
                self.fields.extend(field);
                self.fields.push(b'\n');
            } else {
                self.lost |= field.len() >= FIELD;
            }
        }
    }
}

impl Read for Members<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(decoder) = &mut self.decoder else { return Ok(0) };
            let read = decoder.read(into)?;
            self.note_fields();
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            let Some(mut rest) = self.decoder.take().map(GzDecoder::into_inner) else { return Ok(0) };
            // Padding of tapes and block devices.
            while skip_zeros(&mut rest)? {}
            match rest.fill_buf()? {
                [] => return Ok(0),
                [0x1f, 0x8b, ..] | [0x1f] => (self.decoder, self.noted) = (Some(GzDecoder::new(rest)), false),
                _ => {
                    self.behind = Some(rest);
                    return Ok(0);
                }
            }
        }
    }
}

/// Skips zeros in the buffer. Returns whether there may be more.
fn skip_zeros(reader: &mut impl BufRead) -> io::Result<bool> {
    let held = reader.fill_buf()?;
    let zeros = held.iter().take_while(|byte| **byte == 0).count();
    let all = zeros == held.len() && zeros > 0;
    reader.consume(zeros);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::compressed::tests::open;
    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn members_padding_and_what_stands_behind() {
        let long: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
        let stream =
            [gzip(b"one "), gzip(b"two "), vec![0; 100], gzip(&long), vec![0; 9], b"and more".to_vec()].concat();
        let (result, out) = open(&Gzip, &stream);
        assert_eq!(result, Ok(()));
        let all = [b"one two ", &long[..]].concat();
        assert!(out.members[0].1 == all && out.members[0].2.is_none());
        assert_eq!((out.members[1].0.as_str(), &out.members[1].1[..]), ("trailing", &b"and more"[..]));
    }

    #[test]
    fn fields_are_searched_or_said() {
        let plain = gzip(b"one");
        let with_field = |length: u16| {
            [&b"\x1f\x8b\x08\x04"[..], &plain[4..10], &length.to_le_bytes(), &vec![7; length.into()], &plain[10..]]
                .concat()
        };
        let (result, out) = open(&Gzip, &with_field(100));
        assert_eq!((result, out.rest.concat().len(), out.unread.len()), (Ok(()), 101, 0));
        let (result, out) = open(&Gzip, &with_field(u16::MAX).repeat(17));
        assert_eq!((result, out.members[0].1.len()), (Ok(()), 51));
        assert_eq!(out.unread, [(String::new(), Reason::TooLarge, "header fields".to_owned())]);
    }

    #[test]
    fn damage_costs_what_lies_behind_it() {
        let mut cut = gzip(&(0..200_000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
        cut.truncate(cut.len() / 2);
        let (result, out) = open(&Gzip, &cut);
        assert_eq!(result, Ok(()));
        assert!(out.members[0].1.len() > 100_000 && out.members[0].2.is_some());
        assert!(open(&Gzip, b"\x1f\x8b\x08\xff not a stream at all").0.is_err());
    }
}
