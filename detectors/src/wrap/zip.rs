//! ZIP and everything that is one: jar, apk, aab, ipa, whl, nupkg, vsix, docx, and programs with a ZIP at their end.
//!
//! The central directory leads to the members, as it does for every program that opens such a file. Bytes that it leads
//! to nowhere (a stub in front, the signing block of an APK, members that were deleted from the directory only) are looked
//! at as they are, and as archives of their own if they begin like one. Without a directory, or with a damaged one, the
//! headers in front of the members are followed. Sizes are not believed: a member is what its decoder gives.
//!
//! A kept library reads what the directory says and nothing else; that is why this is not one. The decoders are.

mod decode;
mod directory;
mod local;

use std::io::Read;
use std::ops::ControlFlow;

use scanner_core::error::Reason;
use scanner_core::random::Cursor;
use scanner_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};

/// ZIP archives.
#[derive(Debug)]
pub(crate) struct Zip;

static ABOUT: About = About {
    id: "zip",
    title: "ZIP archive",
    detects: "ZIP archives (jar, apk, aab, ipa, whl, nupkg, vsix, docx and so on), ZIP64 too. Each member is looked at like \
              a file of its own, and so is what lies between the members.",
    blind_to: "Encrypted members and methods of the time before deflate (shrink, reduce, implode): each is a gap. The \
               pieces of an archive that is split over several files.",
    respond: "Treat what is inside as if it lay there in plain text.",
    references: &["PKWARE APPNOTE.TXT 6.3.10"],
};

impl Container for Zip {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // A local file header, the end of an empty archive, the marker of a split one (APPNOTE 4.3.7, 4.3.16, 8.5.3).
        &[
            Magic { at: 0, bytes: b"PK\x03\x04" },
            Magic { at: 0, bytes: b"PK\x05\x06" },
            Magic { at: 0, bytes: b"PK\x07\x08PK\x03\x04" },
        ]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(open)
    }
}

/// Smallest run of bytes between members that is looked at: no key is shorter, and data descriptors (up to 24) are.
const GAP: u64 = 32;

/// One member as a header tells of it.
pub(crate) struct Found {
    pub(crate) name: Vec<u8>,
    pub(crate) method: u16,
    pub(crate) encrypted: bool,
    /// Stored bytes; `None` if only the decoder can tell.
    pub(crate) packed: Option<u64>,
    /// Offset of the header in front of it.
    pub(crate) header: u64,
}

#[allow(clippy::needless_pass_by_value, reason = "the seam hands it over")]
fn open(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let Some(directory) = directory::find(&bytes) else {
        return local::walk(&bytes, inside);
    };
    let mut covered = vec![(directory.start, bytes.size())];
    let mut entries = directory::Entries::new(&bytes, &directory);
    loop {
        let entry = match entries.next() {
            Ok(Some(entry)) => entry,
            Ok(None) => break,
            Err(_) => {
                // What the directory does not lead to any more lies between its members.
                inside.unread(Member { name: b"", at: directory.start }, Reason::Damaged, "central directory");
                break;
            }
        };
        match member(&bytes, &entry, inside) {
            Some((range, flow)) => {
                covered.push(range);
                if flow.is_break() {
                    return Ok(());
                }
            }
            None => inside.unread(Member { name: &entry.name, at: entry.header }, Reason::Damaged, "local header"),
        }
    }
    between(&bytes, covered, inside);
    Ok(())
}

/// Hands out one member. Returns the bytes that it takes; `None` if there is none where the directory says.
fn member(bytes: &Cursor, entry: &Found, inside: &mut dyn Inside) -> Option<((u64, u64), ControlFlow<()>)> {
    let data = local::data_start(bytes, entry.header)?;
    let packed = entry.packed.unwrap_or_default();
    let end = data.saturating_add(packed).min(bytes.size());
    let flow = hand_out(entry, &mut bytes.part(data, packed), inside);
    Some(((entry.header, end), flow))
}

/// Hands out the content of a member, or tells why that cannot be done.
fn hand_out(entry: &Found, content: &mut dyn Read, inside: &mut dyn Inside) -> ControlFlow<()> {
    let member = Member { name: &entry.name, at: entry.header };
    if entry.name.ends_with(b"/") && entry.packed == Some(0) {
        return ControlFlow::Continue(());
    }
    if entry.encrypted {
        inside.unread(member, Reason::Encrypted, "encrypted member");
        return ControlFlow::Continue(());
    }
    match decode::decoder(entry.method, content, inside.memory()) {
        Ok(mut decoder) => inside.member(member, &mut *decoder),
        Err(reason) => {
            inside.unread(member, reason, "compression method");
            ControlFlow::Continue(())
        }
    }
}

/// Looks at the bytes that no member takes.
fn between(bytes: &Cursor, mut covered: Vec<(u64, u64)>, inside: &mut dyn Inside) {
    covered.sort_unstable();
    let mut at = 0;
    for (start, end) in covered {
        if start.saturating_sub(at) >= GAP {
            let mut part = bytes.part(at, start - at);
            if !is_blank(&part) && inside.member(Member { name: b"", at }, &mut part).is_break() {
                return;
            }
        }
        at = at.max(end);
    }
}

/// Whether all bytes are zero, as far as one page tells: what aligns members.
fn is_blank(part: &Cursor) -> bool {
    let mut page = [0; 4096];
    part.size() <= page.len() as u64
        && part.read_from(0, &mut page).is_ok_and(|read| page.iter().take(read).all(|byte| *byte == 0))
}

/// Reads so many bytes at a place, or nothing.
fn exactly<const N: usize>(bytes: &Cursor, at: u64) -> Option<[u8; N]> {
    let mut into = [0; N];
    (bytes.read_from(at, &mut into).ok()? == N).then_some(into)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests;
