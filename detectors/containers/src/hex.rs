//! Hexadecimal text of DER, PEM and keystores: `308204a4...`, `30 82 04 a4`, `30:82:04:a4`.
//!
//! Every private key in DER has the INTEGER of its version after the header of a SEQUENCE. That version is the anchor,
//! in digits that are the same in either case; the header before it is required. From the anchor, pairs of digits are
//! followed both ways, over blanks, colons, line breaks and the joints of string literals.
//!
//! A file that begins with such a run is decoded whatever its contents.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use keyradius_readers::locate;
use zeroize::Zeroizing;

use super::digits::{MIN_BYTES, SPACED, byte};
use super::{hexdump, starts};

/// Runs of hexadecimal pairs.
#[derive(Debug)]
pub(crate) struct Hex;

static ABOUT: About = About {
    id: "hex",
    title: "hexadecimal text",
    detects: "Runs of hexadecimal digits, plain or with blanks, colons, line breaks or quotes between the pairs, that \
              contain DER keys, certificates, PKCS#12 or PEM. A file that begins with such a run may contain anything, \
              including archives and encodings; in a git history, only contents that begin in a known way.",
    blind_to: "Runs of fewer than 40 bytes, and the part of an encoded file after its first 5 MiB. In the middle of a \
               file: everything but DER and PEM, encrypted PKCS#8, PEM with blanks between the pairs. Pairs in reverse \
               order.",
    respond: "Hexadecimal digits hide nothing. Treat the contents as plain text.",
    references: &["RFC 4648 section 8"],
};

/// INTEGER 0 to 15 as a version: plain, and with colons.
const VERSION: Anchor = Anchor::anywhere(b"02010");
const COLONS: Anchor = Anchor::anywhere(b"02:01:0");
/// `BEG`, which follows five dashes.
const PEM: Anchor = Anchor::anywhere(b"424547");

/// Maximum gap between two pairs, in bytes: a line break, deep indentation, the joint of two literals.
const MAX_GAP: usize = 120;

const ANCHORS: [Anchor; 23] = [
    VERSION,
    SPACED,
    COLONS,
    PEM,
    // Whole files: DER, with and without the prefixes that some tools write
    Anchor::at_start(b"308"),
    Anchor::at_start(b"30 8"),
    Anchor::at_start(b"30:8"),
    Anchor::at_start(b"0x308"),
    Anchor::at_start(b"\\x308"),
    // PEM
    Anchor::at_start(b"2d2d2d2d2d"),
    Anchor::at_start(b"2D2D2D2D2D"),
    Anchor::at_start(b"2d 2d 2d 2d 2d"),
    Anchor::at_start(b"2D 2D 2D 2D 2D"),
    // JKS, JCEKS, "openssh"
    Anchor::at_start(b"feedfeed"),
    Anchor::at_start(b"FEEDFEED"),
    Anchor::at_start(b"cececece"),
    Anchor::at_start(b"CECECECE"),
    Anchor::at_start(b"6f70656e737368"),
    Anchor::at_start(b"6F70656E737368"),
    // OpenPGP secret keys
    Anchor::at_start(b"9458"),
    Anchor::at_start(b"9486"),
    Anchor::at_start(b"950"),
    Anchor::at_start(b"c558"),
];

/// [`ANCHORS`] and the known starts of files.
static ANCHOR_LIST: LazyLock<Vec<Anchor>> = LazyLock::new(|| ANCHORS.into_iter().chain(starts::in_hex()).collect());

