//! Made-up formats: a detector, an unwrapper and containers, controlled by their text.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::blob::Blob;
use crate::budget::Budget;
use crate::error::{Malformed, Reason};
use crate::material::{Encoding, Identity, Kind, Material};
use crate::read_at::{Cursor, Held};
use crate::seam::{
    About, Anchor, Candidate, Container, Decoded, Detector, Entry, Hit, Inside, Inspection, Magic, Member, Reader,
    Unopenable, Unopened, Unwrapper, UsageHints, UsageReader,
};
use crate::secret::Secret;

macro_rules! about {
    ($id:literal) => {
        &About { id: $id, title: "", detects: "", blind_to: "", respond: "", references: &[] }
    };
}

/// `KEY{...}`: a private key; `KID{...}`: a private key with an identity; `PUB{...}`: a public key. `KEX{...}` only
/// looks like a key. `DEC{...}` is decoded; `ALL{...}` uses up all allowed work.
pub(super) struct Key;

impl Detector for Key {
    fn about(&self) -> &'static About {
        about!("key")
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        const {
            &[
                Anchor::anywhere(b"KEY{"),
                Anchor::anywhere(b"KEX{"),
                Anchor::anywhere(b"KID{"),
                Anchor::anywhere(b"PUB{"),
                Anchor::anywhere(b"DEC{"),
                Anchor::anywhere(b"ALL{"),
            ]
        }
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if hit.anchor.bytes == b"KEX{" {
            return Err(Malformed::new("no key", hit.at));
        }
        if hit.anchor.bytes == b"ALL{" {
            if out.may_work() {
                out.work(usize::MAX);
            }
            return Ok(());
        }
        let length = memchr::memchr(b'}', &blob.bytes[hit.at..]).ok_or(Malformed::new("no end", hit.at))?;
        let span = hit.at..hit.at + length + 1;
        if hit.anchor.bytes == b"DEC{" {
            let bytes = blob.bytes[hit.at + 4..].to_vec().into();
            out.decoded(Decoded { kind: "dec", span, bytes, tail: 0, shifts: &[] });
            return Ok(());
        }
        let kind = if hit.anchor.bytes == b"PUB{" { Kind::PublicKey } else { Kind::PrivateKey };
        let mut material = Material::new(kind, "key", Encoding::Text, span);
        material.identity = (hit.anchor.bytes == b"KID{").then(|| Identity::Opaque([blob.bytes[hit.at + 4]; 32]));
        out.found(material);
        Ok(())
    }
}

/// `PANIC`: a detector that panics.
pub(super) struct Faulty;

impl Detector for Faulty {
    fn about(&self) -> &'static About {
        about!("faulty")
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        const { &[Anchor::anywhere(b"PANIC")] }
    }

    fn inspect(&self, _: Blob<'_>, _: Hit<'_>, _: &mut Inspection) -> Result<(), Malformed> {
        panic!("the message of a panic is not reported");
    }
}

/// `WRAP(...)`: the text between the parentheses, charged to the budget. `WRAP(=)`: the whole blob around it.
pub(super) struct Wrapped;

impl Unwrapper for Wrapped {
    fn about(&self) -> &'static About {
        about!("wrap")
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        const { &[Anchor::anywhere(b"WRAP(")] }
    }

    fn claims(&self, blob: Blob<'_>) -> bool {
        assert!(!blob.bytes.starts_with(b"CLAIM"), "a fault past every detector");
        false
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        let inside = &blob.bytes[hit.at + 5..];
        assert!(!inside.starts_with(b"FAULT"), "a fault of an unwrapper");
        if inside.starts_with(b"=)") {
            let _ = each(Entry { bytes: blob.bytes, span: 0..blob.bytes.len() });
            return Ok(());
        }
        let mut depth = 1;
        let closes = |byte: &u8| {
            depth += i32::from(*byte == b'(') - i32::from(*byte == b')');
            depth == 0
        };
        let length = inside.iter().position(closes).ok_or(Malformed::new("no end", hit.at))?;
        budget.take(length as u64)?;
        let _ = each(Entry { bytes: &inside[..length], span: hit.at..hit.at + 6 + length });
        Ok(())
    }
}

/// `BOX:` and members, one per line: `name=content`, `name@content` (stored uncompressed), `zeros*number`,
/// `memory#number` (needed), `?` (encrypted), `!` (damaged), `~` (an error), `^` (a panic).
fn open_box(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|_| Malformed::new("unreadable", 0))?;
    for (at, line) in bytes[4..].split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
        let split = line.iter().position(|byte| b"=*@#".contains(byte)).unwrap_or(line.len());
        let (name, content) = line.split_at(split);
        let member = Member { name, at: at as u64 };
        let go_on = match (name, content) {
            (b"?", _) => {
                inside.unread(member, Reason::Encrypted, "locked");
                ControlFlow::Continue(())
            }
            (b"!", _) => {
                inside.unread(member, Reason::Damaged, "torn");
                ControlFlow::Continue(())
            }
            (b"~", _) => return Err(Malformed::new("ends badly", at).into()),
            (b"^", _) => panic!("a fault of a container"),
            (_, [b'*', digits @ ..]) => {
                let number = std::str::from_utf8(digits).expect("digits").parse().expect("a number");
                inside.member(member, &mut io::repeat(0).take(number))
            }
            (_, [b'#', digits @ ..]) => {
                inside.holds(std::str::from_utf8(digits).expect("digits").parse().expect("a number"))?;
                ControlFlow::Continue(())
            }
            (_, [b'@', content @ ..]) => inside.stored(member, Cursor::new(Arc::new(Held::new(content.to_vec())))),
            (_, content) => inside.member(member, &mut content.get(1..).unwrap_or_default()),
        };
        if go_on.is_break() {
            break;
        }
    }
    Ok(())
}

pub(super) struct Boxed;

impl Container for Boxed {
    fn about(&self) -> &'static About {
        about!("box")
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: b"BOX:" }]
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open_box)
    }
}

/// Like [`Boxed`], with the magic `ANY:`; read at any offset.
pub(super) struct AnyBoxed;

impl Container for AnyBoxed {
    fn about(&self) -> &'static About {
        about!("any")
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: b"ANY:" }]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|mut cursor, inside| open_box(&mut cursor, inside))
    }
}

/// An image, recognised by a magic number after its first bytes.
pub(super) struct Image;

impl Container for Image {
    fn about(&self) -> &'static About {
        about!("image")
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 16, bytes: b"IMAGE:" }]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|cursor, inside| open_box(&mut cursor.part(18, cursor.size()), inside))
    }
}

/// Reads `*.use` files: one candidate and one reference.
pub(super) struct Uses;

impl UsageReader for Uses {
    fn wants(&self, path: &Path) -> bool {
        path.extension().is_some_and(|extension| extension == "use")
    }

    fn read(&self, blob: Blob<'_>, out: &mut UsageHints) {
        assert!(!blob.bytes.starts_with(b"FAULT"), "a fault of a reader of usage_hints");
        out.references.push(Material::new(Kind::Reference, "use", Encoding::Text, 0..1));
        let secret = Secret::new(b"password".to_vec());
        let (origin, field) = (blob.origin.clone(), "field".to_owned());
        out.candidates.push(Candidate { secret, origin, line: 1, field, about: Vec::new() });
    }
}

pub(super) static UNOPENED: [Unopened; 3] = [
    Unopened::new("shut", 0, b"SHUT"),
    Unopened::new("beside", 30, b"B").and(31, b"!"),
    Unopened::trailer("tail", 4, b"TAIL"),
];
