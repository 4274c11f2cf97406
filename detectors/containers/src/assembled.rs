//! Base64 of a key with text in and around its lines, whatever that text is: timestamps, line numbers, colours, one
//! record of a log for each line, cells of a table, markup, escapes.
//!
//! PEM readers and `base64.rs` skip what is known to be decoration. This reader begins where they stop. The first digits
//! of a structure state its length, so the number of digits that belong to it is known. The text after them is read in
//! several ways (`runs.rs`), as it is, with one to three layers of escapes and markup removed (`clean.rs`), and as the
//! string literals of a log that have the same place in their records (`strings.rs`). A reading counts only if it
//! has exactly the stated number of digits. Of several, the one is passed on whose numbers prove each other, if there is
//! one; the detectors prove it again.
//!
//! OpenPGP armor has a checksum instead (`armored.rs`).
//!
//! The work begins at an anchor of other readers, after the first digits gave a length, and only if the digits are not
//! complete as they are. It is bounded by the stated length, which is at most 64 KiB: 12 or 24 bytes of text for each digit,
//! in four layers, each read in at most ten ways.

mod armored;
mod clean;
mod runs;
mod strings;

use std::ops::ControlFlow;

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use keyradius_readers::ber::{BerReader, SEQUENCE};
use keyradius_readers::private::PrivateKey;
use keyradius_readers::text::unbase64;
use keyradius_readers::{armor, private};
use zeroize::Zeroizing;

use runs::{Reading, Rule, Start};

/// Base64 between other text.
#[derive(Debug)]
pub(crate) struct Assembled;

static ABOUT: About = About {
    id: "assembled",
    title: "base64 between other text",
    detects: "PEM and base64 of DER keys, PKCS#12 and OpenSSH keys, and OpenPGP armor with other text before, after or \
              between the lines: timestamps, line numbers, quotes of mail, terminal colours and cursor moves, records of JSON logs and \
              terminal recordings, markup, cells, assignments, separators of any kind, and several layers of escapes.",
    blind_to: "Structures that state no length (PKCS#12 with indefinite lengths, PEM encrypted as in RFC 1421), and \
               OpenPGP armor without a checksum. Lines of different lengths with letters and digits directly beside \
               them. Separators of more than 96 bytes that contain letters or digits as long as a line. URL-safe digits.",
    respond: "Whoever reads the log, the recording or the document can read the key. Replace it, and remove the text.",
    references: &["RFC 7468", "ECMA-48", "asciicast v2 file format"],
};

/// Maximum number of readings that are compared.
const MAX_READINGS: usize = 64;

/// How far after an anchor the first digits are searched for, in bytes: headers and decoration of the first line.
const HEAD: usize = 4096;

/// How far before an anchor in base64 its structure may begin, in bytes. The anchors are in the first fields.
const BEFORE: usize = 96;

/// Maximum number of bytes before a structure on its line that are read with it.
const NEAR: usize = 512;

/// How many bytes from an anchor on its structure may begin: the anchor of OpenSSH keys is at their start.
const FIRST: usize = 20;

/// Maximum number of bytes of text for each digit. Runs of an office document have up to eight. After a BEGIN line:
/// with a colour for each character.
const MAX_NOISE: [usize; 2] = [12, 24];

/// How many bytes of the budget each byte of text takes: it is read many times.
const WORK: usize = 8;

/// Maximum number of layers of escapes and markup that are removed.
const LAYERS: usize = 3;

/// The first bytes of a terminal recording (asciicast v2).
const CAST: [Anchor; 2] = [Anchor::at_start(b"{\"version\": 2"), Anchor::at_start(b"{\"version\":2")];

