//! Packs and objects that git would never write, with valid checksums.

use std::path::Path;

/// An entry of a pack.
pub(crate) struct Entry {
    /// The object id in the index.
    pub(crate) id: [u8; 20],
    pub(crate) bytes: Vec<u8>,
}

pub(crate) const TREE: u8 = 2;
pub(crate) const BLOB: u8 = 3;
const REF_DELTA: u8 = 7;

impl Entry {
    /// A whole object of this type that claims a size of `size` bytes.
    pub(crate) fn object(kind: u8, id: [u8; 20], size: u64, zlib: &[u8]) -> Self {
        Self { id, bytes: [&head(kind, size)[..], zlib].concat() }
    }

    /// A delta against the object with another id.
    pub(crate) fn delta(id: [u8; 20], base: [u8; 20], delta: &[u8]) -> Self {
        Self { id, bytes: [&head(REF_DELTA, delta.len() as u64)[..], &base, &stored(delta)].concat() }
    }
}

/// The head of a pack entry (gitformat-pack): type, then the size in groups of seven bits.
fn head(kind: u8, mut size: u64) -> Vec<u8> {
    let mut bytes = vec![kind << 4 | (size as u8 & 15)];
    size >>= 4;
    while size > 0 {
        *bytes.last_mut().expect("a byte") |= 0x80;
        bytes.push(size as u8 & 0x7f);
        size >>= 7;
    }
    bytes
}

/// A number in a delta: groups of seven bits, lowest first.
pub(crate) fn number(mut value: u64) -> Vec<u8> {
    let mut bytes = vec![value as u8 & 0x7f];
    value >>= 7;
    while value > 0 {
        *bytes.last_mut().expect("a byte") |= 0x80;
        bytes.push(value as u8 & 0x7f);
        value >>= 7;
    }
    bytes
}

/// Writes a pack and its index into an `objects/pack` folder.
pub(crate) fn pack(folder: &Path, entries: &[Entry]) {
    let all: Vec<usize> = (0..entries.len()).collect();
    pack_listed(folder, entries, &all, entries.len() as u32);
}

/// Like `pack`, but the index lists only some of the entries, and the pack declares another number of entries.
pub(crate) fn pack_listed(folder: &Path, entries: &[Entry], listed: &[usize], declared: u32) {
    let mut pack = [&b"PACK"[..], &2_u32.to_be_bytes(), &declared.to_be_bytes()].concat();
    let mut rows: Vec<([u8; 20], u32, u32)> = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        if listed.contains(&number) {
            rows.push((entry.id, crc32(&entry.bytes), pack.len() as u32));
        }
        pack.extend_from_slice(&entry.bytes);
    }
    let trailer = sha1(&pack);
    pack.extend_from_slice(&trailer);
    rows.sort_unstable();
    let mut index = [&b"\xfftOc"[..], &2_u32.to_be_bytes()].concat();
    for first in 0..=255 {
        let count = rows.iter().filter(|row| row.0[0] <= first).count() as u32;
        index.extend(count.to_be_bytes());
    }
    index.extend(rows.iter().flat_map(|row| row.0));
    index.extend(rows.iter().flat_map(|row| row.1.to_be_bytes()));
    index.extend(rows.iter().flat_map(|row| row.2.to_be_bytes()));
    index.extend(trailer);
    index.extend(sha1(&index));
    let name = format!("pack-{}", hex(&trailer));
    std::fs::create_dir_all(folder).expect("made");
    std::fs::write(folder.join(format!("{name}.pack")), pack).expect("written");
    std::fs::write(folder.join(format!("{name}.idx")), index).expect("written");
}

/// Writes a loose object below an `objects` folder, with arbitrary bytes.
pub(crate) fn loose(objects: &Path, id: &[u8; 20], zlib: &[u8]) {
    let name = hex(id);
    let folder = objects.join(&name[..2]);
    std::fs::create_dir_all(&folder).expect("made");
    std::fs::write(folder.join(&name[2..]), zlib).expect("written");
}

/// The id of a blob.
pub(crate) fn blob_id(content: &[u8]) -> [u8; 20] {
    sha1(&[format!("blob {}\0", content.len()).as_bytes(), content].concat())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).expect("a digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A zlib stream of stored blocks (RFC 1951 3.2.4).
pub(crate) fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let mut chunks = bytes.chunks(0xffff).peekable();
    if chunks.peek().is_none() {
        out.extend([1, 0, 0, 0xff, 0xff]);
    }
    while let Some(chunk) = chunks.next() {
        out.push(u8::from(chunks.peek().is_none()));
        out.extend((chunk.len() as u16).to_le_bytes());
        out.extend((!(chunk.len() as u16)).to_le_bytes());
        out.extend_from_slice(chunk);
    }
    let (mut a, mut b) = (1_u32, 0_u32);
    for &byte in bytes {
        a = (a + u32::from(byte)) % 65521;
        b = (b + a) % 65521;
    }
    out.extend((b << 16 | a).to_be_bytes());
    out
}

