//! RPM packages, binary and source.
//!
//! A package consists of a lead of 96 bytes, a header with signatures, a header with metadata, and the payload: a
//! `cpio` archive, possibly compressed, which is one member and opened further. The headers are members too: the second
//! contains the scripts that run at installation.

use std::io::Read;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Stream, be32};

/// RPM packages.
#[derive(Debug)]
pub(crate) struct Rpm;

static ABOUT: About = About {
    id: "rpm",
    title: "RPM package",
    detects: "The payload of RPM packages, whose files are opened further, and both headers: signatures, and the scripts \
              that run at installation.",
    blind_to: "Whatever the reader of the payload cannot see. Packages of version 2 and older, from before 1997.",
    respond: "A key in a package is on every machine that installed it: replace the key, then the package.",
    references: &["RPM package format v4, lib/rpmlead.h and lib/header.c of rpm"],
};

/// rpmlead.h: RPMLEAD_MAGIC.
const MAGIC: &[u8] = &[0xed, 0xab, 0xee, 0xdb];

/// Length of the lead in bytes.
const LEAD: usize = 96;

/// header.c: rpm_header_magic, version 1.
const HEADER: [u8; 4] = [0x8e, 0xad, 0xe8, 0x01];

impl Container for Rpm {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(read)
    }
}

fn read(from: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut stream = Stream::new(from);
    let start = stream.peek(LEAD + HEADER.len());
    if !start.starts_with(MAGIC) || start.get(LEAD..).is_none_or(|header| header != HEADER) {
        return Err(Malformed::new("rpm signature header", LEAD).into());
    }
    stream.skip(LEAD as u64);
    for name in [&b"signature"[..], b"header"] {
        let start = stream.at();
        let Some(length) = header_length(stream.peek(16)) else {
            inside.unread(Member { name, at: start }, Reason::Damaged, "header");
            return Ok(());
        };
        if stream.member(inside, Member { name, at: start }, length).is_break() {
            return Ok(());
        }
        // Only the data after the signatures is aligned to eight bytes.
        if name == b"signature" {
            stream.align(start, 8);
        }
    }
    if !stream.peek(1).is_empty() {
        let _ = inside.member(Member { name: b"payload", at: stream.at() }, &mut stream);
    }
    Ok(())
}

/// Returns the length of a header: magic, four reserved bytes, number of index entries (16 bytes each), bytes of data.
fn header_length(bytes: &[u8]) -> Option<u64> {
    if !bytes.starts_with(&HEADER) {
        return None;
    }
    Some(16 + 16 * u64::from(be32(bytes, 8)?) + u64::from(be32(bytes, 12)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{Seen, open, open_into, torture};

    fn package() -> Vec<u8> {
        let mut bytes = [MAGIC, &[3, 0, 0, 0]].concat();
        bytes.resize(LEAD, 0);
        for (index, data, padded) in [(1, &b"signed"[..], true), (2, &b"#!/bin/sh echo"[..], false)] {
            bytes.extend([&HEADER[..], &[0; 4], &u32::to_be_bytes(index), &(data.len() as u32).to_be_bytes()].concat());
            bytes.extend(vec![0; index as usize * 16]);
            bytes.extend(data);
            while padded && bytes.len() % 8 > 0 {
                bytes.push(0);
            }
        }
        bytes.extend(b"\x1f\x8bpayload");
        bytes
    }

    #[test]
    fn headers_and_payload() {
        let bytes = package();
        let seen = open(&Rpm, &bytes).unwrap();
        assert_eq!(seen.names(), ["signature", "header", "payload"]);
        assert_eq!(seen.content("payload"), Some(&b"\x1f\x8bpayload"[..]));
        assert!(seen.content("header").unwrap().ends_with(b"echo"));
        assert_eq!(seen.unread, []);
        torture(&Rpm, &bytes, 1);
    }

    #[test]
    fn damage_is_reported() {
        let mut bytes = package();
        let second = LEAD + 16 + 16 + 8;
        assert_eq!(bytes[second..second + 4], HEADER);
        bytes[second] = 0;
        assert_eq!(open(&Rpm, &bytes).unwrap().unread[0].2, "header");
        assert!(open(&Rpm, &bytes[..LEAD]).is_none());
        assert!(open(&Rpm, &[MAGIC, &[0; 200]].concat()).is_none());
        let mut seen = Seen { stop_after: Some(2), ..Seen::default() };
        open_into(&Rpm, &package(), &mut seen).unwrap();
        assert_eq!(seen.names(), ["signature", "header"]);
    }
}
