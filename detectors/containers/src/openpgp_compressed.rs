//! OpenPGP compressed data packets (RFC 9580 5.6): uncompressed, ZIP, ZLIB and BZIP2, in the old and the new packet
//! format, with definite, indeterminate and partial lengths. `gpg --import` imports keys from them.
//!
//! A definite packet length does not limit decompression: GnuPG reads the compressed stream to its end, whatever the
//! length. Data after the stream is a separate member.
//!
//! [`OpenPgpCompressed`] opens files that begin with such a packet; `openpgp_packets.rs` finds the packet after others.

use std::io::{self, BufRead, BufReader, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::{DeflateDecoder, ZlibDecoder};
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::openpgp;

use super::compressed::{BZIP2, READ, only_member, peek};

/// Compressed data packets at the start of a file, or of the contents of a wrapper.
#[derive(Debug)]
pub(crate) struct OpenPgpCompressed;

static ABOUT: About = About {
    id: "openpgp_compressed",
    title: "OpenPGP compressed data",
    detects: "OpenPGP packets of compressed data (uncompressed, ZIP, ZLIB, BZIP2) in either packet format and with any \
              kind of length, at the start of a file or of the body of an armor. The contents are scanned like a file, \
              and so is data after the stream.",
    blind_to: "Compressed data whose content does not begin with an OpenPGP packet.",
    respond: "Treat the contents as plain text: gpg --import reads them.",
    references: &["RFC 9580 5.6", "RFC 9580 4.2.1.4", "GnuPG g10/compress.c"],
};

/// Algorithms of RFC 9580 9.4.
const STORED: u8 = 0;
const ZIP: u8 = 1;
const ZLIB: u8 = 2;
const BZIP: u8 = 3;

/// Tag of a compressed data packet.
const COMPRESSED: u8 = 8;

/// Number of decompressed bytes that are examined to recognise a packet.
const FIRST: usize = 16;

impl Container for OpenPgpCompressed {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // Tag 8 in the old format, by kind of length, and in the new format (RFC 9580 4.2).
        &[
            Magic { at: 0, bytes: &[0xa0] },
            Magic { at: 0, bytes: &[0xa1] },
            Magic { at: 0, bytes: &[0xa2] },
            Magic { at: 0, bytes: &[0xa3] },
            Magic { at: 0, bytes: &[0xc8] },
        ]
    }

    fn claims(&self, start: &[u8]) -> bool {
        self.magics().iter().any(|magic| magic.begins(start)) && begins(start)
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

/// Whether the bytes are compressed data whose contents begin with a packet.
fn begins(start: &[u8]) -> bool {
    let mut input = start;
    let Ok((algorithm, body)) = Body::begin(&mut input) else { return false };
    let mut body = BufReader::with_capacity(READ, body);
    let mut first = [0; FIRST];
    let first = match algorithm {
        STORED => peek(&mut body, &mut first),
        ZIP => peek(&mut DeflateDecoder::new(body), &mut first),
        ZLIB => peek(&mut ZlibDecoder::new(body), &mut first),
        // Decompression needs a whole block, so only the magic numbers of stream and block are checked.
        BZIP => return peek(&mut body, &mut first).is_ok_and(is_bzip2),
        _ => return false,
    };
    first.is_ok_and(is_packet)
}

/// Whether the bytes begin a bzip2 stream that is not empty (bzip2 1.0.8, compress.c).
fn is_bzip2(start: &[u8]) -> bool {
    matches!(start, [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..])
}

/// Whether the bytes begin like a packet: a tag in use, a length, and for some tags a known start of the body.
pub(super) fn is_packet(start: &[u8]) -> bool {
    let Some((kind, body)) = openpgp::tag(start) else { return false };
    match (kind, body) {
        (_, []) | (9 | 12 | 13 | 15..=17 | 19..=21 | 60..=63, _) => true,
        // Session keys, signatures and keys begin with a version.
        (1..=7 | 14, [version, ..]) => (2..=6).contains(version),
        (8, [algorithm, ..]) => *algorithm <= BZIP,
        (10, body) => body.starts_with(b"PGP"),
        // Literal data: binary, text, UTF-8, local, MIME.
        (11, [format, ..]) => b"btul1m".contains(format),
        (18, [version, ..]) => (1..=2).contains(version),
        _ => false,
    }
}

/// The body of a packet, without the lengths of its parts.
struct Body<'r> {
    input: &'r mut dyn Read,
    /// Bytes left in the current part; `None` if unlimited.
    left: Option<u64>,
    /// Whether another part follows.
    partial: bool,
    /// Whether data after the body is read as well.
    goes_on: bool,
}

impl<'r> Body<'r> {
    /// Reads the header of a compressed data packet and its algorithm.
    fn begin(input: &'r mut dyn Read) -> io::Result<(u8, Self)> {
        let mut body = Body { input, left: None, partial: false, goes_on: false };
        let tag = body.octet()?;
        match tag {
            0xa0..=0xa2 => {
                io::copy(&mut Read::take(&mut *body.input, 1 << (tag & 3)), &mut io::sink())?;
            }
            0xa3 => {}
            _ if tag == 0xc0 | COMPRESSED => body.part()?,
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
        if !body.partial {
            body.left = None;
        }
        let mut algorithm = [0];
        body.read_exact(&mut algorithm)?;
        let [algorithm] = algorithm;
        Ok((algorithm, body))
    }

    fn octet(&mut self) -> io::Result<u8> {
        let mut octet = [0];
        self.input.read_exact(&mut octet)?;
        let [octet] = octet;
        Ok(octet)
    }

    /// Reads the length of the next part (RFC 9580 4.2.1).
    fn part(&mut self) -> io::Result<()> {
        let octet = self.octet()?;
        self.partial = (224..255).contains(&octet);
        self.left = Some(match octet {
            0..192 => u64::from(octet),
            192..224 => (u64::from(octet) - 192) * 256 + u64::from(self.octet()?) + 192,
            224..255 => 1 << (octet & 0x1f),
            255 => {
                let mut length = [0; 4];
                self.input.read_exact(&mut length)?;
                u64::from(u32::from_be_bytes(length))
            }
        });
        Ok(())
    }
}

impl Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.left == Some(0) {
            if self.partial {
                self.part()?;
            } else if self.goes_on {
                self.left = None;
            } else {
                return Ok(0);
            }
        }
        let most = self.left.map_or(into.len(), |left| into.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        let read = self.input.read(into.get_mut(..most).unwrap_or_default())?;
        self.left = self.left.map(|left| left.saturating_sub(read as u64));
        Ok(read)
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let (algorithm, mut body) =
        Body::begin(input).map_err(|_| Malformed::new("header of compressed data of OpenPGP", 0))?;
    if algorithm == STORED {
        body.goes_on = true;
        let _ = inside.member(Member { name: b"", at: 0 }, &mut body);
        return Ok(());
    }
    let body = BufReader::with_capacity(READ, body);
    match algorithm {
        ZIP => stream(DeflateDecoder::new(body), DeflateDecoder::into_inner, inside),
        ZLIB => stream(ZlibDecoder::new(body), ZlibDecoder::into_inner, inside),
        BZIP => {
            inside.holds(BZIP2)?;
            stream(BzDecoder::new(body), BzDecoder::into_inner, inside)
        }
        _ => Err(Malformed::new("algorithm of compressed data of OpenPGP", 0).into()),
    }
}

const WHAT: &str = "compressed data of OpenPGP";

/// Hands out the output of a decoder, then the data after the stream.
fn stream<'r, D: Read>(
    mut decoder: D,
    input: fn(D) -> BufReader<Body<'r>>,
    inside: &mut dyn Inside,
) -> Result<(), Unopenable> {
    if only_member(&mut decoder, inside, WHAT).is_err() {
        // A bzip2 block is either complete or unreadable.
        inside.unread(Member { name: b"", at: 0 }, Reason::Damaged, WHAT);
        return Ok(());
    }
    let mut after = input(decoder);
    after.get_mut().goes_on = true;
    if after.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
        let _ = inside.member(Member { name: b"trailing", at: 0 }, &mut after);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::ops::ControlFlow;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, ZlibEncoder};
    use keyradius_core::blob::{Blob, Origin};
    use keyradius_core::budget::{Budget, Limits};
    use keyradius_core::seam::{Hit, Unwrapper};

    use super::super::compressed::tests::open;
    use super::super::openpgp_packets::OpenPgpPackets;
    use super::*;

    /// Returns a user id, and bytes that do not compress well.
    fn content() -> Vec<u8> {
        let noise: Vec<u8> = (0..3000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_be_bytes()).collect();
        [&[0xcd, 3][..], b"A B", &[0xfd, 255, 0, 0, 46, 224], &noise].concat()
    }

    fn packed(algorithm: u8, content: &[u8]) -> Vec<u8> {
        let body = match algorithm {
            STORED => content.to_vec(),
            ZIP => {
                let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(6));
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap()
            }
            ZLIB => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap()
            }
            _ => {
                let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(6));
                encoder.write_all(content).unwrap();
                encoder.finish().unwrap()
            }
        };
        [&[algorithm][..], &body].concat()
    }

    /// Returns a packet in every format.
    fn framed(body: &[u8]) -> Vec<Vec<u8>> {
        let length = body.len() as u32;
        let [_, _, high, low] = length.to_be_bytes();
        let mut partial = vec![0xc8];
        let (first, rest) = body.split_at(512);
        let (second, rest) = rest.split_at(1);
        partial.extend([&[224 + 9][..], first, &[224], second].concat());
        let last = (rest.len() as u32).to_be_bytes();
        partial.extend([&[255][..], &last, rest].concat());
        vec![
            [&[0xa1, high, low][..], body].concat(),
            [&[0xa2][..], &length.to_be_bytes(), body].concat(),
            [&[0xa3][..], body].concat(),
            [&[0xc8, 255][..], &length.to_be_bytes(), body].concat(),
            partial,
            // Wrong lengths that GnuPG ignores.
            [&[0xa0, 7][..], body].concat(),
            [&[0xc8, 1][..], body].concat(),
        ]
    }

    #[test]
    fn every_algorithm_in_every_packet_format_is_opened() {
        let content = content();
        for algorithm in [STORED, ZIP, ZLIB, BZIP] {
            for packet in framed(&packed(algorithm, &content)) {
                let head = &packet[..8];
                assert!(OpenPgpCompressed.claims(&packet), "{algorithm} {head:02x?}");
                let (result, out) = open(&OpenPgpCompressed, &[&packet[..], b"and more"].concat());
                assert_eq!(result, Ok(()), "{algorithm} {head:02x?}");
                let all: Vec<u8> = out.members.iter().flat_map(|(_, bytes, _)| bytes.clone()).collect();
                assert!(all == [&content[..], b"and more"].concat(), "{algorithm} {head:02x?}");
                assert!(out.members.iter().all(|(_, _, fault)| fault.is_none()));
                // A truncated stream yields the available data and an error.
                let (_, out) = open(&OpenPgpCompressed, &packet[..packet.len() / 2]);
                let faults = out.members.iter().filter(|member| member.2.is_some()).count() + out.unread.len();
                assert_eq!(faults, usize::from(algorithm != STORED), "{algorithm} {head:02x?}");
            }
        }
    }

    #[test]
    fn other_bytes_are_not_compressed_data() {
        for bytes in [
            &b""[..],
            b"\xa3",
            b"\xa3\x02",
            b"\xa3\x02text",
            b"\xa3\x04anything",
            b"\xa3\x00text",
            b"\xc8\xff\0\0\0\x09\x01",
            b"\xa3\x03BZh9 is a text",
            b"text",
        ] {
            assert!(!OpenPgpCompressed.claims(bytes), "{bytes:?}");
        }
        // A stream of other data, and a packet with an unknown version.
        for content in [&b"a text of some length"[..], &[0xc5, 60, 9, 0, 0, 0, 0]] {
            for algorithm in [STORED, ZIP, ZLIB] {
                assert!(!OpenPgpCompressed.claims(&[&[0xa3][..], &packed(algorithm, content)].concat()));
            }
        }
    }

    #[test]
    fn compressed_data_is_found_after_other_packets() {
        let origin = Origin::file("x");
        let inside = [&[0xa3][..], &packed(ZLIB, &content())].concat();
        for before in [&b""[..], b"\xca\x03PGP", b"\xa8\x03PGP\xcd\x01a\xff\x02..", b"\xb4\x05abcde"] {
            let bytes = [before, &inside].concat();
            let mut found = Vec::new();
            let budget = Budget::new(Limits::default());
            assert!(OpenPgpPackets.claims(Blob::whole(&bytes, &origin)));
            let result = OpenPgpPackets.open(Blob::whole(&bytes, &origin), Hit::START, &budget, &mut |entry| {
                found.push((entry.bytes.to_vec(), entry.span));
                ControlFlow::Continue(())
            });
            assert_eq!(result, Ok(()));
            assert_eq!(found, [(inside.clone(), before.len()..bytes.len())]);
        }
        for bytes in [&b"\xca\x03PGP"[..], b"\xca\x03PGPtext", b"\xca\x09PGP\xa3\x02"] {
            assert!(!OpenPgpPackets.claims(Blob::whole(bytes, &origin)), "{bytes:?}");
        }
    }
}
