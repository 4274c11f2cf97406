//! Compares differences of trees with the trees themselves.

use std::collections::BTreeMap;

use super::*;
use crate::delta::Delta;

/// Pseudo-random numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }
}

type Tree = BTreeMap<Vec<u8>, (bool, [u8; 20])>;

fn bytes(tree: &Tree) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, (is_tree, id)) in tree {
        out.extend_from_slice(if *is_tree { b"40000 " } else { b"100644 " });
        out.extend_from_slice(name);
        out.push(0);
        out.extend_from_slice(id);
    }
    out
}

/// The expected rows: subtrees only, because there are no hits.
fn subtrees(tree: &Tree) -> BTreeMap<Vec<u8>, u64> {
    let key = |id: &[u8; 20]| u64::from_be_bytes(*id.first_chunk().unwrap());
    tree.iter().filter(|(_, (is_tree, _))| *is_tree).map(|(name, (_, id))| (name.clone(), key(id))).collect()
}

/// A delta that copies every run of at least `least` bytes that follows in the base, as git does.
fn delta(base: &[u8], result: &[u8], least: usize) -> Vec<u8> {
    let varint = |mut size: usize| {
        let mut out = Vec::new();
        while size > 0x7f {
            out.push(size as u8 | 0x80);
            size >>= 7;
        }
        out.push(size as u8);
        out
    };
    let mut out = [varint(base.len()), varint(result.len())].concat();
    let (mut at, mut from, mut literal) = (0, 0, Vec::new());
    let flush = |literal: &mut Vec<u8>, out: &mut Vec<u8>| {
        for chunk in literal.chunks(127) {
            out.push(chunk.len() as u8);
            out.extend_from_slice(chunk);
        }
        literal.clear();
    };
    while at < result.len() {
        let window = &result[at..result.len().min(at + least)];
        let found = if window.len() == least { memchr::memmem::find(&base[from..], window) } else { None };
        let Some(start) = found.map(|found| from + found) else {
            literal.push(result[at]);
            at += 1;
            continue;
        };
        let length = base[start..].iter().zip(&result[at..]).take_while(|(a, b)| a == b).count().min(0xffff);
        flush(&mut literal, &mut out);
        out.extend([0x80 | 0x0f | 0x30]);
        out.extend((start as u32).to_le_bytes());
        out.extend((length as u16).to_le_bytes());
        at += length;
        from = start + length;
    }
    flush(&mut literal, &mut out);
    out
}

fn name(random: &mut Random) -> Vec<u8> {
    // Few names and few letters, so that names are prefixes of each other and occur again; some look like modes.
    let words: [&[u8]; 8] = [b"a", b"ab", b"abc", b"lib", b"lib-gpg", b"x 40000 y", b"100644 z", b"\xff\xfe"];
    let mut name = words[random.below(words.len())].to_vec();
    name.extend(random.below(30).to_string().into_bytes());
    name
}

fn change(tree: &mut Tree, random: &mut Random) {
    let mut id = [0; 20];
    // Zeros and spaces inside object ids must not be taken for ends of names, nor a `0` at the end of an id for the
    // first digit of the next mode.
    for byte in &mut id {
        *byte = [0, b' ', b'4', b'0', 7, 200, random.below(256) as u8][random.below(7)];
    }
    let known: Vec<Vec<u8>> = tree.keys().cloned().collect();
    match random.below(4) {
        0 | 1 if !known.is_empty() => {
            let entry = tree.get_mut(&known[random.below(known.len())]).unwrap();
            entry.1 = id;
        }
        2 if !known.is_empty() => {
            let old = tree.remove(&known[random.below(known.len())]).unwrap();
            if random.below(2) == 0 {
                tree.insert(name(random), old);
            }
        }
        _ => drop(tree.insert(name(random), (random.below(2) == 0, id))),
    }
}