/// Anchors of `base64.rs` that are in the first digits of a structure: the OIDs and versions of DER keys at each
/// alignment, the beginning of an OpenSSH key.
const ANCHORS: [Anchor; 19] = [
    armor::ANCHOR,
    CAST[0],
    CAST[1],
    Anchor::anywhere(b"KoZIhvcNA"),
    Anchor::anywhere(b"qGSIb3DQ"),
    Anchor::anywhere(b"qhkiG9w0B"),
    Anchor::anywhere(b"KoZIzj"),
    Anchor::anywhere(b"qGSM4"),
    Anchor::anywhere(b"qhkjO"),
    Anchor::anywhere(b"MAUGAytl"),
    Anchor::anywhere(b"AFBgMrZ"),
    Anchor::anywhere(b"wBQYDK2"),
    Anchor::anywhere(b"AgEAAo"),
    Anchor::anywhere(b"IBAAK"),
    Anchor::anywhere(b"CAQACg"),
    Anchor::anywhere(b"AgEBB"),
    Anchor::anywhere(b"IBAQQ"),
    Anchor::anywhere(b"CAQEE"),
    Anchor::anywhere(b"b3BlbnNzaC1rZXkt"),
];

/// The backspace between two printings of a letter: bold text as `man` and `nroff` write it.
const BACKSPACE: u8 = 0x08;

impl Unwrapper for Assembled {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHORS
    }

    fn claims(&self, blob: Blob<'_>) -> bool {
        /// How far into a file its first bold letter may be.
        const NEAR: usize = 256;
        if is_document(blob.bytes) {
            return true;
        }
        let head = blob.bytes.get(..blob.bytes.len().min(NEAR)).unwrap_or_default();
        let around = |at: usize| Some((*head.get(at.checked_sub(1)?)?, *head.get(at + 1)?));
        // In binary data, this byte is among other control characters.
        let is_of_text = |byte: &u8| !byte.is_ascii_control() || matches!(*byte, BACKSPACE..=b'\r' | 0x1b);
        head.iter().all(is_of_text)
            && memchr::memchr(BACKSPACE, head)
                .and_then(around)
                .is_some_and(|(before, after)| before == after || before == b'_' || after == b'_')
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
            let text =
                strings::joined(bytes, first + 6, false).ok_or(Malformed::new("output of a recording", hit.at))?;
            let _ = each(Entry { bytes: &clean::clean(&text), span: 0..bytes.len() });
            return Ok(());
        }
        if hit == Hit::START {
            budget.take(bytes.len() as u64)?;
            let _ = each(Entry { bytes: &clean::clean(bytes), span: 0..bytes.len() });
            return Ok(());
        }
        let is_openpgp = |label: &str| label.starts_with("PGP PRIVATE") || label.starts_with("PGP SECRET");
        if hit.anchor == armor::ANCHOR && armor::label(bytes, hit.at).is_some_and(|label| is_openpgp(&label)) {
            let read = armored::read(bytes, hit.at);
            let (packets, length) = read.ok_or(Malformed::new("checksum of an armor", hit.at))?;
            budget.take(packets.len() as u64)?;
            let _ = each(Entry { bytes: &packets, span: hit.at..hit.at + length });
            return Ok(());
        }
        let from = if hit.anchor == armor::ANCHOR {
            if !armor::label(bytes, hit.at).is_some_and(|label| label.contains("PRIVATE KEY") || label == "PKCS12") {
                return Err(Malformed::new("label of a private key", hit.at).into());
            }
            hit.at
        } else {
            // The last structure that begins before the anchor, or at it.
            let reach = hit.at.saturating_sub(BEFORE);
            let head = bytes.get(reach..bytes.len().min(hit.at + FIRST)).unwrap_or_default();
            let found = (0..=hit.at - reach).rev().find(|at| {
                let rest = head.get(*at..).unwrap_or_default();
                Start::find(rest.get(..rest.len().min(FIRST)).unwrap_or_default()).is_some_and(|start| start.at == 0)
            });
            reach + found.ok_or(Malformed::new("structure in base64", hit.at))?
        };
        if let Some(best) = best(bytes, from, hit, budget)? {
            let _ = each(Entry { bytes: &best.bytes, span: from..best.end.min(bytes.len()) });
        }
        Ok(())
    }
}

