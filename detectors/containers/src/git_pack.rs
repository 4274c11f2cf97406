//! Packs and bundles of git (gitformat-pack, gitformat-bundle) inside something else: an archived repository, an image
//! layer, a blob of a history. Files on disk are read as repositories, with their history.
//!
//! Each object is a member. Deltas are built from their base in the same pack, base first, so that only the objects on
//! the way from a root to the current one are in memory. The work is one inflation of each entry to find the next one,
//! one more for each object that is handed out, and the size of each object that is built. A base in another pack, as
//! in a thin pack, is reported.

mod delta;

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::ops::ControlFlow;

use flate2::bufread::ZlibDecoder;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::compressed::READ;
use delta::apply;

/// Packs and bundles of git.
#[derive(Debug)]
pub(crate) struct GitPack;

static ABOUT: About = About {
    id: "git_pack",
    title: "pack or bundle of git, inside something else",
    detects: "Packs (versions 2 and 3) and bundles (versions 2 and 3) in archives, images and histories: every object, \
              with deltas built from their bases in the same pack. Packs and bundles on disk are read as repositories.",
    blind_to: "Names, commits and branches of what is found, because the objects are opened without their history. \
               Objects whose base is in another pack, objects larger than the memory of a container, and references to \
               bases in packs with SHA-256: reported.",
    respond: "Whoever has the archive has every object in it. Replace the keys found.",
    references: &["gitformat-pack(5)", "gitformat-bundle(5)"],
};

const PACK: &[u8] = b"PACK\0\0\0";
const BUNDLE: &[u8] = b"# v";

/// Longest header of a bundle, in bytes: references, a line each.
const LONGEST: usize = 4 << 20;

/// Memory of an entry in the tables, in bytes.
const ENTRY: u64 = 96;

/// Length of the header of a pack, and of an object id.
const HEADER: u64 = 12;
const ID: usize = 20;

/// How deep deltas may be on top of each other: the maximum of git (pack.depth).
const DEEPEST: usize = 4095;

impl Container for GitPack {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[
            Magic { at: 0, bytes: b"PACK\0\0\0\x02" },
            Magic { at: 0, bytes: b"PACK\0\0\0\x03" },
            Magic { at: 0, bytes: b"# v2 git bundle\n" },
            Magic { at: 0, bytes: b"# v3 git bundle\n" },
        ]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(open)
    }
}

/// Where the base of an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    None(&'static str),
    At(u64),
    Named([u8; ID]),
}

/// An entry of a pack.
#[derive(Clone, Copy, Debug)]
struct Entry {
    at: u64,
    data: u64,
    size: u64,
    base: Base,
}

/// Reads the header of the entry at an offset.
fn entry(bytes: &Cursor, at: u64) -> Option<Entry> {
    let mut head = [0; 48];
    let read = bytes.read_from(at, &mut head).ok()?;
    let mut rest = head.get(..read)?.iter().copied();
    let mut used = 0_u64;
    let mut next = || {
        used += 1;
        rest.next()
    };
    let first = next()?;
    let (mut size, mut shift, mut more) = (u64::from(first & 15), 4, first & 0x80 != 0);
    while more {
        let byte = next()?;
        size |= u64::from(byte & 0x7f).checked_shl(shift).filter(|_| shift < 60)?;
        shift += 7;
        more = byte & 0x80 != 0;
    }
    let base = match first >> 4 & 7 {
        1 => Base::None("commit"),
        2 => Base::None("tree"),
        3 => Base::None("blob"),
        4 => Base::None("tag"),
        6 => {
            let mut byte = next()?;
            let mut back = u64::from(byte & 0x7f);
            while byte & 0x80 != 0 {
                byte = next()?;
                back = back.checked_add(1)?.checked_mul(128)? | u64::from(byte & 0x7f);
            }
            Base::At(at.checked_sub(back).filter(|_| back > 0)?)
        }
        7 => {
            let mut id = [0; ID];
            for byte in &mut id {
                *byte = next()?;
            }
            Base::Named(id)
        }
        _ => return None,
    };
    Some(Entry { at, data: at + used, size, base })
}

/// The stream of an entry.
fn stream(bytes: &Cursor, entry: &Entry) -> ZlibDecoder<BufReader<Cursor>> {
    let rest = bytes.part(entry.data, bytes.size().saturating_sub(entry.data));
    ZlibDecoder::new(BufReader::with_capacity(READ, rest))
}

