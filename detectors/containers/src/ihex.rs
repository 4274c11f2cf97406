//! Firmware as text: Intel HEX, Motorola S-records, TI-TXT.
//!
//! Every record of the first two has a checksum, so no other text matches. TI-TXT has addresses after `@`, and lines of
//! pairs of digits. Records with consecutive addresses become one blob: a key is found as in the flash memory itself. A
//! damaged record ends its blob.

use std::ops::ControlFlow;

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use zeroize::Zeroizing;

use super::digits;

/// Files of Intel HEX or S-records.
#[derive(Debug)]
pub(crate) struct Ihex;

static ABOUT: About = About {
    id: "ihex",
    title: "Intel HEX, S-records, TI-TXT",
    detects: "Files that begin with an Intel HEX record (`:10...`) or a Motorola S-record (`S0...`) with a valid \
              checksum, or with an address of TI-TXT or of a Verilog memory (`@8000`) and a line of bytes. Data at \
              consecutive addresses is scanned like one file.",
    blind_to: "Records that do not begin a file. Records out of address order are not joined. In files above 5 MiB, \
               which are read in windows: everything after the first window.",
    respond: "Whoever has the firmware has the key: treat it as published, and replace it in every device that trusts it.",
    references: &[
        "Intel Hexadecimal Object File Format Specification, revision A",
        "srec(5)",
        "srec_ti_txt(5)",
        "IEEE 1364, $readmemh",
    ],
};

/// One record.
enum Record<'a> {
    /// Address and data. With Intel HEX, the low 16 bits of the address.
    Data(u64, &'a [u8]),
    /// The high part of the following addresses.
    Base(u64),
    /// Anything else.
    Other,
}

impl Unwrapper for Ihex {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        const ANCHORS: [Anchor; 12] = [
            Anchor::at_start(b"@0"),
            Anchor::at_start(b"@8"),
            Anchor::at_start(b"@F"),
            Anchor::at_start(b":0"),
            Anchor::at_start(b":1"),
            Anchor::at_start(b":2"),
            Anchor::at_start(b":4"),
            Anchor::at_start(b":F"),
            Anchor::at_start(b"S0"),
            Anchor::at_start(b"S1"),
            Anchor::at_start(b"S2"),
            Anchor::at_start(b"S3"),
        ];
        &ANCHORS
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        if let Some(first) = ti_txt(blob.bytes, 0) {
            return memory(blob.bytes, first, budget, each);
        }
        let mut buffer = Zeroizing::new([0_u8; 256]);
        let first = blob.bytes.split(|&b| b == b'\n').next().unwrap_or_default();
        if record(first, &mut buffer).is_none() {
            return Err(Malformed::new("record with its checksum", hit.at).into());
        }
        // Two digits per byte, so the buffer never grows.
        budget.take(blob.bytes.len() as u64 / 2)?;
        let mut data = Zeroizing::new(Vec::with_capacity(blob.bytes.len() / 2));
        let (mut base, mut next, mut start, mut at) = (0_u64, None, 0, 0);
        for line in blob.bytes.split(|&b| b == b'\n') {
            let (from, end) = (at, at + line.len());
            at = end + 1;
            let read = record(line, &mut buffer);
            let address = match read {
                Some(Record::Data(low, _)) => Some(base.wrapping_add(low)),
                _ => None,
            };
            let goes_on =
                matches!(read, Some(Record::Base(_) | Record::Other)) || (address.is_some() && address == next);
            if !goes_on {
                if data.len() >= digits::MIN_BYTES && each(Entry { bytes: &data, span: start..from }).is_break() {
                    return Ok(());
                }
                data.clear();
                next = None;
                start = from;
            }
            match read {
                Some(Record::Data(_, bytes)) => {
                    data.extend_from_slice(bytes);
                    next = address.map(|address| address.wrapping_add(bytes.len() as u64));
                }
                Some(Record::Base(new)) => base = new,
                Some(Record::Other) | None => {}
            }
        }
        if data.len() >= digits::MIN_BYTES {
            let _ = each(Entry { bytes: &data, span: start..blob.bytes.len() });
        }
        Ok(())
    }
}

