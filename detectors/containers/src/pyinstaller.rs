//! Programs by PyInstaller: the archive (CArchive) behind the boot loader, known by the cookie at its end.

use flate2::bufread::ZlibDecoder;
use keyradius_core::error::Malformed;
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{be32, held, until_zero};

/// Archives of PyInstaller.
#[derive(Debug)]
pub(crate) struct PyInstaller;

static ABOUT: About = About {
    id: "pyinstaller",
    title: "PyInstaller program",
    detects: "Files in the archive of a program by PyInstaller 2.1 and later, compressed or stored.",
    blind_to: "Modules in the archive of byte code (PYZ): each of its compressed streams is not opened. Encrypted \
               archives of PyInstaller before 6.",
    respond: "Treat the contents as plain text: anyone can unpack the program.",
    references: &["PyInstaller, PyInstaller/archive/readers.py"],
};

/// The magic of the cookie, and its length with the name of the library.
const MAGIC: &[u8] = b"MEI\x0c\x0b\x0a\x0b\x0e";
const COOKIE: u64 = 88;

/// Most bytes of the table of contents.
const MOST_TABLE: u64 = 16 << 20;

impl Container for PyInstaller {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    /// The archive is found by its end.
    fn claims(&self, _start: &[u8]) -> bool {
        false
    }

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn begins(&self, cookie: &[u8]) -> bool {
        // The table is inside the archive, and the cookie at its end.
        let [length, table, size] = [8, 12, 16].map(|at| be32(cookie, at).map_or(0, u64::from));
        cookie.starts_with(MAGIC) && table > 0 && size > 18 && table + size + COOKIE <= length
    }

    fn trailer(&self) -> Option<u64> {
        Some(COOKIE)
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("cookie of PyInstaller", 0);
    let cookie = bytes.size().checked_sub(COOKIE).and_then(|at| held(bytes, at, COOKIE, COOKIE)).ok_or(malformed)?;
    let [length, table, size] = [8, 12, 16].map(|at| be32(&cookie, at).map_or(0, u64::from));
    let start = bytes.size().checked_sub(length).ok_or(malformed)?;
    let table = held(bytes, start + table, size, MOST_TABLE).ok_or(malformed)?;
    let mut rest = table.as_slice();
    while let Some(length) = be32(rest, 0).and_then(|length| usize::try_from(length).ok()).filter(|length| *length > 18)
    {
        let Some((entry, after)) = rest.split_at_checked(length) else { break };
        rest = after;
        // Offset, stored and original length, whether it is compressed, its type, its name.
        let (Some(offset), Some(packed)) = (be32(entry, 4), be32(entry, 8)) else { break };
        let at = start + u64::from(offset);
        let member = Member { name: until_zero(entry.get(18..).unwrap_or_default()), at };
        let mut content = bytes.part(at, packed.into());
        let flow = if entry.get(16) == Some(&1) {
            inside.member(member, &mut ZlibDecoder::new(std::io::BufReader::new(content)))
        } else {
            inside.member(member, &mut content)
        };
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}
