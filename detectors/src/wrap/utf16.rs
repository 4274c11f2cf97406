//! UTF-16 text, little and big endian, with or without a byte order mark: registry exports, PowerShell redirections,
//! strings in Windows programs and memory dumps.
//!
//! The anchor is `BEGIN ` with a zero byte behind each letter, which both byte orders show. From there every second
//! byte is text as long as those between are zero, so no byte order has to be known.

use std::ops::ControlFlow;

use scanner_core::blob::Blob;
use scanner_core::budget::Budget;
use scanner_core::error::Malformed;
use scanner_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use zeroize::Zeroizing;

/// Runs of UTF-16 that hold PEM.
#[derive(Debug)]
pub(crate) struct Utf16;

static ABOUT: About = About {
    id: "utf16",
    title: "UTF-16 text",
    detects: "Runs of UTF-16 text in the ASCII range, either byte order, around a PEM header. What is inside is looked at \
              like a file of its own.",
    blind_to: "UTF-16 text that holds keys without a PEM header, and UTF-32. A letter outside ASCII ends the run.",
    respond: "Treat what is inside as if it lay there in plain text.",
    references: &["RFC 2781"],
};

const BEGIN: Anchor = Anchor::anywhere(b"B\0E\0G\0I\0N\0 \0");

impl Unwrapper for Utf16 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor] {
        &[BEGIN]
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        let (before, behind) = blob.bytes.split_at_checked(hit.at).unwrap_or_default();
        // Pairs of a letter and a zero; the last letter of a big-endian text has no byte behind it.
        let forward = behind.chunks(2).take_while(|pair| is_text(pair)).count();
        let back = before.rchunks(2).take_while(|pair| pair.len() == 2 && is_text(pair)).count();
        let start = hit.at - 2 * back;
        let end = (hit.at + 2 * forward).min(blob.bytes.len());
        let run = blob.bytes.get(start..end).unwrap_or_default();
        if run.len() < 64 {
            return Err(Malformed::new("UTF-16 run", hit.at).into());
        }
        budget.take((run.len() / 2) as u64)?;
        let text: Zeroizing<Vec<u8>> = Zeroizing::new(run.iter().step_by(2).copied().collect());
        let _ = each(Entry { bytes: &text, span: start..end });
        Ok(())
    }
}

fn is_text(pair: &[u8]) -> bool {
    match pair {
        [letter, 0] | [letter] => matches!(letter, b'\t' | b'\n' | b'\r' | 0x20..0x7f),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use scanner_core::blob::Origin;
    use scanner_core::budget::Limits;

    use super::*;

    #[test]
    fn both_byte_orders_give_the_text() {
        let text = "; export\r\n-----BEGIN X-----\r\nAAAAAAAAAAAAAAAAAAAAAAAA\r\n-----END X-----";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (name, bytes) in [
            ("LE", little.clone()),
            ("BE", big.clone()),
            ("LE with mark", [&[0xff, 0xfe][..], &little].concat()),
            ("BE with mark", [&[0xfe, 0xff][..], &big].concat()),
            ("LE in a program", [&[0x90, 0x01, 0x02][..], &little, &[0xc3, 0x00, 0x01]].concat()),
        ] {
            let origin = Origin::file("x");
            let at = memchr::memmem::find(&bytes, BEGIN.bytes).unwrap();
            let mut found = String::new();
            let budget = Budget::new(Limits::default());
            Utf16
                .open(Blob::whole(&bytes, &origin), Hit { anchor: BEGIN, at }, &budget, &mut |entry| {
                    found = String::from_utf8(entry.bytes.to_vec()).unwrap();
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert!(found.contains(text.trim_end_matches('-')), "{name}: {found}");
        }
    }
}