#[test]
fn rows_reproduce_the_tree() {
    let wanted = Wanted::new(&KeyMap::default(), MOST_CHANGES);
    let (mut differences, mut built) = (0, 0);
    for seed in 1..400 {
        let mut random = Random(seed);
        let mut tree = Tree::new();
        for _ in 0..random.below(60) {
            change(&mut tree, &mut random);
        }
        let base = bytes(&tree);
        let before = subtrees(&tree);
        for _ in 0..=random.below(4) {
            change(&mut tree, &mut random);
        }
        let result = bytes(&tree);
        let delta = delta(&base, &result, 4 + random.below(20));
        let mut pieces = Delta::default();
        pieces.parse(&delta, base.len(), 1 << 20).unwrap();
        let mut reader = Reader::new(&wanted, Format::Sha1);
        let change = Change { on: 0, base: &base, delta: &delta, pieces: &pieces };
        if !reader.difference(1, 1, change) {
            built += 1;
            continue;
        }
        differences += 1;
        let mut rebuilt = Vec::new();
        pieces.apply(&delta, &base, &mut rebuilt);
        assert_eq!(rebuilt, result, "seed {seed}: the test's own delta");
        let mut after = before;
        for removed in &reader.rows.removed {
            after.remove(reader.names.get(*removed));
        }
        after.extend(reader.rows.added.iter().map(|(name, key)| (reader.names.get(*name).to_vec(), *key)));
        assert_eq!(after, subtrees(&tree), "seed {seed}");
    }
    assert!(differences > 300 && built < 50, "{differences} differences, {built} built");
}

#[test]
fn places_are_found_through_trees_within_limits() {
    let id = |n: u8| {
        let mut id = [n; 20];
        id[0] = 0x80 | n;
        id
    };
    let key = |n: u8| u64::from_be_bytes(*id(n).first_chunk().unwrap());
    let hit = ObjectId::new(Format::Sha1, &id(1)).unwrap();
    let wanted_hits: KeyMap<u32> = [(hit.key(), 0)].into_iter().collect();
    let wanted = Wanted::new(&wanted_hits, MOST_CHANGES);
    let mut trees = Trees::default();
    let tree = |entries: &[(&str, bool, u8)]| {
        bytes(&entries.iter().map(|(name, is_tree, n)| (name.as_bytes().to_vec(), (*is_tree, id(*n)))).collect())
    };
    // Outer trees first: the order of a pack is arbitrary.
    let mut reader = Reader::new(&wanted, Format::Sha1);
    reader.whole(key(4), 0, &tree(&[("keys", true, 3), ("other", true, 9)]));
    reader.whole(key(3), 1, &tree(&[("a.pem", false, 1), ("b.pem", false, 2), ("deep", true, 5)]));
    reader.whole(key(5), 2, &tree(&[("again.pem", false, 1)]));
    // A tree that contains itself cannot be made; should a collision ever be one, it must not cause an endless loop.
    reader.whole(key(6), 3, &tree(&[("self", true, 6), ("x", false, 1)]));
    // Doubling: 2^40 paths.
    for n in 10..50 {
        reader.whole(key(n), u32::from(n), &tree(&[("l", true, n - 1), ("r", true, n - 1)]));
    }
    reader.whole(key(9), 9, &tree(&[("bottom", false, 1)]));
    trees.append(reader, &mut []);
    trees.hits = wanted_hits;
    let places = trees.places();
    let told = |n: u8| -> Vec<String> {
        let numbers = places.numbers(places.set(key(n)));
        let mut found: Vec<_> = numbers.iter().filter_map(|number| places.place(*number)).collect();
        found.sort();
        found.into_iter().map(|(_, path)| String::from_utf8_lossy(path).into_owned()).collect()
    };
    assert_eq!(told(5), ["again.pem"]);
    assert_eq!(told(4), ["keys/a.pem", "keys/deep/again.pem", "other/bottom"]);
    assert_eq!(told(6), ["x"]);
    assert_eq!(told(49).len(), 1000, "paths of one tree");
    assert_eq!(told(2), Vec::<String>::new());
}

#[test]
fn changes_of_trees_are_bounded() {
    let wanted = Wanted::new(&KeyMap::default(), 100_000);
    let mut reader = Reader::new(&wanted, Format::Sha1);
    let mut most = 0;
    for n in 0..10_000_u32 {
        let name = format!("{n:0200}").into_bytes();
        reader.whole(n.into(), n, &bytes(&[(name, (true, [7; 20]))].into_iter().collect()));
        if wanted.is_full() && most == 0 {
            most = n;
        }
    }
    // A name of 200 bytes, its overhead, and an entry of 16 bytes.
    assert_eq!(most, 100_000 / (200 + 96 + 16));
    assert_eq!((reader.names.names.len(), reader.rows.added.len()), (most as usize, most as usize));
}
