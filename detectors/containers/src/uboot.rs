//! U-Boot images: the legacy format (a header of 64 bytes, one or more payloads) and FIT, a flattened device tree whose
//! properties contain the payloads or their offsets after the tree.
//!
//! Payloads are members, which are opened further: kernels, RAM disks, device trees. Other device trees than FIT are
//! not opened; their bytes are searched as they are.

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Exactly, be32, held, until_zero};

/// U-Boot images.
#[derive(Debug)]
pub(crate) struct Uboot;

static ABOUT: About = About {
    id: "uboot",
    title: "U-Boot image: legacy and FIT",
    detects: "Payloads of legacy U-Boot images, one or several, and of flattened image trees (FIT), inside or after \
              the tree.",
    blind_to: "Checksums and signatures are not verified. Encrypted payloads of a FIT are members like others.",
    respond: "Firmware is on every device that runs it: replace the key, then ship new firmware.",
    references: &[
        "U-Boot include/image.h, doc/usage/fit/source_file_format.rst",
        "Devicetree Specification 0.4, chapter 5",
    ],
};

/// image.h: IH_MAGIC.
const LEGACY: [u8; 4] = [0x27, 0x05, 0x19, 0x56];

/// libfdt fdt.h: FDT_MAGIC.
const TREE: [u8; 4] = [0xd0, 0x0d, 0xfe, 0xed];

/// Length of the legacy header, in bytes.
const HEADER: u64 = 64;

/// image.h: IH_TYPE_MULTI and IH_TYPE_SCRIPT, whose payloads follow a list of their lengths.
const LISTS: [u8; 2] = [4, 6];

/// Maximum size of a device tree, in bytes. The kernel's own trees are below 1 MiB.
const MOST_TREE: u64 = 256 << 20;

/// Maximum nesting of the nodes of a tree. A FIT has three levels.
const DEEPEST: usize = 32;

impl Container for Uboot {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: &LEGACY }, Magic { at: 0, bytes: &TREE }]
    }

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn begins(&self, start: &[u8]) -> bool {
        if start.starts_with(&TREE) {
            let [total, nodes, strings] = [4, 8, 12].map(|at| be32(start, at).unwrap_or(0));
            return be32(start, 20) == Some(17) && nodes >= 40 && nodes < total && strings < total && total < 1 << 30;
        }
        // The checksum of the header, with the checksum itself as zero.
        let header = start.get(..64).zip(be32(start, 4)).zip(be32(start, 12)).filter(|(_, size)| *size > 0);
        header.is_some_and(|((header, sum), _)| {
            let mut checksum = flate2::Crc::new();
            checksum.update(header.get(..4).unwrap_or_default());
            checksum.update(&[0; 4]);
            checksum.update(header.get(8..).unwrap_or_default());
            checksum.sum() == sum
        })
    }

    fn length(&self, bytes: &Cursor) -> Option<u64> {
        // A FIT may have its payloads after the tree.
        let header = held(bytes, 0, 16, 16).filter(|header| header.starts_with(&LEGACY))?;
        be32(&header, 12).map(|size| HEADER + u64::from(size))
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let start = held(bytes, 0, 4, 4).ok_or(Malformed::new("U-Boot image", 0))?;
    if start == LEGACY { legacy(bytes, inside) } else { tree(bytes, inside) }
}

fn legacy(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("U-Boot header", 0);
    let header = held(bytes, 0, HEADER, HEADER).ok_or(malformed)?;
    let (size, sum) = be32(&header, 12).zip(be32(&header, 24)).ok_or(malformed)?;
    let size = u64::from(size);
    let [_, _, kind, packed] = *header.get(28..32).and_then(<[u8]>::first_chunk).ok_or(malformed)?;
    let name = until_zero(header.get(32..).unwrap_or_default());
    // The known numbers of types and compressors, with room for new ones.
    if size == 0 || kind == 0 || kind > 80 || packed > 16 {
        return Err(malformed.into());
    }
    let mut at = HEADER;
    let mut lengths = vec![size];
    if LISTS.contains(&kind) {
        lengths.clear();
        loop {
            let length = held(bytes, at, 4, 4).and_then(|length| be32(&length, 0)).ok_or(malformed)?;
            at += 4;
            if length == 0 {
                break;
            }
            lengths.push(length.into());
            // image.h has no limit, but boot loaders accept only a few.
            if lengths.len() > 256 {
                return Err(malformed.into());
            }
        }
    }
    for length in lengths {
        if inside.member(Member { name, at }, &mut Exactly::new(bytes.part(at, length), length)).is_break() {
            return Ok(());
        }
        let end = at.saturating_add(length);
        at = end.next_multiple_of(4);
        // What follows may begin without padding.
        if held(bytes, end, at - end, 4).is_none_or(|padding| padding.iter().any(|byte| *byte != 0)) {
            at = end;
        }
    }
    // The checksum of the header was verified; that of the payload tells whether it is cut.
    let mut checksum = flate2::CrcReader::new(bytes.part(HEADER, size));
    let is_read = std::io::copy(&mut checksum, &mut std::io::sink()).is_ok_and(|read| read == size);
    if is_read && sum != checksum.crc().sum() {
        inside.unread(Member { name, at: HEADER }, Reason::Damaged, "checksum");
    }
    // Data that no payload owns.
    if at < bytes.size() {
        let _ = inside.member(Member { name: b"trailing", at }, &mut bytes.part(at, bytes.size() - at));
    }
    Ok(())
}