/// Whether a text is the body of an office document, in which tags may be between any two letters: also in the label of
/// a PEM, and in what betrays base64.
fn is_document(bytes: &[u8]) -> bool {
    /// How far the namespaces of the root element may be.
    const NEAR: usize = 4 << 10;
    const BODIES: [&[u8]; 4] = [b"<w:body", b"<p:cSld", b"<sst ", b"<office:body"];
    let head = bytes.get(..bytes.len().min(NEAR)).unwrap_or_default();
    head.starts_with(b"<?xml")
        && (memchr::memmem::find(head, b"schemas.openxmlformats.org/").is_some()
            || memchr::memmem::find(head, b"urn:oasis:names:tc:opendocument").is_some())
        && BODIES.iter().any(|body| memchr::memmem::find(bytes, body).is_some())
}

/// The best reading so far.
struct Best {
    /// The decoded structure.
    bytes: Zeroizing<Vec<u8>>,
    /// How doubtful it is: see [`doubt`], then by the rule that found it. Where no arithmetic decides, a text with fewer
    /// layers counts more.
    doubt: (u8, Rule, usize),
    /// Where the shortest of the readings ends, in the blob: a wrong reading may end anywhere, and what follows is looked
    /// at again. At least as many bytes after the start as it has digits, and exact if no layer was removed.
    end: usize,
}

/// Compares readings.
struct Judge {
    /// Where the text begins, and the structure in it or after it.
    base: usize,
    from: usize,
    best: Option<Best>,
    tried: usize,
}

impl Judge {
    /// Adds a reading of the text from [`Self::base`] on, without `removed` layers. Returns whether another one may be
    /// better.
    fn add(&mut self, reading: &Reading, removed: usize) -> bool {
        self.tried += 1;
        let may_go_on = self.tried < MAX_READINGS;
        let Some(bytes) = unbase64(&reading.digits) else { return may_go_on };
        let proof = doubt(&bytes);
        // Nothing but the rule speaks for a key whose numbers cannot be compared.
        if proof == BARE && reading.rule == Rule::Length {
            return may_go_on;
        }
        let doubt = (proof, reading.rule, LAYERS.saturating_sub(removed));
        let end = if removed == 0 { self.base + reading.end } else { self.from + reading.digits.len() };
        match &mut self.best {
            // Of equals the first counts.
            Some(best) if best.doubt <= doubt => best.end = best.end.min(end),
            best => {
                let end = best.as_ref().map_or(end, |best| best.end.min(end));
                *best = Some(Best { bytes, doubt, end });
            }
        }
        proof > 0 && may_go_on
    }
}

/// The doubt about a key whose numbers cannot be compared: a private number alone.
const BARE: u8 = 2;

/// How doubtful a reading is: not if the parts of the key prove each other, most if a key in it is damaged.
fn doubt(bytes: &[u8]) -> u8 {
    let read = |read: fn(&[u8]) -> Result<PrivateKey, Malformed>| read(bytes).ok();
    match read(private::pkcs8).or_else(|| read(private::pkcs1)).or_else(|| read(private::sec1)) {
        Some(key) if key.verified => 0,
        Some(key) if key.comparable => 4,
        Some(_) => BARE,
        None if is_whole(bytes) => 1,
        None => 3,
    }
}

/// Whether the values in a SEQUENCE end where it ends.
fn is_whole(bytes: &[u8]) -> bool {
    let Ok(outer) = BerReader::new(bytes).value(SEQUENCE, "structure") else { return false };
    let mut values = outer.children();
    while values.peek().is_some() {
        if values.any().is_err() {
            return false;
        }
    }
    true
}