impl Unwrapper for Hex {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHOR_LIST
    }

    fn claims(&self, blob: Blob<'_>) -> bool {
        let bytes = blob.bytes;
        bytes.first().is_some_and(|byte| byte.is_ascii_hexdigit() || *byte == b'\\')
            && pairs(bytes, prefix(bytes)).take(MIN_BYTES).count() == MIN_BYTES
            && !hexdump::is_line(bytes, 0)
    }

    fn digits(&self, text: &[u8]) -> usize {
        text.iter().filter(|byte| byte.is_ascii_hexdigit()).count()
    }

    fn alignment(&self, _hit: Hit<'_>, before: usize) -> u32 {
        (before % 2) as u32
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        let bytes = blob.bytes;
        let start = if hit.anchor.at_start {
            prefix(bytes)
        } else {
            // The offsets of a dump are not bytes.
            if !is_promising(bytes, hit) || hexdump::is_line(bytes, hit.at) {
                return Err(Malformed::new("header before a version in hexadecimal", hit.at).into());
            }
            std::iter::successors(Some(hit.at), |&at| pair_before(bytes, at).map(|(start, _)| start))
                .last()
                .unwrap_or(hit.at)
        };
        let pairs = || pairs(bytes, start);
        let (count, end) = pairs().fold((0, start), |(count, _), (_, end)| (count + 1, end));
        if count < MIN_BYTES {
            return Err(Malformed::new("hexadecimal run", hit.at).into());
        }
        budget.take(count as u64)?;
        let mut out = Zeroizing::new(Vec::with_capacity(count));
        out.extend(pairs().map(|(value, _)| value));
        let _ = each(Entry { bytes: &out, span: start..end });
        Ok(())
    }
}

/// Returns the length of the prefix that some tools write before the digits.
fn prefix(bytes: &[u8]) -> usize {
    if bytes.starts_with(b"0x") || bytes.starts_with(b"\\x") { 2 } else { 0 }
}

/// Iterates over the pairs from a position on, each with its end.
fn pairs(bytes: &[u8], mut at: usize) -> impl Iterator<Item = (u8, usize)> {
    std::iter::from_fn(move || {
        let (value, end) = pair(bytes, at)?;
        at = end;
        Some((value, end))
    })
}

/// Whether the bytes before the anchor are those that its meaning requires.
fn is_promising(bytes: &[u8], hit: Hit<'_>) -> bool {
    // The length of the longest DER header, and the number of dashes in a PEM line.
    let mut before = [0_u8; 5];
    let mut at = hit.at;
    for slot in before.iter_mut().rev() {
        let Some((start, value)) = pair_before(bytes, at) else { break };
        at = start;
        *slot = value;
    }
    if hit.anchor == PEM { before == *b"-----" } else { locate::ends_in_header(&before) }
}

const fn is_gap(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b':' | b'-' | b',' | b'"' | b'\'' | b'+' | b'\\' | b'.' | b'&' | b'_')
}

/// Returns the value of the next pair and its end.
fn pair(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let rest = bytes.get(at..)?;
    let mut gap = 0;
    while gap < MAX_GAP {
        match rest.get(gap..)? {
            [b'\\', b'n' | b'r', ..] => gap += 2,
            // A record of Intel HEX: its first digits are not data bytes.
            [b'\n', b':', ..] => return None,
            // Words of several bytes, as in a device tree.
            [b' ' | b',' | b'\n', b'0', b'x', ..] => gap += 3,
            [byte, ..] if is_gap(*byte) => gap += 1,
            _ => break,
        }
    }
    match rest.get(gap..)? {
        [high, low, ..] => Some((byte(*high, *low)?, at + gap + 2)),
        _ => None,
    }
}