/// A zlib stream of `start` and then zeros, 258 at a time: 13 bits for each (RFC 1951 3.2.6). Returns the stream and
/// its inflated length.
pub(crate) fn bomb(start: &[u8], repeats: u64) -> (Vec<u8>, u64) {
    let mut bits = Bits { out: vec![0x78, 0x01], word: 0, count: 0 };
    bits.push(0b011, 3);
    for &byte in start.iter().chain(&[0]) {
        bits.literal(byte);
    }
    for _ in 0..repeats {
        // Code 285 (258 bytes), and distance code 0 (one byte back).
        bits.code(0b1100_0101, 8);
        bits.code(0, 5);
    }
    bits.code(0, 7);
    bits.push(0, 7);
    let size = start.len() as u64 + 1 + repeats * 258;
    let (mut a, mut b) = (1_u64, 0_u64);
    for &byte in start {
        a = (a + u64::from(byte)) % 65521;
        b = (b + a) % 65521;
    }
    // A zero byte does not change the first sum.
    b = (b + a * ((repeats * 258 + 1) % 65521)) % 65521;
    let adler = (b as u32) << 16 | a as u32;
    let mut out = bits.out;
    out.extend(adler.to_be_bytes());
    (out, size)
}

/// Bits in deflate order: lowest first in each byte.
struct Bits {
    out: Vec<u8>,
    word: u32,
    count: u32,
}

impl Bits {
    fn push(&mut self, value: u32, bits: u32) {
        self.word |= value << self.count;
        self.count += bits;
        while self.count >= 8 {
            self.out.push(self.word as u8);
            self.word >>= 8;
            self.count -= 8;
        }
    }

    /// A Huffman code: highest bit first.
    fn code(&mut self, value: u32, bits: u32) {
        self.push(value.reverse_bits() >> (32 - bits), bits);
    }

    fn literal(&mut self, byte: u8) {
        match byte {
            0..144 => self.code(0x30 + u32::from(byte), 8),
            144.. => self.code(0x190 + u32::from(byte - 144), 9),
        }
    }
}

/// SHA-1 (FIPS 180-4).
pub(crate) fn sha1(message: &[u8]) -> [u8; 20] {
    let mut padded = [message, &[0x80]].concat();
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((message.len() as u64 * 8).to_be_bytes());
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded.chunks(64) {
        let mut words: Vec<u32> =
            block.chunks(4).map(|bytes| bytes.iter().fold(0, |word, &byte| word << 8 | u32::from(byte))).collect();
        for at in 16..80 {
            words.push((words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (round, word) in words.iter().enumerate() {
            let (mix, constant) = match round / 20 {
                0 => (b & c | !b & d, 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => (b & c | b & d | c & d, 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a.rotate_left(5).wrapping_add(mix).wrapping_add(e).wrapping_add(constant).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (sum, value) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(value);
        }
    }
    let mut digest = [0; 20];
    for (out, word) in digest.chunks_mut(4).zip(state) {
        out.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// CRC-32 (ISO 3309).
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

/// git reads these packs, as long as they are valid.
#[test]
fn git_reads_handmade_packs() {
    use super::repo::{Ground, Repo};
    let ground = Ground::new("handmade");
    let repo = Repo::init(ground.join("repo.git"), &["--bare"]);
    let (base, target) = (b"0123456789abcdef-base-of-a-delta".repeat(3), b"0123456789abcdef and more".to_vec());
    let delta =
        [number(base.len() as u64), number(target.len() as u64), vec![0x90, 16, 9], b" and more".to_vec()].concat();
    let (zlib, size) = bomb(b"start", 4000);
    let mut large = b"start".to_vec();
    large.resize(size as usize, 0);
    let (one, two, three) = (blob_id(&base), blob_id(&target), blob_id(&large));
    pack(
        &repo.dir.join("objects/pack"),
        &[
            Entry::object(BLOB, one, base.len() as u64, &stored(&base)),
            Entry::delta(two, one, &delta),
            Entry::object(BLOB, three, size, &zlib),
        ],
    );
    repo.git(&["fsck", "--full", "--strict"]);
    for (id, content) in [(one, base), (two, target), (three, large)] {
        assert_eq!(repo.feed(&["cat-file", "blob", &hex(&id)], b""), content);
    }
}