/// The best complete reading of the structure at `hit`, which begins at `from` or after it.
fn best(bytes: &[u8], from: usize, hit: Hit<'_>, budget: &Budget) -> Result<Option<Best>, Unopenable> {
    let malformed = || Malformed::new("length of a structure in base64", hit.at);
    let (length, is_plain) = if hit.anchor == armor::ANCHOR {
        length(bytes, from).ok_or_else(malformed)?
    } else {
        let start = Start::find(bytes.get(from..).unwrap_or_default()).filter(|start| start.at == 0);
        (start.ok_or_else(malformed)?.length(), runs::is_plain(bytes.get(from..).unwrap_or_default()))
    };
    if is_plain {
        return Err(malformed().into());
    }
    let [noise, noise_of_pem] = MAX_NOISE;
    let noise = if hit.anchor == armor::ANCHOR { noise_of_pem } else { noise };
    let end = bytes.len().min(from + HEAD + length.saturating_mul(noise));
    let end = from + until_next(bytes.get(from..end).unwrap_or_default()).len();
    // With the text before it on its line, which shows in which literal it is.
    let near = from.saturating_sub(NEAR);
    let before = bytes.get(near..from).unwrap_or_default();
    let base = memchr::memrchr(b'\n', before).map_or(near, |found| near + found + 1);
    // Taken before anything is copied: every hit may ask for as much.
    budget.take((end.saturating_sub(base) * WORK) as u64)?;
    let mut layer = Zeroizing::new(bytes.get(base..end).unwrap_or_default().to_vec());
    let mut before = Zeroizing::new(bytes.get(base..from).unwrap_or_default().to_vec());
    let mut judge = Judge { base, from, best: None, tried: 0 };
    for removed in 0..=LAYERS {
        if let Some(start) = Start::find_from(&layer, before.len())
            && !(runs::all(&layer, &start, &mut |reading| judge.add(&reading, removed))
                && in_strings(&layer, &start, removed, &mut judge))
        {
            break;
        }
        let next = clean::clean(&layer);
        if next == layer {
            break;
        }
        layer = next;
        before = clean::clean(&before);
    }
    Ok(judge.best)
}

/// The text before the next BEGIN line. With many blocks, none is read beyond the next. A BEGIN line may be printed
/// twice, in two columns.
fn until_next(text: &[u8]) -> &[u8] {
    /// Width of two columns.
    const COLUMNS: usize = 160;
    let rest = text.get(COLUMNS..).unwrap_or_default();
    let next = memchr::memmem::find(rest, armor::ANCHOR.bytes).map_or(text.len(), |at| at + COLUMNS);
    text.get(..next).unwrap_or_default()
}

/// Reads the string literals around the structure, joined. Returns whether another reading may be better.
fn in_strings(text: &[u8], start: &Start, removed: usize, judge: &mut Judge) -> bool {
    for loose in [false, true] {
        let mut joined = strings::joined(text, start.at, loose);
        for cleaned in 0..2 {
            let Some(text) = joined.take() else { break };
            if let Some(start) = Start::find(&text)
                && !runs::all(&text, &start, &mut |reading| judge.add(&reading, removed + 1 + cleaned))
            {
                return false;
            }
            joined = Some(clean::clean(&text));
        }
    }
    true
}

/// The stated length of the structure in the PEM block at `from`, in digits, and whether it is plain. Only the first
/// bytes before the next block are read, in each of their layers.
fn length(bytes: &[u8], from: usize) -> Option<(usize, bool)> {
    let head = until_next(bytes.get(from..bytes.len().min(from + HEAD))?);
    if let Some(start) = Start::find(head) {
        return Some((start.length(), runs::is_plain(bytes.get(from + start.at..)?)));
    }
    let mut layer = Zeroizing::new(head.to_vec());
    for _ in 0..LAYERS {
        let next = clean::clean(&layer);
        if next == layer {
            break;
        }
        layer = next;
        if let Some(start) = Start::find(&layer) {
            return Some((start.length(), false));
        }
    }
    None
}

#[cfg(test)]
mod tests;