/// The address and the end of the line `@8000` at a place, before a line of bytes.
fn ti_txt(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let line = bytes.get(at..)?.split(|&b| b == b'\n').next()?;
    let address = line.strip_prefix(b"@")?.trim_ascii();
    let value = u64::from_str_radix(str::from_utf8(address).ok()?, 16).ok().filter(|_| address.len() <= 8)?;
    let end = at + line.len() + 1;
    let next = bytes.get(end..)?.trim_ascii_start();
    matches!(next, [high, low, b' ' | b'\r' | b'\n', ..] if digits::byte(*high, *low).is_some()).then_some((value, end))
}

/// Hands out the bytes of TI-TXT, from the end of its first address on.
fn memory(
    bytes: &[u8],
    first: (u64, usize),
    budget: &Budget,
    each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
) -> Result<(), Unopenable> {
    budget.take(bytes.len() as u64 / 2)?;
    let mut data = Zeroizing::new(Vec::with_capacity(bytes.len() / 3));
    let (mut next, mut at) = first;
    let mut start = 0;
    while let Some(line) = bytes.get(at..).and_then(|rest| rest.split(|&b| b == b'\n').next()) {
        let end = (at + line.len() + 1).min(bytes.len());
        if let Some((address, after)) = ti_txt(bytes, at) {
            if address != next {
                if data.len() >= digits::MIN_BYTES && each(Entry { bytes: &data, span: start..at }).is_break() {
                    return Ok(());
                }
                data.clear();
                (start, next) = (at, address);
            }
            at = after;
            continue;
        }
        let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let values: Option<Vec<u8>> = words
            .take_while(|word| !word.starts_with(b"//"))
            .map(|word| match word {
                [high, low] => digits::byte(*high, *low),
                _ => None,
            })
            .collect();
        // `q` is the end.
        let Some(values) = values else { break };
        next = next.wrapping_add(values.len() as u64);
        data.extend_from_slice(&values);
        at = end;
        if at >= bytes.len() {
            break;
        }
    }
    if data.len() >= digits::MIN_BYTES {
        let _ = each(Entry { bytes: &data, span: start..at });
    }
    Ok(())
}