/// A payload of a FIT, as far as the tree was read.
#[derive(Default)]
struct Payload {
    name: Vec<u8>,
    /// Offset and length of the data inside the tree.
    inner: Option<(u64, u64)>,
    /// Offset after the tree, or in the file.
    behind: Option<u64>,
    at: Option<u64>,
    size: Option<u64>,
}

fn tree(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("flattened image tree", 0);
    let header = held(bytes, 0, 40, 40).ok_or(malformed)?;
    let word = |at| be32(&header, at).map(u64::from).ok_or(malformed);
    let (total, nodes, strings) = (word(4)?, word(8)?, word(12)?);
    let (strings_length, version) = (word(32)?, word(20)?);
    if total > MOST_TREE || nodes > total || !(16..=32).contains(&version) {
        return Err(malformed.into());
    }
    let strings = held(bytes, strings, strings_length, 1 << 20).ok_or(malformed)?;
    let (payloads, whole) = payloads(bytes, nodes, total.min(bytes.size()), &strings);
    if payloads.is_empty() {
        // Another kind of device tree.
        return Err(malformed.into());
    }
    if !whole {
        inside.unread(Member { name: b"", at: nodes }, Reason::Damaged, "device tree");
    }
    for payload in payloads {
        let behind = payload.behind.map(|at| total.next_multiple_of(4).saturating_add(at)).or(payload.at);
        let Some((at, length)) = payload.inner.or(behind.zip(payload.size)) else { continue };
        let member = Member { name: &payload.name, at };
        if inside.member(member, &mut Exactly::new(bytes.part(at, length), length)).is_break() {
            return Ok(());
        }
    }
    Ok(())
}

/// Returns the payloads of the node `/images`, and whether the tree is complete. Properties are skipped, not kept.
fn payloads(bytes: &Cursor, mut at: u64, end: u64, strings: &[u8]) -> (Vec<Payload>, bool) {
    let mut found = Vec::new();
    let mut path: Vec<Vec<u8>> = Vec::new();
    let mut payload = Payload::default();
    while at < end {
        let Some(token) = held(bytes, at, 4, 4).and_then(|token| be32(&token, 0)) else { return (found, false) };
        at += 4;
        match token {
            // FDT_BEGIN_NODE: a name that ends with a zero byte.
            1 => {
                let most = 256.min(end.saturating_sub(at));
                let Some(name) = held(bytes, at, most, 256) else { return (found, false) };
                let name = until_zero(&name).to_vec();
                at = (at + name.len() as u64 + 1).next_multiple_of(4);
                path.push(name.clone());
                if path.len() > DEEPEST {
                    return (found, false);
                }
                if is_payload(&path) {
                    payload = Payload { name, ..Payload::default() };
                }
            }
            // FDT_END_NODE
            2 => {
                let done = std::mem::take(&mut payload);
                if is_payload(&path) {
                    found.push(done);
                } else {
                    payload = done;
                }
                if path.pop().is_none() {
                    return (found, false);
                }
            }
            // FDT_PROP: length, name, value.
            3 => {
                let Some(property) = held(bytes, at, 8, 8) else { return (found, false) };
                let (Some(length), Some(name)) = (be32(&property, 0), be32(&property, 4)) else {
                    return (found, false);
                };
                let value = at + 8;
                let number = || held(bytes, value, 4, 4).and_then(|value| be32(&value, 0)).map(u64::from);
                if is_payload(&path) {
                    match until_zero(strings.get(name as usize..).unwrap_or_default()) {
                        b"data" => payload.inner = Some((value, length.into())),
                        b"data-offset" => payload.behind = number(),
                        b"data-position" => payload.at = number(),
                        b"data-size" => payload.size = number(),
                        _ => {}
                    }
                }
                at = (value + u64::from(length)).next_multiple_of(4);
            }
            // FDT_NOP, FDT_END
            4 => {}
            9 => return (found, true),
            _ => return (found, false),
        }
    }
    (found, false)
}

/// Whether a node is a child of `/images`.
fn is_payload(path: &[Vec<u8>]) -> bool {
    matches!(path, [root, images, _] if root.is_empty() && images == b"images")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

    fn image(kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = LEGACY.to_vec();
        bytes.resize(64, 0);
        bytes[12..16].copy_from_slice(&(payload.len() as u32).to_be_bytes());
        let mut checksum = flate2::Crc::new();
        checksum.update(payload);
        bytes[24..28].copy_from_slice(&checksum.sum().to_be_bytes());
        bytes[30] = kind;
        bytes[32..36].copy_from_slice(b"name");
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn legacy_images_of_one_and_of_several() {
        let seen = open(&Uboot, &image(2, b"kernel")).unwrap();
        assert_eq!(seen.members, [("name".to_owned(), b"kernel".to_vec())]);
        let several = [&[0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 0, 0][..], b"first\0\0\0two\0"].concat();
        for kind in LISTS {
            let seen = open(&Uboot, &image(kind, &several)).unwrap();
            let contents: Vec<&[u8]> = seen.members.iter().map(|(_, content)| content.as_slice()).collect();
            assert_eq!((contents, seen.unread.len()), (vec![&b"first"[..], b"two"], 0));
        }
        let seen = open(&Uboot, &[image(2, b"kernel12"), b"more".to_vec()].concat()).unwrap();
        assert_eq!(seen.content("trailing"), Some(&b"more"[..]));
        assert_eq!(open(&Uboot, &image(2, b"kernel")[..66]).unwrap().unread.len(), 1);
        for bytes in [image(0, b"x"), image(2, b""), LEGACY.to_vec(), [&TREE[..], &[0; 60]].concat()] {
            assert!(open(&Uboot, &bytes).is_none());
        }
        torture(&Uboot, &image(LISTS[0], &several), 1);
    }
}