/// Where the pack begins: at once, or after the header of a bundle.
fn pack_start(bytes: &Cursor) -> Option<u64> {
    let mut start = [0; 4];
    let read = bytes.read_from(0, &mut start).ok()?;
    if start.get(..read)?.starts_with(b"PACK") {
        return Some(0);
    }
    if !start.starts_with(BUNDLE) {
        return None;
    }
    let mut head = Vec::new();
    bytes.part(0, LONGEST as u64).read_to_end(&mut head).ok()?;
    memchr::memmem::find(&head, b"\n\nPACK\0\0\0").map(|at| at as u64 + 2)
}

#[allow(clippy::needless_pass_by_value, reason = "the seam hands it over")]
fn open(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("pack of git", 0);
    let start = pack_start(&bytes).ok_or(malformed)?;
    if start > 0 && inside.rest(0, &mut bytes.part(0, start)).is_break() {
        return Ok(());
    }
    let mut header = [0; HEADER as usize];
    bytes.read_from(start, &mut header).map_err(|_| malformed)?;
    let [.., a, b, c, d] = header;
    if !header.starts_with(PACK) {
        return Err(malformed.into());
    }
    let stated = u64::from(u32::from_be_bytes([a, b, c, d]));
    // Every entry has three bytes at least.
    let count = stated.min(bytes.size() / 3);
    inside.holds(count.saturating_mul(ENTRY).max(READ as u64)).map_err(Unopenable::Limit)?;
    let mut entries: Vec<Entry> = Vec::new();
    let mut named: BTreeMap<[u8; ID], u64> = BTreeMap::new();
    let mut at = start + HEADER;
    for number in 0_u64.. {
        let next = entry(&bytes, at);
        // Objects behind the last one that counts: an index may name them, and git shows them.
        if number >= count {
            if !next.as_ref().is_some_and(|next| is_whole(&bytes, next)) {
                break;
            }
            if number == count {
                inside.unread(Member { name: b"", at }, Reason::Damaged, "the number of objects of a pack");
            }
            inside.holds((number + 1).saturating_mul(ENTRY).max(READ as u64)).map_err(Unopenable::Limit)?;
        }
        let Some(entry) = next else {
            inside.unread(Member { name: b"", at }, Reason::Damaged, "entry of a pack");
            break;
        };
        let mut content = stream(&bytes, &entry);
        let mut digest = Sha1::new();
        let flow = match entry.base {
            Base::None(kind) => {
                digest.update(format!("{kind} {}\0", entry.size));
                let name = format!("{kind}@{:x}", entry.at);
                let mut hashed = Hashed(&mut content, &mut digest);
                inside.member(Member { name: name.as_bytes(), at }, &mut hashed)
            }
            _ => ControlFlow::Continue(()),
        };
        if flow.is_break() {
            return Ok(());
        }
        // What was not read as a member, or the delta: only to find the next entry.
        let mut rest = [0; 4096];
        let end = loop {
            match content.read(&mut rest) {
                Ok(0) => break Some(()),
                Ok(read) => digest.update(rest.get(..read).unwrap_or_default()),
                Err(_) => break None,
            }
        };
        let used = content.total_in();
        if end.is_none() || (number == 0 && used == 0) {
            inside.unread(Member { name: b"", at }, Reason::Damaged, "stream of an object");
            break;
        }
        if matches!(entry.base, Base::None(_)) {
            named.insert(digest.finalize().into(), at);
        }
        entries.push(entry);
        at = entry.data + used;
    }
    build(&bytes, &entries, named, inside)?;
    // The checksum is known; what follows it is not.
    let end = at + ID as u64;
    if end < bytes.size() {
        let _ = inside.member(Member { name: b"trailing", at: end }, &mut bytes.part(end, bytes.size() - end));
    }
    Ok(())
}

/// Whether an entry is followed by a stream of its size.
fn is_whole(bytes: &Cursor, entry: &Entry) -> bool {
    let inflated = std::io::copy(&mut stream(bytes, entry).take(entry.size + 1), &mut std::io::sink());
    entry.size > 0 && inflated.is_ok_and(|size| size == entry.size)
}

/// Reads a member, and learns its id.
struct Hashed<'r>(&'r mut dyn Read, &'r mut Sha1);

