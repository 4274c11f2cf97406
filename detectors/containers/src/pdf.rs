//! PDF: every stream of every object, in all revisions of a document, and the text of pages as a reader sees it.
//!
//! Objects are found by their own headers, not through the cross-reference table: deleted objects and damaged documents
//! are read too. A PEM file that was printed is many small strings with moves between them; `text.rs` joins them to
//! lines.

mod filter;
mod font;
mod object;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::ops::ControlFlow;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use zeroize::Zeroizing;

use filter::{Unfiltered, unfiltered};
use font::Font;
use object::{Dict, Document};

/// PDF documents.
#[derive(Debug)]
pub(crate) struct Pdf;

static ABOUT: About = About {
    id: "pdf",
    title: "PDF document",
    detects: "PDF documents: all streams (FlateDecode, LZW excepted, ASCIIHexDecode, ASCII85Decode, RunLengthDecode), \
              which are attachments, object streams, metadata and pages; and the text of pages and forms, joined to \
              lines, through the character maps of its fonts.",
    blind_to: "Encrypted documents, streams compressed by LZW, and documents larger than 128 MiB, which are reported as \
               not read. Text in pictures, and text in fonts that do not say which characters they show.",
    respond: "Treat the contents as plain text.",
    references: &["ISO 32000-1:2008, 7.4, 7.5, 9.4, 9.10"],
};

/// Largest document that is read, in bytes: it is held in memory.
const MOST: u64 = 128 << 20;

/// Most decoded bytes of a stream that is read for its objects or its text.
const MOST_TEXT: u64 = 16 << 20;

/// Most decoded bytes of all object streams of a document.
const MOST_OBJECTS: usize = 32 << 20;

impl Container for Pdf {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: b"%PDF-" }]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let all = Member { name: b"", at: 0 };
    let malformed = Malformed::new("PDF object", 0);
    if bytes.size() > MOST || inside.holds(bytes.size()).is_err() {
        inside.unread(all, Reason::TooLarge, "document");
        return Ok(());
    }
    let mut held = Zeroizing::new(Vec::new());
    bytes.part(0, MOST).read_to_end(&mut held).map_err(|_| malformed)?;
    let mut document = Document::new(&held);
    if document.objects.is_empty() {
        return Err(malformed.into());
    }
    if document.is_encrypted() {
        inside.unread(all, Reason::Encrypted, "encrypted document");
        return Ok(());
    }
    let mut packed = Vec::new();
    let starts: Vec<(u32, usize)> = document.objects.clone();
    for &(number, at) in &starts {
        let Some((dict, stream)) = document.stream(at) else { continue };
        let name = format!("{number}");
        let member = Member { name: name.as_bytes(), at: at as u64 };
        match unfiltered(dict, stream) {
            // Stored streams and pictures are searched with the rest of the document.
            Unfiltered::Plain => {}
            Unfiltered::Unsupported(what) => inside.unread(member, Reason::Unsupported, what),
            Unfiltered::Decoded(mut content) => {
                if inside.member(member, &mut content).is_break() {
                    return Ok(());
                }
            }
        }
        let room = MOST_OBJECTS.saturating_sub(packed.iter().map(|objects: &Zeroizing<Vec<u8>>| objects.len()).sum());
        if dict.is(b"/Type", b"/ObjStm") && room > 0 {
            packed.push(decoded(dict, stream, (room as u64).min(MOST_TEXT)));
        }
    }
    for objects in &packed {
        document.add_packed(objects);
    }
    let _ = texts(&document, &starts, inside);
    if document.is_too_slow() {
        inside.unread(all, Reason::TooSlow, "objects that lie in each other");
    }
    Ok(())
}

/// The decoded bytes of a stream, as far as they can be decoded.
fn decoded(dict: Dict<'_>, stream: &[u8], most: u64) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::new());
    match unfiltered(dict, stream) {
        Unfiltered::Plain => {
            out.extend_from_slice(stream.get(..stream.len().min(MOST_TEXT as usize)).unwrap_or_default());
        }
        Unfiltered::Unsupported(_) => {}
        // Damage was reported with the member.
        Unfiltered::Decoded(content) => drop(content.take(most).read_to_end(&mut out)),
    }
    out
}

/// Hands out the text of pages, of forms, and of streams that belong to no page.
fn texts(document: &Document<'_>, starts: &[(u32, usize)], inside: &mut dyn Inside) -> ControlFlow<()> {
    let mut done = BTreeSet::new();
    let mut fonts: BTreeMap<u32, Font> = BTreeMap::new();
    let mut all: Vec<(u32, Vec<u32>, Dict<'_>)> = document.pages();
    for &(number, at) in starts {
        if let Some((dict, _)) = document.stream(at).filter(|(dict, _)| dict.is(b"/Subtype", b"/Form")) {
            all.push((number, vec![number], dict));
        }
    }
    for (number, contents, dict) in all {
        let names = document.fonts(dict);
        for (_, object) in &names {
            if !fonts.contains_key(object) {
                let map = document.dict(*object).and_then(|font| document.stream_of(font.reference(b"/ToUnicode")?));
                let map = map.and_then(|(dict, stream)| read_again(document, dict, stream, MOST_TEXT));
                let font = map.map(|map| Font::new(&map)).unwrap_or_default();
                fonts.insert(*object, font);
            }
        }
        let mut content = Zeroizing::new(Vec::new());
        for part in &contents {
            done.insert(*part);
            if let Some((dict, stream)) = document.stream_of(*part) {
                let most = MOST_TEXT.saturating_sub(content.len() as u64);
                if let Some(part) = read_again(document, dict, stream, most) {
                    content.extend_from_slice(&part);
                    content.push(b'\n');
                }
            }
        }
        let of_name =
            |name: &[u8]| names.iter().find(|(known, _)| *known == name).and_then(|(_, object)| fonts.get(object));
        hand_out(document, number, &content, &of_name, inside)?;
    }
    for &(number, at) in starts {
        let Some((dict, stream)) = document.stream(at).filter(|_| !done.contains(&number)) else { continue };
        if dict.has(b"/Type") || dict.has(b"/Subtype") {
            continue;
        }
        if let Some(content) = read_again(document, dict, stream, MOST_TEXT) {
            hand_out(document, number, &content, &|_| None, inside)?;
        }
    }
    ControlFlow::Continue(())
}

/// [`decoded`], counted: pages may share a stream.
fn read_again(document: &Document<'_>, dict: Dict<'_>, stream: &[u8], most: u64) -> Option<Zeroizing<Vec<u8>>> {
    let content = decoded(dict, stream, most.min(document.left()));
    document.spend(content.len())?;
    Some(content)
}

fn hand_out<'f>(
    document: &Document<'_>,
    number: u32,
    content: &[u8],
    fonts: &dyn Fn(&[u8]) -> Option<&'f Font>,
    inside: &mut dyn Inside,
) -> ControlFlow<()> {
    let lines = text::lines(content, fonts);
    // A map may make much of a few codes.
    if lines.len() < 32 || document.spend(lines.len()).is_none() {
        return ControlFlow::Continue(());
    }
    let name = format!("{number}/text");
    if lines.len() >= text::LONGEST || content.len() as u64 >= MOST_TEXT {
        inside.unread(Member { name: name.as_bytes(), at: 0 }, Reason::TooLarge, "text of a page");
    }
    inside.view(Member { name: name.as_bytes(), at: 0 }, &mut lines.as_slice())
}

#[cfg(test)]
mod tests;
