//! gzip (RFC 1952) with any number of members: `.gz`, `.tgz`, image layers, initramfs.
//!
//! Consecutive members are one stream, as for `gzip -d` (bgzip writes thousands of members). Data after the last member
//! is searched as it is: `gzip` ignores it as trailing garbage, so it may hide a key.

use std::io::{self, BufRead, BufReader, Chain, Read};

use flate2::bufread::GzDecoder;
use keyradius_core::error::Reason;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};

use super::compressed::joined::PADDING;
use super::compressed::{READ, only_member};
use super::inner::decodes;

/// gzip streams.
#[derive(Debug)]
pub(crate) struct Gzip;

static ABOUT: About = About {
    id: "gzip",
    title: "gzip stream",
    detects: "gzip streams, decompressed as they are read. The contents are scanned like a file.",
    blind_to: "Deflate streams without a header.",
    respond: "Treat the contents as plain text.",
    references: &["RFC 1952"],
};

impl Container for Gzip {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // ID1, ID2, CM = deflate (RFC 1952 2.3.1); and ID2 of the first gzip, which gzip still reads.
        &[Magic { at: 0, bytes: &[0x1f, 0x8b, 8] }, Magic { at: 0, bytes: &[0x1f, 0x9e, 8] }]
    }

    fn inner(&self) -> &'static [Magic] {
        // Without optional fields, with a name, and with an extra field (bgzip): RFC 1952 2.3.1.
        &[
            Magic { at: 0, bytes: &[0x1f, 0x8b, 8, 0] },
            Magic { at: 0, bytes: &[0x1f, 0x8b, 8, 8] },
            Magic { at: 0, bytes: &[0x1f, 0x8b, 8, 4] },
        ]
    }

    fn begins(&self, start: &[u8]) -> bool {
        // XFL and OS.
        matches!(start, [0x1f, 0x8b, 8, _, _, _, _, _, 0 | 2 | 4, 0..=13 | 255, ..]) && decodes(GzDecoder::new(start))
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let input = BufReader::with_capacity(READ, input);
    let mut stream = Members { now: Now::Between(input), fields: Vec::new(), left_out: false };
    only_member(&mut stream, inside, "gzip stream")?;
    if stream.left_out {
        inside.unread(Member { name: b"", at: 0 }, Reason::TooLarge, "header");
    }
    if !stream.fields.is_empty() {
        let fields = std::mem::take(&mut stream.fields);
        if inside.rest(0, &mut fields.as_slice()).is_break() {
            return Ok(());
        }
    }
    if let Now::Behind(zeros, behind) = stream.now {
        let padding = io::repeat(0).take(zeros.min(PADDING));
        let _ = inside.member(Member { name: b"trailing", at: 0 }, &mut padding.chain(behind));
    }
    Ok(())
}

/// Minimum length of a header field that is searched, in bytes: no key is shorter.
const FIELD: usize = 32;

/// Maximum number of bytes of header fields kept for all members.
const FIELDS: usize = 1 << 20;

/// A header with only the required fields (RFC 1952 2.3.1).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

type Input<'r> = BufReader<&'r mut dyn Read>;

/// gzip members as one stream. Headers are parsed here, and the decoder gets an empty one: programs ignore a wrong
/// header checksum and reserved flags, and accept fields of any length.
struct Members<'r> {
    now: Now<'r>,
    /// Extra fields, names and comments of the headers.
    fields: Vec<u8>,
    /// Whether some fields exceeded the limit.
    left_out: bool,
}

enum Now<'r> {
    Between(Input<'r>),
    Member(Box<GzDecoder<Chain<&'static [u8], Input<'r>>>>),
    /// Data after the last member, and how many zeros precede it.
    Behind(u64, Input<'r>),
    Over,
}

impl Members<'_> {
    /// Reads a header and keeps its fields.
    fn header(&mut self, input: &mut Input<'_>) -> io::Result<()> {
        let mut head = [0; 10];
        input.read_exact(&mut head)?;
        let [0x1f, 0x8b | 0x9e, 8, flags, ..] = head else { return Err(io::Error::other("no gzip header")) };
        if flags & 4 != 0 {
            let mut length = [0; 2];
            input.read_exact(&mut length)?;
            self.keep(&mut input.take(u64::from(u16::from_le_bytes(length))), None)?;
        }
        for field in [8, 16] {
            if flags & field != 0 {
                self.keep(input, Some(0))?;
            }
        }
        if flags & 2 != 0 {
            input.read_exact(&mut [0; 2])?;
        }
        Ok(())
    }

    /// Reads one field, up to and including the byte `last` if given.
    fn keep(&mut self, input: &mut dyn BufRead, last: Option<u8>) -> io::Result<()> {
        let before = self.fields.len();
        loop {
            let held = input.fill_buf()?;
            if held.is_empty() {
                break;
            }
            let end = last.and_then(|last| memchr::memchr(last, held));
            let field = held.get(..end.unwrap_or(held.len())).unwrap_or_default();
            if self.fields.len() + field.len() < FIELDS {
                self.fields.extend_from_slice(field);
            } else {
                self.left_out = true;
            }
            let read = field.len() + usize::from(end.is_some());
            input.consume(read);
            if end.is_some() {
                break;
            }
        }
        if self.fields.len() - before < FIELD {
            self.fields.truncate(before);
        } else {
            self.fields.push(b'\n');
        }
        Ok(())
    }
}

