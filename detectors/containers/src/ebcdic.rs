//! EBCDIC: text of mainframes, in the code pages that share the letters, the digits and most signs (IBM037, 1047, 500).
//!
//! A blob is such a text if its first bytes are all letters, digits, signs or blanks of EBCDIC, and most of them are
//! letters or digits, which have no place in ASCII. It is then read as a whole.

use std::ops::ControlFlow;

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use zeroize::Zeroizing;

/// Text in EBCDIC.
#[derive(Debug)]
pub(crate) struct Ebcdic;

static ABOUT: About = About {
    id: "ebcdic",
    title: "EBCDIC",
    detects: "Files and members that are text in EBCDIC from their first byte on: letters, digits, blanks, line ends and \
              the signs that the code pages 037, 500 and 1047 share, and the brackets of 037 and 1047.",
    blind_to: "EBCDIC after other bytes, what is more than 5 MiB from the start, in records with binary headers, and in a git history text that does not begin \
               with a PEM.",
    respond: "Treat the contents as plain text.",
    references: &["IBM code pages 37, 500 and 1047"],
};

/// `-----BEGIN`.
const PEM: Anchor = Anchor::at_start(&[0x60, 0x60, 0x60, 0x60, 0x60, 0xc2, 0xc5, 0xc7, 0xc9, 0xd5]);

/// How many first bytes are looked at.
const HEAD: usize = 64;

/// ASCII for each byte; 0 for bytes that text does not have.
static ASCII: [u8; 256] = {
    let mut table = [0; 256];
    // Runs of letters and digits, then signs.
    let runs: [(u8, u8, u8); 7] = [
        (0x81, b'a', 9),
        (0x91, b'j', 9),
        (0xa2, b's', 8),
        (0xc1, b'A', 9),
        (0xd1, b'J', 9),
        (0xe2, b'S', 8),
        (0xf0, b'0', 10),
    ];
    let signs: [(u8, u8); 40] = [
        (0x05, b'\t'),
        (0x0d, b'\r'),
        (0x15, b'\n'),
        (0x25, b'\n'),
        (0x40, b' '),
        (0x4b, b'.'),
        (0x4c, b'<'),
        (0x4d, b'('),
        (0x4e, b'+'),
        (0x4f, b'|'),
        (0x50, b'&'),
        (0x5a, b'!'),
        (0x5b, b'$'),
        (0x5c, b'*'),
        (0x5d, b')'),
        (0x5e, b';'),
        (0x60, b'-'),
        (0x61, b'/'),
        (0x6b, b','),
        (0x6c, b'%'),
        (0x6d, b'_'),
        (0x6e, b'>'),
        (0x6f, b'?'),
        (0x7a, b':'),
        (0x7b, b'#'),
        (0x7c, b'@'),
        (0x7d, b'\''),
        (0x7e, b'='),
        (0x7f, b'"'),
        (0x79, b'`'),
        (0xa1, b'~'),
        (0xad, b'['),
        (0xba, b'['),
        (0xbb, b']'),
        (0xbd, b']'),
        (0xb0, b'^'),
        (0x5f, b'^'),
        (0xc0, b'{'),
        (0xd0, b'}'),
        (0xe0, b'\\'),
    ];
    let mut at = 0;
    #[allow(clippy::indexing_slicing, reason = "constants, checked by the compiler")]
    while at < runs.len() {
        let (from, first, count) = runs[at];
        let mut letter = 0;
        while letter < count {
            table[(from + letter) as usize] = first + letter;
            letter += 1;
        }
        at += 1;
    }
    at = 0;
    #[allow(clippy::indexing_slicing, reason = "constants, checked by the compiler")]
    while at < signs.len() {
        table[signs[at].0 as usize] = signs[at].1;
        at += 1;
    }
    table
};

fn ascii(byte: u8) -> Option<u8> {
    ASCII.get(usize::from(byte)).copied().filter(|byte| *byte != 0)
}

impl Unwrapper for Ebcdic {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[PEM]
    }

    fn claims(&self, blob: Blob<'_>) -> bool {
        let Some(head) = blob.bytes.first_chunk::<HEAD>() else { return false };
        let is_word = |byte: &&u8| **byte > 0x80;
        head.iter().all(|byte| ascii(*byte).is_some()) && head.iter().filter(is_word).count() >= HEAD / 4
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        if blob.bytes.get(..HEAD).is_some_and(|head| head.iter().any(|byte| ascii(*byte).is_none())) {
            return Err(Malformed::new("text in EBCDIC", hit.at).into());
        }
        budget.take(blob.bytes.len() as u64)?;
        let mut out = Zeroizing::new(Vec::with_capacity(blob.bytes.len()));
        out.extend(blob.bytes.iter().map(|byte| ascii(*byte).unwrap_or(b'?')));
        let _ = each(Entry { bytes: &out, span: 0..blob.bytes.len() });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::budget::Limits;

    use super::*;

    fn ebcdic(text: &str) -> Vec<u8> {
        let byte = |letter: u8| (0..=255).find(|byte| ascii(*byte) == Some(letter)).expect("a letter of both");
        text.bytes().map(byte).collect()
    }

    #[test]
    fn texts_are_read_and_nothing_else_is_claimed() {
        let text = format!("-----BEGIN X-----\n{}\n-----END X-----\n", "Ab9+/z=".repeat(20));
        let origin = Origin::file("x");
        let bytes = ebcdic(&text);
        let blob = Blob::whole(&bytes, &origin);
        assert!(Ebcdic.claims(blob));
        let mut found = Vec::new();
        let opened = Ebcdic.open(blob, Hit::START, &Budget::new(Limits::default()), &mut |entry| {
            found.push(entry.bytes.to_vec());
            ControlFlow::Continue(())
        });
        assert_eq!((opened.is_ok(), found), (true, vec![text.clone().into_bytes()]));
        for other in [text.as_bytes(), &[0x40; 200], &[0xc1; 63], "Ярмарка".repeat(20).as_bytes(), &[0xff; 100]]
        {
            assert!(!Ebcdic.claims(Blob::whole(other, &origin)));
        }
    }
}
