//! Base64 of a key with text in and around its lines, whatever that text is: timestamps, line numbers, colours, one
//! record of a log for each line, cells of a table, markup, escapes.
//!
//! PEM readers and `base64.rs` skip what is known to be decoration. This reader begins where they stop. The first digits
//! of a structure state its length, so the number of digits that belong to it is known. The text after them is read in
//! several ways (`runs.rs`), as it is, with one to three layers of escapes and markup removed (`clean.rs`), and as the
//! string literals of a log that have the same place in their records (`strings.rs`). A reading counts only if it
//! has exactly the stated number of digits; then the arithmetic of the detectors decides.
//!
//! The work begins at an anchor of other readers, after the first digits gave a length, and only if the digits are not
//! complete as they are.

mod clean;
mod runs;
mod strings;

use std::ops::ControlFlow;
use std::sync::LazyLock;

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use keyradius_readers::armor;
use keyradius_readers::text::unbase64;
use zeroize::Zeroizing;

use super::base64;
use runs::{Digits, Start};

/// Base64 between other text.
#[derive(Debug)]
pub(crate) struct Assembled;

static ABOUT: About = About {
    id: "assembled",
    title: "base64 between other text",
    detects: "PEM and base64 of DER keys, PKCS#12 and OpenSSH keys with other text before, after or between the lines: \
              timestamps, line numbers, quotes of mail, terminal colours and cursor moves, records of JSON logs and \
              terminal recordings, markup, cells, assignments, separators of any kind, and several layers of escapes.",
    blind_to: "Structures that state no length (OpenPGP, PKCS#12 with indefinite lengths, PEM encrypted as in RFC \
               1421). Lines of different lengths with letters and digits directly beside them. Separators of more than \
               96 bytes that contain letters or digits as long as a line. URL-safe digits.",
    respond: "Whoever reads the log, the recording or the document can read the key. Replace it, and remove the text.",
    references: &["RFC 7468", "ECMA-48", "asciicast v2 file format"],
};

/// Maximum number of readings that are searched for keys.
const MAX_READINGS: usize = 8;

/// How far after an anchor the first digits are searched for, in bytes: headers and decoration of the first line.
const HEAD: usize = 4096;

/// How far before an anchor in base64 its structure may begin, in bytes. The anchors are in the first fields.
const BEFORE: usize = 96;

/// How many bytes from an anchor on its structure may begin: the anchor of OpenSSH keys is at their start.
const FIRST: usize = 20;

/// Maximum number of bytes of text for each digit. A recording of a typed key has 20.
const MAX_NOISE: usize = 24;

/// Maximum number of layers of escapes and markup that are removed.
const LAYERS: usize = 3;

/// The first bytes of a terminal recording (asciicast v2).
const CAST: [Anchor; 2] = [Anchor::at_start(b"{\"version\": 2"), Anchor::at_start(b"{\"version\":2")];

/// `B` and `E`, each printed twice: a bold BEGIN line as `man` and `nroff` write it.
const OVERSTRUCK: Anchor = Anchor::anywhere(b"B\x08BE\x08EG\x08G");

static ANCHORS: LazyLock<Vec<Anchor>> = LazyLock::new(|| {
    let own = [armor::ANCHOR, CAST[0], CAST[1], OVERSTRUCK];
    own.into_iter().chain(base64::of_structures()).collect()
});

impl Unwrapper for Assembled {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHORS
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        let bytes = blob.bytes;
        if CAST.contains(&hit.anchor) {
            let first = memchr::memmem::find(bytes.get(..HEAD.min(bytes.len())).unwrap_or_default(), b"\"o\", \"")
                .ok_or(Malformed::new("output of a recording", hit.at))?;
            budget.take(bytes.len() as u64)?;
            let text = strings::joined(bytes, first + 6).ok_or(Malformed::new("output of a recording", hit.at))?;
            let _ = each(Entry { bytes: &clean::clean(&text), span: 0..bytes.len() });
            return Ok(());
        }
        if hit.anchor == OVERSTRUCK {
            let start = hit.at.saturating_sub(BEFORE);
            let end = bytes.len().min(hit.at + (1 << 16));
            let text = bytes.get(start..end).unwrap_or_default();
            budget.take(text.len() as u64)?;
            let _ = each(Entry { bytes: &clean::clean(text), span: start..end });
            return Ok(());
        }
        let from = if hit.anchor == armor::ANCHOR {
            if !armor::label(bytes, hit.at).is_some_and(|label| label.contains("PRIVATE KEY") || label == "PKCS12") {
                return Err(Malformed::new("label of a private key", hit.at).into());
            }
            hit.at
        } else {
            hit.at.saturating_sub(BEFORE)
        };
        let readings = readings(bytes, from, hit, budget)?;
        for (digits, end) in readings {
            let Some(decoded) = unbase64(&digits) else { continue };
            if each(Entry { bytes: &decoded, span: from..end }).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// The complete readings of the structure at `hit`, each with the end of the text it was read from.
fn readings(bytes: &[u8], from: usize, hit: Hit<'_>, budget: &Budget) -> Result<Vec<(Digits, usize)>, Unopenable> {
    let malformed = || Malformed::new("length of a structure in base64", hit.at);
    let is_pem = hit.anchor == armor::ANCHOR;
    let reach = if is_pem { HEAD } else { FIRST };
    let head = bytes.get(from..bytes.len().min(hit.at + reach)).unwrap_or_default();
    // Layers of the first bytes only, to find out how much text belongs to the structure. The anchors in base64 are
    // among its first digits, which are the same in every layer.
    let mut layer = Zeroizing::new(head.to_vec());
    let mut length = None;
    for cleaned in 0..=LAYERS {
        if let Some(start) = Start::find(&layer) {
            if cleaned == 0 && runs::is_plain(bytes.get(from + start.at..).unwrap_or_default()) {
                return Err(malformed().into());
            }
            length = Some(start.length());
            break;
        }
        if !is_pem {
            break;
        }
        layer = clean::clean(&layer);
    }
    let length = length.ok_or_else(malformed)?;
    let end = bytes.len().min(from + HEAD + length.saturating_mul(MAX_NOISE));
    let text = bytes.get(from..end).unwrap_or_default();
    let mut found: Vec<(Digits, usize)> = Vec::new();
    let mut add = |digits: Digits| {
        if found.len() < MAX_READINGS && !found.iter().any(|(known, _)| *known == digits) {
            found.push((digits, end));
        }
        found.len() < MAX_READINGS
    };
    let mut layer = Zeroizing::new(text.to_vec());
    for _ in 0..=LAYERS {
        budget.take(layer.len() as u64)?;
        if let Some(start) = Start::find(&layer) {
            if !runs::all(&layer, &start, &mut add) {
                break;
            }
            let mut joined = strings::joined(&layer, start.at);
            for _ in 0..2 {
                let Some(text) = joined.take() else { break };
                if let Some(start) = Start::find(&text) {
                    runs::all(&text, &start, &mut add);
                }
                joined = Some(clean::clean(&text));
            }
        }
        let next = clean::clean(&layer);
        if next == layer {
            break;
        }
        layer = next;
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
