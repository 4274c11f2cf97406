//! romfs: a file system without compression, whose files are stored in one piece.

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Exactly, be32, held, until_zero};

use super::folders::{End, Folders};

/// romfs images.
#[derive(Debug)]
pub(crate) struct Romfs;

static ABOUT: About = About {
    id: "romfs",
    title: "romfs file system",
    detects: "Files of romfs images.",
    blind_to: "Checksums are not verified.",
    respond: "Firmware is on every device that runs it: replace the key, then ship new firmware.",
    references: &["Linux, Documentation/filesystems/romfs.rst"],
};

const MAGIC: &[u8] = b"-rom1fs-";

/// Longest name, in bytes.
const MOST_NAME: u64 = 256;

/// Length of a header without its name.
const HEADER: u64 = 16;

impl Container for Romfs {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn begins(&self, start: &[u8]) -> bool {
        // The words of the first 512 bytes add up to zero.
        let words = start.get(..512).unwrap_or_default().chunks_exact(4);
        self.claims(start)
            && start.len() >= 512
            && words.filter_map(|word| be32(word, 0)).fold(0, u32::wrapping_add) == 0
    }

    fn length(&self, bytes: &Cursor) -> Option<u64> {
        be32(&held(bytes, 8, 4, 4)?, 0).map(|size| u64::from(size).next_multiple_of(1024))
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let name = held(bytes, 16, MOST_NAME.min(bytes.size().saturating_sub(16)), MOST_NAME);
    let name = name.ok_or(Malformed::new("romfs header", 0))?;
    let root = HEADER + (until_zero(&name).len() as u64 + 1).next_multiple_of(16);
    let mut folders = Folders::of(bytes.size());
    folders.begin(root);
    let walked = walk(bytes, &mut folders, inside);
    folders.ended(&walked, inside);
    Ok(())
}

fn walk(bytes: &Cursor, folders: &mut Folders<u64>, inside: &mut dyn Inside) -> Result<(), End> {
    while let Some(first) = folders.enter() {
        let mut at = first;
        while at != 0 && folders.is_new(at, inside)? {
            folders.reads(HEADER)?;
            let header = held(bytes, at, HEADER, HEADER);
            let Some((next, first, size)) =
                header.and_then(|header| Some((be32(&header, 0)?, be32(&header, 4)?, be32(&header, 8)?)))
            else {
                inside.unread(Member { name: folders.path(), at }, Reason::Damaged, "folder");
                break;
            };
            let most = MOST_NAME.min(bytes.size().saturating_sub(at + HEADER));
            let name = held(bytes, at + HEADER, most, MOST_NAME).unwrap_or_default();
            let name = until_zero(&name);
            match next & 7 {
                // A folder leads to its first entry; `.` and `..` are links to folders.
                1 if !matches!(name, b"." | b"..") => folders.push(name, u64::from(first & !15), inside)?,
                2 => {
                    let data = at + HEADER + (name.len() as u64 + 1).next_multiple_of(16);
                    let Some(path) = folders.path_of(name) else {
                        inside.unread(Member { name: b"", at }, Reason::TooDeep, "path");
                        break;
                    };
                    let mut content = Exactly::new(bytes.part(data, size.into()), size.into());
                    if size > 0 && inside.member(Member { name: &path, at: data }, &mut content).is_break() {
                        return Err(End::Stop);
                    }
                }
                _ => {}
            }
            at = u64::from(next & !15);
        }
    }
    Ok(())
}