impl Read for Members<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            // On an error the stream ends.
            self.now = match std::mem::replace(&mut self.now, Now::Over) {
                Now::Between(mut input) => {
                    self.header(&mut input)?;
                    Now::Member(Box::new(GzDecoder::new(Read::chain(&HEADER[..], input))))
                }
                Now::Member(mut decoder) => {
                    let read = decoder.read(into)?;
                    if read > 0 {
                        self.now = Now::Member(decoder);
                        return Ok(read);
                    }
                    let mut input = decoder.into_inner().into_inner().1;
                    // Padding of tapes and block devices.
                    let mut zeros = 0;
                    while skip_zeros(&mut input, &mut zeros)? {}
                    match input.fill_buf()? {
                        [] => Now::Over,
                        [0x1f, 0x8b | 0x9e, ..] | [0x1f] => Now::Between(input),
                        _ => Now::Behind(zeros, input),
                    }
                }
                now @ (Now::Behind(..) | Now::Over) => {
                    self.now = now;
                    return Ok(0);
                }
            };
        }
    }
}

/// Skips zero bytes in the buffer and counts them. Returns whether more may follow.
fn skip_zeros(reader: &mut impl BufRead, count: &mut u64) -> io::Result<bool> {
    let held = reader.fill_buf()?;
    let zeros = held.iter().take_while(|byte| **byte == 0).count();
    let all = zeros == held.len() && zeros > 0;
    reader.consume(zeros);
    *count += zeros as u64;
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
    fn members_padding_and_trailing_data() {
        let long: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
        let stream =
            [gzip(b"one "), gzip(b"two "), vec![0; 100], gzip(&long), vec![0; 9], b"and more".to_vec()].concat();
        let (result, out) = open(&Gzip, &stream);
        assert_eq!(result, Ok(()));
        let all = [b"one two ", &long[..]].concat();
        assert!(out.members[0].1 == all && out.members[0].2.is_none());
        assert_eq!(
            (out.members[1].0.as_str(), &out.members[1].1[..]),
            ("trailing", &b"\0\0\0\0\0\0\0\0\0and more"[..])
        );
    }

    #[test]
    fn unusual_headers_are_read() {
        let plain = gzip(b"content");
        let body = &plain[10..];
        let field = [b'k'; 40];
        for (flags, fields) in [
            (0x02, &b"\xff\xff"[..]),
            (0x20, b""),
            (0x80, b""),
            (0xe2, b"\0\0"),
            (0x08, b"name\0"),
            (0x1e, &[&[40, 0][..], &field, &field, b"\0", &field, b"\0\x12\x34"].concat()),
        ] {
            let head = [&[0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3][..], fields].concat();
            for stream in [[&head, body].concat(), [&plain, &head[..], body].concat()] {
                let (result, out) = open(&Gzip, &stream);
                assert_eq!((result, out.members.len()), (Ok(()), 1), "{flags:x}");
                assert!(out.members[0].1.ends_with(b"content") && out.members[0].2.is_none(), "{flags:x}");
                let kept = [&field[..], &field, &field, b""].join(&b'\n');
                assert_eq!(out.rest.concat(), if flags == 0x1e { kept } else { Vec::new() });
            }
        }
        let long = [&[0x1f, 0x8b, 8, 0x10, 0, 0, 0, 0, 0, 3][..], &vec![b'k'; 3 << 20], b"\0", body].concat();
        let (result, out) = open(&Gzip, &long);
        assert_eq!((result, out.members[0].1.as_slice(), out.unread.len()), (Ok(()), &b"content"[..], 1));
    }

    #[test]
    fn damage_costs_only_the_data_after_it() {
        let mut cut = gzip(&(0..200_000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>());
        cut.truncate(cut.len() / 2);
        let (result, out) = open(&Gzip, &cut);
        assert_eq!(result, Ok(()));
        assert!(out.members[0].1.len() > 100_000 && out.members[0].2.is_some());
        assert!(open(&Gzip, b"\x1f\x8b\x08\xff not a stream at all").0.is_err());
    }
}
