//! Exports of the Windows registry: binary values such as `hex:30,82,04,a4,..`, continued over lines.
//!
//! The certificate stores of Windows are in the registry, and installers write licence keys and certificates there.
//! `reg export` writes UTF-16; older tools and people write ASCII. Both begin with a line that names the format.

use std::borrow::Cow;
use std::ops::ControlFlow;

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use zeroize::Zeroizing;

use super::digits;

/// Registry exports.
#[derive(Debug)]
pub(crate) struct Registry;

static ABOUT: About = About {
    id: "registry",
    title: "Windows registry export",
    detects: "Binary values (`hex:`, `hex(3):` and the like) of 40 bytes or more in files that begin as a registry \
              export, in ASCII or UTF-16. Each value is scanned like a file.",
    blind_to: "Exports inside other files. In files above 5 MiB: everything after the first window.",
    respond: "Treat the contents as plain text. A certificate store in an export may name the key container of a \
              certificate.",
    references: &["Microsoft: Registration Entries (.reg) files", "MS-GPREG"],
};

/// Starts of files in UTF-16, little endian, after the byte order mark.
const WIDE: [Anchor; 2] =
    [Anchor::at_start(b"\xff\xfeW\0i\0n\0d\0o\0w\0s\0 \0R\0"), Anchor::at_start(b"\xff\xfeR\0E\0G\0E\0D\0I\0")];

impl Unwrapper for Registry {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        const ANCHORS: [Anchor; 4] =
            [WIDE[0], WIDE[1], Anchor::at_start(b"Windows Registry Editor"), Anchor::at_start(b"REGEDIT4")];
        &ANCHORS
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        let wide = WIDE.contains(&hit.anchor);
        let text = if wide {
            budget.take(blob.bytes.len() as u64 / 2)?;
            // Characters outside ASCII become `?`, which is neither a digit nor a comma.
            let ascii = |pair: &[u8]| if let [letter, 0] = pair { *letter } else { b'?' };
            Cow::Owned(blob.bytes.chunks(2).map(ascii).collect::<Vec<u8>>())
        } else {
            Cow::Borrowed(blob.bytes)
        };
        let text = Wiped(text);
        for at in memchr::memmem::find_iter(&text.0, b"=hex") {
            let Some(start) = value_start(&text.0, at + 4) else { continue };
            let (count, end) = pairs(&text.0, start).fold((0, start), |(count, _), (_, end)| (count + 1, end));
            if count < digits::MIN_BYTES {
                continue;
            }
            budget.take(count as u64)?;
            let mut value = Zeroizing::new(Vec::with_capacity(count));
            value.extend(pairs(&text.0, start).map(|(value, _)| value));
            // REG_MULTI_SZ: a NUL ends each of its lines.
            if text.0.get(at + 4..).is_some_and(|kind| kind.starts_with(b"(7)")) {
                value
                    .chunks_exact_mut(2)
                    .filter(|unit| **unit == [0, 0])
                    .for_each(|unit| unit.copy_from_slice(b"\n\0"));
            }
            let scale = if wide { 2 } else { 1 };
            if each(Entry { bytes: &value, span: start * scale..end * scale }).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// The text. A copy is wiped when dropped.
struct Wiped<'a>(Cow<'a, [u8]>);

impl Drop for Wiped<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(copy) = &mut self.0 {
            zeroize::Zeroize::zeroize(copy);
        }
    }
}

/// Returns the start of the value after `hex`: after an optional type in parentheses and a colon.
fn value_start(text: &[u8], at: usize) -> Option<usize> {
    let rest = text.get(at..)?;
    let kind = match rest {
        [b'(', kind @ ..] => kind.iter().take(9).position(|&b| b == b')')? + 2,
        _ => 0,
    };
    (rest.get(kind) == Some(&b':')).then_some(at + kind + 1)
}

/// Iterates over the pairs of a value, each with its end. Pairs are separated by a comma and sometimes a continued
/// line.
fn pairs(text: &[u8], start: usize) -> impl Iterator<Item = (u8, usize)> {
    let mut at = start;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let gap = rest.iter().take(64).take_while(|&&b| b.is_ascii_whitespace() || matches!(b, b',' | b'\\')).count();
        // A line that ends without a backslash ends the value.
        let broken = rest.get(..gap)?;
        if broken.contains(&b'\n') && !broken.contains(&b'\\') {
            return None;
        }
        let [high, low, ..] = rest.get(gap..)? else { return None };
        at += gap + 2;
        Some((digits::byte(*high, *low)?, at))
    })
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::budget::Limits;

    use super::*;

    fn open(bytes: &[u8]) -> Vec<(Vec<u8>, usize)> {
        let origin = Origin::file("x");
        let mut found = Vec::new();
        for &anchor in Registry.anchors().iter().filter(|a| bytes.starts_with(a.bytes)) {
            let budget = Budget::new(Limits::default());
            let _ = Registry.open(Blob::whole(bytes, &origin), Hit { anchor, at: 0 }, &budget, &mut |entry| {
                found.push((entry.bytes.to_vec(), entry.span.start));
                ControlFlow::Continue(())
            });
        }
        found
    }

    #[test]
    fn values_are_read_in_both_widths() {
        let pairs: Vec<String> = (0..60).map(|n| format!("{n:02x}")).collect();
        let (first, rest) = pairs.split_at(20);
        let text = format!(
            "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\K]\r\n\"A\"=hex(3):{},\\\r\n  {}\r\n\"B\"=dword:00000001\r\n\"C\"=hex:01,02\r\n",
            first.join(","),
            rest.join(",")
        );
        let at = text.find("hex(3):").unwrap() + 7;
        let expected: Vec<u8> = (0..60).collect();
        assert_eq!(open(text.as_bytes()), [(expected.clone(), at)]);
        let wide: Vec<u8> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(open(&wide), [(expected, 2 * at + 2)]);
        assert_eq!(open(text.replace("Windows Registry Editor Version 5.00", "REGEDIT4").as_bytes()).len(), 1);
        assert_eq!(open(text.replacen("Windows", "windows", 1).as_bytes()), []);
    }
}
