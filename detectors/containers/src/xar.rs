//! xar archives (`.pkg` and `.xip` of macOS): a table of contents in XML, compressed by zlib, and a heap of files.

use std::io::Read;

use bzip2::bufread::BzDecoder;
use flate2::bufread::ZlibDecoder;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{be16, be64, held};
use memchr::memmem;

/// xar archives.
#[derive(Debug)]
pub(crate) struct Xar;

static ABOUT: About = About {
    id: "xar",
    title: "xar archive",
    detects: "Files of xar archives, stored or compressed by zlib or bzip2, and the table of contents with its \
              certificates and signatures.",
    blind_to: "Files compressed by other methods are reported as not read; streams of LZMA and xz are opened as such.",
    respond: "Treat the contents as plain text.",
    references: &["xar, include/xar.h.in and the wiki page xarformat"],
};

/// The magic number and the usual length of the header.
const MAGIC: &[u8] = b"xar!";

/// Most bytes of the table of contents.
const MOST: u64 = 64 << 20;

impl Container for Xar {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    fn claims(&self, start: &[u8]) -> bool {
        // Length of the header, version, lengths of the table of contents.
        start.starts_with(MAGIC)
            && be16(start, 4).is_some_and(|length| (28..=1024).contains(&length))
            && be16(start, 6) == Some(1)
            && be64(start, 8).is_some_and(|length| (1..MOST).contains(&length))
    }

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("xar header", 0);
    let header = held(bytes, 0, 28, 28).ok_or(malformed)?;
    let (length, packed) = be16(&header, 4).zip(be64(&header, 8)).ok_or(malformed)?;
    let packed = held(bytes, length.into(), packed, MOST).ok_or(malformed)?;
    let mut table = Vec::new();
    let most = MOST.min(inside.memory());
    inside.holds(most)?;
    ZlibDecoder::new(packed.as_slice()).take(most).read_to_end(&mut table).map_err(|_| malformed)?;
    let heap = u64::from(length) + packed.len() as u64;
    if inside.member(Member { name: b"toc.xml", at: length.into() }, &mut table.as_slice()).is_break() {
        return Ok(());
    }
    // Each file has `<data>` with its place in the heap, in any order, and its name after or before it: the names of
    // the folders around it are left out.
    for at in memmem::find_iter(&table, b"<data>") {
        let rest = table.get(at..).unwrap_or_default();
        let data = rest.get(..memmem::find(rest, b"</data>").unwrap_or(rest.len())).unwrap_or_default();
        let (Some(offset), Some(length)) = (number(data, b"<offset>"), number(data, b"<length>")) else { continue };
        let end = memmem::find(rest, b"</file>").unwrap_or(rest.len());
        let after = text(rest.get(data.len()..end).unwrap_or_default(), b"<name>");
        let before = memmem::rfind(table.get(..at).unwrap_or_default(), b"<file ");
        let name = after.or_else(|| text(table.get(before?..at)?, b"<name>")).unwrap_or_default();
        let member = Member { name, at: heap.saturating_add(offset) };
        let mut content = bytes.part(member.at, length);
        let style = |name: &[u8]| memmem::find(data, name).is_some();
        let flow = if style(b"application/x-gzip") {
            inside.member(member, &mut ZlibDecoder::new(std::io::BufReader::new(content)))
        } else if style(b"application/x-bzip2") {
            inside.member(member, &mut BzDecoder::new(std::io::BufReader::new(content)))
        } else if content.size() < length {
            inside.unread(member, Reason::Damaged, "cut off");
            std::ops::ControlFlow::Continue(())
        } else {
            inside.member(member, &mut content)
        };
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}

/// The text of an element.
fn text<'t>(xml: &'t [u8], element: &[u8]) -> Option<&'t [u8]> {
    let content = xml.get(memmem::find(xml, element)? + element.len()..)?;
    content.get(..memchr::memchr(b'<', content)?)
}

fn number(xml: &[u8], element: &[u8]) -> Option<u64> {
    str::from_utf8(text(xml, element)?).ok()?.trim().parse().ok()
}