/// Parses one record. `None` if the line is not a record or its checksum is wrong.
fn record<'a>(line: &[u8], buffer: &'a mut Zeroizing<[u8; 256]>) -> Option<Record<'a>> {
    let line = line.trim_ascii_end();
    let (kind, digits) = match line {
        [b':', digits @ ..] => (None, digits),
        [b'S', kind @ b'0'..=b'9', digits @ ..] => (Some(*kind), digits),
        _ => return None,
    };
    let len = digits.len() / 2;
    let bytes = buffer.get_mut(..len).filter(|_| digits.len().is_multiple_of(2))?;
    for (slot, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let [high, low] = pair else { return None };
        *slot = digits::byte(*high, *low)?;
    }
    let sum = bytes.iter().fold(0_u8, |sum, b| sum.wrapping_add(*b));
    let number = |bytes: &[u8]| bytes.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
    match (kind, &*bytes) {
        // Length, address, type, data, checksum: the sum of all bytes is zero.
        (None, [count, high, low, kind, data @ .., _]) if sum == 0 && usize::from(*count) == data.len() => {
            Some(match kind {
                0 => Record::Data(number(&[*high, *low]), data),
                2 => Record::Base(number(data) << 4),
                4 => Record::Base(number(data) << 16),
                _ => Record::Other,
            })
        }
        // Length of the rest, address, data, checksum: the ones' complement of the sum.
        (Some(kind), [count, rest @ .., _]) if sum == 0xff && usize::from(*count) == rest.len() + 1 => {
            let width = match kind {
                b'1' => 2,
                b'2' => 3,
                b'3' => 4,
                _ => return Some(Record::Other),
            };
            let (address, data) = rest.split_at_checked(width)?;
            Some(Record::Data(number(address), data))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::budget::Limits;

    use super::*;

    fn open(text: &str) -> Vec<Vec<u8>> {
        let origin = Origin::file("x");
        let mut found = Vec::new();
        let hit = Hit { anchor: Anchor::at_start(b":1"), at: 0 };
        let _ = Ihex.open(Blob::whole(text.as_bytes(), &origin), hit, &Budget::new(Limits::default()), &mut |entry| {
            found.push(entry.bytes.to_vec());
            ControlFlow::Continue(())
        });
        found
    }

    /// Returns an Intel HEX record.
    fn intel(kind: u8, address: u16, data: &[u8]) -> String {
        let mut bytes = vec![data.len() as u8];
        bytes.extend(address.to_be_bytes());
        bytes.push(kind);
        bytes.extend(data);
        bytes.push(bytes.iter().fold(0_u8, |sum, b| sum.wrapping_sub(*b)));
        bytes.iter().fold(":".to_owned(), |text, b| text + &format!("{b:02X}")) + "\r\n"
    }

    #[test]
    fn records_become_memory() {
        // The specification's example, with a second record, and the output of objcopy -O srec for a line of text.
        let text = ":10010000214601360121470136007EFE09D2190140\r\n:100110002146017E17C20001FF5F16002148011928\r\n";
        let memory = open(&(text.to_owned() + &intel(0, 0x120, &[7; 16]) + ":00000001FF\r\n"));
        assert_eq!((memory.len(), memory[0].len(), memory[0][15], memory[0][16]), (1, 48, 0x01, 0x21));
        let line = "S11F00007C0802A6900100049421FFF07C6C1B787C8C23783C6000003863000026\n";
        let next = "S113001C00000000000000000000000000000000D0\n";
        let memory = open(&format!("S00F000068656C6C6F202020202000003C\n{line}{next}S9030000FC\n"));
        assert_eq!((memory.len(), memory[0].len(), &memory[0][..4]), (1, 44, &[0x7c, 8, 2, 0xa6][..]));
    }

    #[test]
    fn gaps_and_damage_split_the_memory() {
        let (a, b) = ([1; 48], [2; 48]);
        assert_eq!(open(&(intel(0, 0, &a) + &intel(0, 0x1000, &b))), [a, b]);
        let joined = intel(4, 0, &[0, 1]) + &intel(0, 0, &a) + &intel(0, 48, &b);
        assert_eq!(open(&joined), [[a, b].concat()]);
        assert_eq!(open(&intel(0, 0, &a).replacen("01", "02", 1)), Vec::<Vec<u8>>::new());
        assert_eq!(open(&(intel(0, 0, &a) + ":02003000030400\n" + &intel(0, 50, &b))), [a, b]);
        assert_eq!(open(&(intel(0, 0, &a) + &intel(0, 1000, &[3; 8]))), [a]);
    }

    #[test]
    fn addresses_and_lines_of_bytes() {
        let line = |byte: u8| format!("{byte:02X} ").repeat(15) + &format!("{byte:02X}\n");
        let text = format!("@8000\n{}{}{}@8030\n{}@9000\n{0}{0}{0}q\n", line(1), line(2), line(3), line(4));
        let memory = open(&text);
        assert_eq!(memory.len(), 2);
        assert_eq!(memory[0], [[1; 16], [2; 16], [3; 16], [4; 16]].concat());
        assert_eq!(memory[1], [1; 48]);
        for other in ["@echo off\nrem\n", "@8000", "@8000\n", "@8000\nsome text\n", "@\n00 "] {
            assert_eq!(open(other), Vec::<Vec<u8>>::new(), "{other}");
        }
        let cut = &text[..300];
        assert_eq!(open(cut).len(), 1);
    }
}
