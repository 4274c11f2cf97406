//! Revision logs of Mercurial (`.i` and `.d` below `.hg/store`): whole texts and differences, compressed by zlib or
//! Zstandard.

use std::io::Read;

use flate2::bufread::ZlibDecoder;
use keyradius_core::error::Malformed;
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{be16, be32, held};

/// Revision logs of Mercurial.
#[derive(Debug)]
pub(crate) struct HgRevlog;

static ABOUT: About = About {
    id: "hg_revlog",
    title: "revision log of Mercurial",
    detects: "Revision logs of Mercurial, version 1, with their data inside: each revision as it is stored, a whole text \
              or a difference to another revision.",
    blind_to: "A key that no stored revision contains as a whole. Logs whose data is in a file of its own (`.d`): such \
               a file is read only if it is not compressed, or if it begins with a zlib stream.",
    respond: "Treat every revision as published: remove the key with `hg censor` or convert the repository.",
    references: &["Mercurial, hg help internals.revlogs"],
};

/// Length of an entry of the index, in bytes.
const ENTRY: u64 = 64;

/// Version 1, with flags: the data follows each entry, and differences are to any revision.
const MAGICS: [Magic; 2] = [Magic { at: 0, bytes: &[0, 1, 0, 1] }, Magic { at: 0, bytes: &[0, 3, 0, 1] }];

impl Container for HgRevlog {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &MAGICS
    }

    fn claims(&self, start: &[u8]) -> bool {
        // The first entry has no offset, no parents and itself as base, and the end of its node is unused.
        MAGICS.iter().any(|magic| magic.begins(start))
            && be16(start, 4) == Some(0)
            && be16(start, 6) == Some(0)
            && be32(start, 24) == Some(u32::MAX)
            && be32(start, 28) == Some(u32::MAX)
            && start.get(52..64) == Some(&[0; 12])
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let (mut at, mut number) = (0, 0_u64);
    while let Some(entry) = held(bytes, at, ENTRY, ENTRY) {
        let length = u64::from(be32(&entry, 8).unwrap_or_default());
        let data = at + ENTRY;
        let name = format!("{number}");
        let member = Member { name: name.as_bytes(), at: data };
        let kind = held(bytes, data, length.min(4), 4).unwrap_or_default();
        let mut content = bytes.part(data, length);
        if content.size() < length {
            return Err(Malformed::new("revision of Mercurial", 0).into());
        }
        let flow = match kind.as_slice() {
            [] => std::ops::ControlFlow::Continue(()),
            [b'x', ..] => inside.member(member, &mut ZlibDecoder::new(std::io::BufReader::new(content))),
            [0x28, 0xb5, 0x2f, 0xfd] => match zstd::stream::read::Decoder::new(content) {
                Ok(mut decoder) => inside.member(member, &mut decoder),
                Err(_) => std::ops::ControlFlow::Continue(()),
            },
            // A text is stored after `u`; one that begins with a zero byte is stored as it is.
            [b'u', ..] => {
                let mut text = bytes.part(data + 1, length - 1);
                inside.member(member, &mut text)
            }
            _ => inside.member(member, &mut (&mut content as &mut dyn Read)),
        };
        if flow.is_break() {
            return Ok(());
        }
        (at, number) = (data + length, number + 1);
    }
    Ok(())
}