/// Returns the start of the pair before `at`, and its value.
fn pair_before(bytes: &[u8], at: usize) -> Option<(usize, u8)> {
    let before = bytes.get(..at)?;
    let mut end = at;
    while at - end < MAX_GAP {
        match before.get(..end)? {
            [.., b'\\', b'n' | b'r'] => end -= 2,
            // Reading forwards starts here and does not cross into the record before.
            [.., b'\n', b':'] => return None,
            [.., b' ' | b',' | b'\n', b'0', b'x'] => end -= 3,
            [.., byte] if is_gap(*byte) => end -= 1,
            _ => break,
        }
    }
    match before.get(..end)? {
        [.., high, low] => Some((end - 2, byte(*high, *low)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::budget::Limits;

    use super::*;

    fn open(text: &str) -> Option<(Vec<u8>, std::ops::Range<usize>)> {
        let origin = Origin::file("x");
        let mut found = None;
        for &anchor in Hex.anchors() {
            for at in memchr::memmem::find_iter(text.as_bytes(), anchor.bytes).filter(|at| !anchor.at_start || *at == 0)
            {
                let budget = Budget::new(Limits::default());
                let blob = Blob::whole(text.as_bytes(), &origin);
                let _ = Hex.open(blob, Hit { anchor, at }, &budget, &mut |entry| {
                    found.get_or_insert((entry.bytes.to_vec(), entry.span));
                    ControlFlow::Continue(())
                });
            }
        }
        found
    }

    fn hex(bytes: &[u8], separator: &str) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(separator)
    }

    #[test]
    fn runs_are_followed_both_ways() {
        let plain = [&[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6][..], &[0xab; 50]].concat();
        let lines: Vec<String> = plain.chunks(16).map(|line| hex(line, "")).collect();
        for text in [
            hex(&plain, ""),
            hex(&plain, "").to_uppercase(),
            hex(&plain, " "),
            hex(&plain, ":"),
            format!("key = \"{}\";", hex(&plain, "")),
            format!("key = 0x{};", hex(&plain, "")),
            format!("'{}'", lines.join("' +\n    '")),
            format!("\"{}\"", lines.join("\\n")),
            format!("key:\n    {}\nend", lines.join("\n    ")),
            format!("key:\n    {}:\n    {}", hex(&plain[..16], ":"), hex(&plain[16..], ":")),
            format!("x'{}'::bytea", hex(&plain, "")),
        ] {
            let (bytes, span) = open(&text).unwrap();
            assert_eq!(bytes, plain, "{text}");
            assert!(text[span.clone()].starts_with("30") && text[span].to_lowercase().ends_with("ab"), "{text}");
        }
    }

    #[test]
    fn pem_and_starts_of_files() {
        let text = [&b"-----BEGIN X-----"[..], &[b'A'; 60]].concat();
        for coded in [hex(&text, ""), hex(&text, "").to_uppercase(), format!("a: {}", hex(&text, "")), hex(&text, " ")]
        {
            assert_eq!(open(&coded).unwrap().0, text, "{coded}");
        }
        for start in
            [&[0xfe, 0xed, 0xfe, 0xed][..], &[0xce; 4], b"openssh-key-v1", &[0x95, 3, 0x98], &[0x30, 0x82, 5, 0]]
        {
            let plain = [start, &[0x55; 60]].concat();
            assert_eq!(open(&hex(&plain, "")).unwrap().0, plain);
        }
    }

    #[test]
    fn files_that_begin_with_pairs_are_claimed() {
        let claims = |text: &str| Hex.claims(Blob::whole(text.as_bytes(), &Origin::file("x")));
        let coded = hex(&(0..64).collect::<Vec<u8>>(), "");
        let dump = |bytes: &[u8], at: usize| format!("{at:04x}: {}\n", hex(bytes, " "));
        for (text, expected) in [
            (coded.as_str(), true),
            (&coded.to_uppercase(), true),
            (&format!("0x{coded}"), true),
            (&format!("\\x{coded}"), true),
            (&format!("{}\n{}", &coded[..60], &coded[60..]), true),
            (&hex(&[7; 40], ":"), true),
            (&coded[..78], false),
            (&format!("{}  file.tar.gz\n{}  other", &coded[..64], &coded[..64]), false),
            (&format!("x{coded}"), false),
            (&format!("{}{}{}", dump(&[7; 16], 0), dump(&[8; 16], 16), dump(&[9; 16], 32)), false),
        ] {
            assert_eq!(claims(text), expected, "{text}");
        }
    }

    #[test]
    fn runs_read_the_same_backwards_and_forwards() {
        let text = ":10000000308204BD020100300D06092A864886F70D\r\n".repeat(3);
        for at in (0..text.len()).filter(|at| text[*at..].starts_with("3082")) {
            let start =
                std::iter::successors(Some(at), |&at| pair_before(text.as_bytes(), at).map(|(at, _)| at)).last();
            let end = pairs(text.as_bytes(), start.unwrap()).last().unwrap().1;
            assert!(end > at, "from {start:?} to {end}, not past {at}");
        }
    }

    #[test]
    fn numbers_are_not_runs() {
        let digits = "020100".repeat(40);
        for text in [
            "2002 01 05 2002 01 06 2002 01 07 2002 01 08 2002 01 09 2002 01 10 2002 01 11",
            &format!("1{digits}"),
            "302e020100 is how it begins",
            &format!(
                "00000000  {}\n00000010  {}\n",
                hex(&[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0, 0, 0, 0, 0, 0, 0], " "),
                hex(&[1; 16], " ")
            ),
        ] {
            assert_eq!(open(text), None, "{text}");
        }
    }
}
