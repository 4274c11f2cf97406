//! OpenPGP armor between other text. Its packets state no length of the whole; its checksum proves a reading instead
//! (RFC 4880 6.1).

use keyradius_readers::text::unbase64;
use zeroize::Zeroizing;

use super::clean;
use super::runs;

/// Maximum length of the text of a block, in bytes.
const MAX_TEXT: usize = 1 << 18;

/// Lengths of a line that are taken for full ones: GnuPG writes 64 digits, others up to 76.
const WIDTHS: std::ops::RangeInclusive<usize> = 32..=76;

/// Digits in a full line of GnuPG.
const USUAL: usize = 64;

/// How many runs after the last full line may be the last line of the block.
const MAX_TAILS: usize = 64;

/// The packets in the block whose BEGIN line begins at `at`, and the number of bytes of text that were read as they
/// are.
pub(super) fn read(bytes: &[u8], at: usize) -> Option<(Zeroizing<Vec<u8>>, usize)> {
    let text = super::until_next(bytes.get(at..bytes.len().min(at + MAX_TEXT))?);
    let mut layer = Zeroizing::new(text.to_vec());
    for _ in 0..=super::LAYERS {
        if let Some(packets) = packets(&layer) {
            let read = packets.len().min(text.len());
            return Some((packets, read));
        }
        let next = clean::clean(&layer);
        if next == layer {
            break;
        }
        layer = next;
    }
    None
}

/// The packets in a text that begins with a BEGIN line.
fn packets(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = text.get(memchr::memmem::find(text, b"BLOCK-----")? + 10..)?;
    let text = text.get(..memchr::memmem::find(text, b"-----END ")?)?;
    let mut counts = [0_usize; *WIDTHS.end() + 1];
    for run in runs::runs(text) {
        if let Some(count) = counts.get_mut(run.len()).filter(|_| WIDTHS.contains(&run.len())) {
            *count += 1;
        }
    }
    let (width, _) = counts.iter().enumerate().max_by_key(|(_, count)| **count).filter(|(_, count)| **count > 0)?;
    // Letters beside the digits, such as the sign of a patch, make all lines longer.
    let more = width.saturating_sub(USUAL);
    [(0, 0), (more, 0), (0, more)].into_iter().find_map(|(before, after)| of_width(text, width, before, after))
}

/// The packets in lines of `width` digits, without so many digits at both ends of each line.
fn of_width(text: &[u8], width: usize, before: usize, after: usize) -> Option<Zeroizing<Vec<u8>>> {
    let cut = |run: std::ops::Range<usize>| text.get(run.start + before..run.end.checked_sub(after)?);
    let mut digits = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut end = 0;
    for run in runs::runs(text).filter(|run| run.len() == width) {
        end = run.end;
        digits.extend_from_slice(cut(run)?);
    }
    // The last line, or none if it is a full one; then the checksum after an equals sign.
    let full = digits.len();
    let tails = || runs::runs(text).filter(|run| run.start >= end && run.len() < width).take(MAX_TAILS);
    for sum in tails().filter(|run| run.len() == 4) {
        if sum.start.checked_sub(1).is_none_or(|before| text.get(before) != Some(&b'=')) {
            continue;
        }
        let sum = unbase64(text.get(sum)?)?;
        for tail in std::iter::once(None).chain(tails().map(Some)) {
            digits.truncate(full);
            digits.extend_from_slice(tail.and_then(cut).unwrap_or_default());
            let packets = unbase64(&digits)?;
            if crc24(&packets).to_be_bytes().get(1..) == Some(sum.as_slice()) {
                return Some(packets);
            }
        }
    }
    None
}

/// The checksum of an armor (RFC 4880 6.1).
fn crc24(bytes: &[u8]) -> u32 {
    /// Initial value and polynomial.
    const INIT: u32 = 0x00b7_04ce;
    const POLY: u32 = 0x0186_4cfb;
    bytes.iter().fold(INIT, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 16, |crc, _| {
            let shifted = crc << 1;
            if shifted & 0x0100_0000 == 0 { shifted } else { shifted ^ POLY }
        })
    })
}

#[cfg(test)]
mod tests {
    use keyradius_readers::text::base64;

    use super::*;

    #[test]
    fn armor_with_text_around_its_lines() {
        let packets: Vec<u8> = (0..1000_u32).map(|n| (n * n % 251) as u8).collect();
        let sum = base64(crc24(&packets).to_be_bytes().get(1..).unwrap());
        let mut lines = vec!["-----BEGIN PGP PRIVATE KEY BLOCK-----".to_owned(), String::new()];
        lines.extend(base64(&packets).as_bytes().chunks(64).map(|line| String::from_utf8(line.to_vec()).unwrap()));
        *lines.last_mut().unwrap() += "==";
        lines.push(format!("={sum}"));
        lines.push("-----END PGP PRIVATE KEY BLOCK-----".to_owned());
        for (before, after) in [
            ("", "\n"),
            ("2026-01-02T03:04:05Z ", "\n"),
            ("\x1b[36;1m", "\x1b[0m\r\n"),
            ("{\"log\":\"", "\\n\",\"stream\":\"stdout\"}\n"),
            ("<p class=3D\"x\">", "</p>\n"),
            ("echo ", ">>k.asc\r\n"),
            ("\x1b[32m+\x1b[m\x1b[32m", "\x1b[m\n"),
        ] {
            let text = lines.iter().fold(String::new(), |text, line| text + before + line + after);
            let at = text.find("-----BEGIN").unwrap();
            let read = read(text.as_bytes(), at);
            assert_eq!(read.map(|(read, _)| read.to_vec()), Some(packets.clone()), "{text}");
            assert!(super::read(text.replacen(&lines[3], &lines[4], 1).as_bytes(), at).is_none());
        }
    }

    /// RFC 4880 gives the code; the value of "123456789" is the check of CRC-24/OPENPGP.
    #[test]
    fn checksum() {
        assert_eq!(crc24(b"123456789"), 0x21_cf02);
    }
}