impl Read for Hashed<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(into)?;
        self.1.update(into.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// An object on the way from a root to the current one.
struct Built {
    content: Zeroizing<Vec<u8>>,
    kind: &'static str,
    /// Deltas on it that are left, as numbers of entries.
    left: Vec<usize>,
}

/// Builds all deltas, each after its base, and hands them out.
fn build(
    bytes: &Cursor,
    entries: &[Entry],
    mut named: BTreeMap<[u8; ID], u64>,
    inside: &mut dyn Inside,
) -> Result<(), Unopenable> {
    let mut children: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    let mut waiting: BTreeMap<[u8; ID], Vec<usize>> = BTreeMap::new();
    for (number, entry) in entries.iter().enumerate() {
        match entry.base {
            Base::None(_) => {}
            Base::At(base) => children.entry(base).or_default().push(number),
            Base::Named(id) => match named.get(&id) {
                Some(base) => children.entry(*base).or_default().push(number),
                None => waiting.entry(id).or_default().push(number),
            },
        }
    }
    let tables = (entries.len() as u64).saturating_mul(ENTRY).max(READ as u64);
    let most = inside.memory();
    let mut left: usize = entries.iter().filter(|entry| !matches!(entry.base, Base::None(_))).count();
    let roots = entries.iter().filter_map(|entry| match entry.base {
        Base::None(kind) => Some((entry, kind)),
        _ => None,
    });
    for (root, kind) in roots {
        let Some(first) = children.remove(&root.at) else { continue };
        let Some(content) = inflated(bytes, root, most.saturating_sub(tables)) else {
            inside.unread(Member { name: kind.as_bytes(), at: root.at }, Reason::TooLarge, "base of a delta");
            continue;
        };
        let mut held = tables + content.len() as u64;
        inside.holds(held).map_err(Unopenable::Limit)?;
        let mut path = vec![Built { content, kind, left: first }];
        while let Some(top) = path.last_mut() {
            let Some(number) = top.left.pop() else {
                held -= top.content.len() as u64;
                path.pop();
                continue;
            };
            let (kind, Some(entry)) = (top.kind, entries.get(number)) else { continue };
            left -= 1;
            let name = format!("{kind}@{:x}", entry.at);
            let member = Member { name: name.as_bytes(), at: entry.at };
            let delta = inflated(bytes, entry, most.saturating_sub(held));
            let made = delta
                .as_deref()
                .ok_or(Reason::TooLarge)
                .and_then(|delta| apply(delta, &top.content, most.saturating_sub(held + delta.len() as u64)));
            let content = match made {
                Ok(content) => content,
                Err(reason) => {
                    inside.unread(member, reason, "delta of an object");
                    continue;
                }
            };
            held += content.len() as u64;
            inside.holds(held).map_err(Unopenable::Limit)?;
            if inside.member(member, &mut content.as_slice()).is_break() {
                return Ok(());
            }
            let mut deeper = children.remove(&entry.at).unwrap_or_default();
            if !waiting.is_empty() {
                let mut digest = Sha1::new_with_prefix(format!("{kind} {}\0", content.len()));
                digest.update(content.as_slice());
                let id = digest.finalize().into();
                deeper.extend(waiting.remove(&id).unwrap_or_default());
                named.insert(id, entry.at);
            }
            if path.len() >= DEEPEST {
                inside.unread(member, Reason::TooDeep, "deltas on an object");
                deeper.clear();
            }
            path.push(Built { content, kind, left: deeper });
        }
    }
    if left > 0 {
        inside.unread(Member { name: b"", at: 0 }, Reason::Unsupported, "objects whose base is in another pack");
    }
    Ok(())
}

/// Inflates an entry, if it has its size and that is not too large.
fn inflated(bytes: &Cursor, entry: &Entry, most: u64) -> Option<Zeroizing<Vec<u8>>> {
    if entry.size > most {
        return None;
    }
    let mut out = Zeroizing::new(Vec::new());
    let _ = stream(bytes, entry).take(entry.size).read_to_end(&mut out);
    (out.len() as u64 == entry.size).then_some(out)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;
    use crate::collect::{Seen, open_into};

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    /// A header of an entry: its kind and its size.
    fn head(kind: u8, size: usize) -> Vec<u8> {
        let mut out = vec![kind << 4 | (size & 15) as u8];
        let mut rest = size >> 4;
        while rest > 0 {
            *out.last_mut().unwrap() |= 0x80;
            out.push((rest & 0x7f) as u8);
            rest >>= 7;
        }
        out
    }

    /// A delta that copies the first `copied` bytes of a base, then has other text.
    fn delta(base: usize, copied: u8, text: &[u8]) -> Vec<u8> {
        let size = usize::from(copied) + text.len();
        let number = |n: usize| if n < 128 { vec![n as u8] } else { vec![n as u8 & 0x7f | 0x80, (n >> 7) as u8] };
        [number(base), number(size), vec![0x90, copied, text.len() as u8], text.to_vec()].concat()
    }

    fn pack(entries: &[Vec<u8>]) -> Vec<u8> {
        let count = (entries.len() as u32).to_be_bytes();
        [b"PACK\0\0\0\x02", count.as_slice(), &entries.concat(), &[7; 20], b"more"].concat()
    }

    #[test]
    fn objects_and_deltas_are_members() {
        let base = [b'b'; 200];
        let first = [head(3, 200), zlib(&base)].concat();
        let of_first = delta(200, 100, b"second");
        let id: [u8; ID] = Sha1::digest([b"blob 200\0".as_slice(), &base].concat()).into();
        let by_name = [head(7, of_first.len()), id.to_vec(), zlib(&of_first)].concat();
        // On the delta before it.
        let third = delta(106, 106, b"third");
        let by_offset = [head(6, third.len()), vec![by_name.len() as u8], zlib(&third)].concat();
        let lost = [head(7, third.len()), vec![9; ID], zlib(&third)].concat();
        let plain = pack(&[first.clone(), by_name.clone(), by_offset.clone()]);
        let bundle = [b"# v2 git bundle\n1234 refs/heads/a\n\n".as_slice(), &plain].concat();
        for bytes in [&plain, &bundle] {
            let mut seen = Seen::default();
            open_into(&GitPack, bytes, &mut seen).expect("a pack");
            let contents: Vec<&[u8]> = seen.members.iter().map(|(_, content)| content.as_slice()).collect();
            for expected in [&base[..], &[&base[..100], b"second"].concat(), &[&base[..100], b"secondthird"].concat()] {
                assert!(contents.contains(&expected), "{:?}", seen.names());
            }
            assert!(contents.contains(&b"more".as_slice()) && seen.unread.is_empty());
        }
        let mut seen = Seen::default();
        open_into(&GitPack, &pack(&[first.clone(), lost]), &mut seen).expect("a pack");
        assert_eq!(seen.reasons(), [Reason::Unsupported]);
        for end in 0..plain.len() {
            let _ = open_into(&GitPack, &plain[..end], &mut Seen::default());
            let mut other = plain.clone();
            other[end] ^= 0x55;
            let _ = open_into(&GitPack, &other, &mut Seen::default());
        }
    }

    #[test]
    fn deltas_that_grow_are_bounded() {
        // Each delta is the double of its base, thirty times.
        let mut entries = vec![[head(3, 0x10000), zlib(&vec![b'a'; 0x10000])].concat()];
        let mut size = 0x10000_usize;
        for _ in 0..30 {
            let number = |mut n: usize| {
                let mut out = Vec::new();
                while n > 127 {
                    out.push(n as u8 & 0x7f | 0x80);
                    n >>= 7;
                }
                out.push(n as u8);
                out
            };
            // Two copies of up to 16 MiB each from the start.
            let length = size.min(0xff_ffff);
            let copy = [0xf0, length as u8, (length >> 8) as u8, (length >> 16) as u8];
            let delta = [number(size), number(2 * length), copy.to_vec(), copy.to_vec()].concat();
            let back = entries.last().unwrap().len();
            let back =
                if back < 128 { vec![back as u8] } else { vec![((back >> 7) - 1) as u8 | 0x80, (back & 0x7f) as u8] };
            entries.push([head(6, delta.len()), back, zlib(&delta)].concat());
            size = 2 * length;
        }
        let mut seen = Seen { memory: Some(8 << 20), ..Seen::default() };
        open_into(&GitPack, &pack(&entries), &mut seen).expect("a pack");
        assert!(seen.reasons().contains(&Reason::TooLarge), "{:?}", seen.unread);
        assert!(seen.members.iter().map(|(_, content)| content.len()).sum::<usize>() < 16 << 20);
    }
}
