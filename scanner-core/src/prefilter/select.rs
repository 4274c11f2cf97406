//! Selects which bytes of each anchor are searched, and in which order the searcher gets them.
//!
//! Packed Teddy compares four bytes of every literal, by half-bytes, in sixteen buckets. It verifies an offset if each
//! of its four bytes fits some literal of one bucket. The literals of keys and ordinary secrets, in any order, fit one
//! byte in three of source code. Distributed so that the literals of a bucket resemble each other, they fit one in a
//! thousand, and a pass is as fast for a hundred literals as for forty. Two freedoms are used:
//!
//! * an anchor need not be searched from its first byte: `untrusted comment:` is rarer from `ted c` on;
//! * the searcher distributes literals to its buckets by their index, so their order decides (see [`Deck::in_order`]).
//!
//! None of this changes what is found; `benches/` measures the gain.

/// How many bytes of a literal the searcher's masks cover: `aho_corasick::packed` takes four if all literals are that
/// long.
const SEEN: usize = 4;

/// How many offsets of an anchor are tried: the rarest ones.
const PLACES: usize = 3;

/// Weight of a match, relative to an offset that is verified. A match costs about ten times as much, and words are
/// about a hundred times as frequent as the frequencies of their letters suggest.
const MATCH: f64 = 1000.0;

/// A form of the searcher: its number of buckets, and the most literals that it may get, distributed so that no bucket
/// has more than its part.
#[derive(Clone, Copy, Debug)]
struct Form {
    buckets: usize,
    most: usize,
}

/// "Slim" Teddy processes 32 bytes in one step, for up to 32 literals.
const SLIM: Form = Form { buckets: 8, most: 32 };

/// "Fat" Teddy processes half as many; `aho_corasick::packed` refuses more than 128 literals. On a processor without
/// AVX2, two of the buckets share one.
const FAT: Form = Form { buckets: 16, most: 128 };

/// How many literals one fat searcher gets: as many as it takes. The last ones find few buckets that fit them.
const DEALT: usize = 128;

/// Maximum number of kinds of text that are distinguished.
const KINDS: usize = 4;

/// The kind of bytes to be searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Haystack {
    /// Mostly text.
    Text,
    /// Bytes of programs and archives.
    Binary,
}

/// A literal to search for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Literal<'a> {
    /// The bytes of the anchor from `from` on.
    pub(super) bytes: &'a [u8],
    /// The caller's number of the anchor.
    pub(super) anchor: usize,
    /// Offset of the literal in the anchor.
    pub(super) from: usize,
}

/// An anchor: the caller's number, and its bytes.
type Numbered<'a> = (usize, &'a [u8]);

/// Distributes anchors over as few searchers as are fast. Returns for each searcher its literals in the required order.
/// A literal may be repeated to fill a bucket.
pub(super) fn select_literals<'a>(anchors: &[Numbered<'a>], haystack: Haystack) -> Vec<Vec<Literal<'a>>> {
    let weights = &Weights::of(haystack);
    // An anchor shorter than the masks would shorten them for all literals of its searcher.
    let (long, short): (Vec<Numbered<'a>>, Vec<Numbered<'a>>) =
        anchors.iter().copied().partition(|(_, bytes)| bytes.len() >= SEEN);
    // Each row has the alternative literals of one anchor. Rows with the fewest alternatives come first.
    let row = |(anchor, bytes): Numbered<'a>| -> Vec<Literal<'a>> {
        let places = weights.rarest(bytes).into_iter();
        places.filter_map(|from| Some(Literal { bytes: bytes.get(from..)?, anchor, from })).collect()
    };
    let mut rows: Vec<Vec<Literal<'a>>> = long.into_iter().map(row).collect();
    rows.sort_by_key(Vec::len);
    let mut decks = decks(rows.len());
    let mut left = Vec::new();
    for row in rows {
        let places = row.iter().flat_map(|literal| {
            let open = decks.iter().enumerate().flat_map(|(deck, d)| d.open_to(literal.bytes).map(move |b| (deck, b)));
            let matches = MATCH * weights.share_of(literal.bytes);
            open.map(move |(deck, (bucket, b))| (matches + b.cost_of(literal.bytes, weights), literal, deck, bucket))
        });
        let best = places.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, literal, deck, bucket)| (literal, deck, bucket));
        match best.and_then(|(literal, deck, bucket)| Some((literal, decks.get_mut(deck)?.buckets.get_mut(bucket)?))) {
            Some((literal, bucket)) => bucket.take(literal, weights),
            None => left.extend(row.into_iter().next()),
        }
    }
    left.extend(short.into_iter().map(|(anchor, bytes)| Literal { bytes, anchor, from: 0 }));
    let mut all: Vec<Vec<Literal<'a>>> = decks.iter().map(Deck::in_order).collect();
    all.extend(left.chunks(DEALT).map(<[Literal<'_>]>::to_vec));
    all
}

/// Empty decks with room for `literals` literals, evenly divided.
fn decks<'a>(literals: usize) -> Vec<Deck<'a>> {
    let form = if literals <= SLIM.most { SLIM } else { FAT };
    let decks = literals.div_ceil(DEALT);
    let fair = literals.div_ceil(form.buckets * decks.max(1));
    // Some spare room, so that each literal finds a bucket that fits.
    let most = (fair + 2).min(form.most / form.buckets);
    (0..decks).map(|_| Deck { buckets: vec![Bucket::default(); form.buckets], most }).collect()
}

/// A kind of text: its share of the whole, and the relative frequency of each byte.
type Kind = (f64, fn(u8) -> f64);

/// The frequency of each byte in each kind of text. Bytes are not independent of each other: digits occur among digits,
/// capitals among capitals. Within one kind they nearly are.
struct Weights(Vec<(f64, Table)>);

/// The frequency of each byte: by the high half-byte, then by the low one.
struct Table([[f64; 16]; 16]);

impl Table {
    fn of(&self, [low, high]: Halves) -> f64 {
        self.0.get(high).and_then(|row| row.get(low)).copied().unwrap_or_default()
    }
}

/// The half-bytes of a byte, low and high.
type Halves = [usize; 2];

fn halves(byte: u8) -> Halves {
    [usize::from(byte & 15), usize::from(byte >> 4)]
}

impl Weights {
    fn of(haystack: Haystack) -> Self {
        // Kinds with their rough share of source code and of programs, and their byte frequencies.
        let kinds: &[Kind] = match haystack {
            Haystack::Text => &[(0.60, words), (0.20, names), (0.15, numbers), (0.05, rulers)],
            Haystack::Binary => &[(0.70, code), (0.30, words)],
        };
        let table = |weight: fn(u8) -> f64| {
            let mut table = [[0.0; 16]; 16];
            for (high, row) in (0_u8..).zip(&mut table) {
                for (low, cell) in (0_u8..).zip(row) {
                    *cell = weight(high << 4 | low);
                }
            }
            let sum: f64 = table.iter().flatten().sum();
            table.iter_mut().flatten().for_each(|cell| *cell /= sum);
            Table(table)
        };
        Self(kinds.iter().map(|(share, weight)| (*share, table(*weight))).collect())
    }

    /// The share of all offsets at which these bytes occur.
    fn share_of(&self, bytes: &[u8]) -> f64 {
        let of_kind = |table: &Table| -> f64 { bytes.iter().map(|byte| table.of(halves(*byte))).product() };
        self.0.iter().map(|(share, table)| share * of_kind(table)).sum()
    }

    /// Offsets of the rarest runs of four bytes in an anchor, rarest first; equally rare ones in their order.
    fn rarest(&self, bytes: &[u8]) -> Vec<usize> {
        let mut places: Vec<(f64, usize)> =
            bytes.windows(SEEN).enumerate().map(|(from, four)| (self.share_of(four), from)).collect();
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        places.into_iter().take(PLACES).map(|(_, from)| from).collect()
    }
}

/// Words and the characters between them, as relative frequencies.
fn words(byte: u8) -> f64 {
    match byte {
        b' ' => 64.0,
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 24.0,
        b'_' | b'\t' | b'\n' => 16.0,
        b'a'..=b'z' => 10.0,
        b'!'..=b'~' => 2.0,
        _ => 0.1,
    }
}

/// Names in capitals.
fn names(byte: u8) -> f64 {
    match byte {
        b'_' => 30.0,
        b'A' | b'E' | b'I' | b'R' | b'S' | b'T' | b'C' | b'N' | b'L' | b'O' => 12.0,
        b'A'..=b'Z' => 6.0,
        b' ' | b'\t' | b'\n' | b'0'..=b'9' => 3.0,
        b'!'..=b'~' => 0.5,
        _ => 0.1,
    }
}

/// Numbers in lists and tables.
fn numbers(byte: u8) -> f64 {
    match byte {
        b'0' => 40.0,
        b' ' | b',' => 20.0,
        b'1'..=b'9' | b'x' | b'\t' | b'\n' => 12.0,
        b'a'..=b'f' | b'A'..=b'F' => 4.0,
        b':' | b'.' | b'-' | b'(' | b')' | b'_' => 3.0,
        b'!'..=b'~' => 1.0,
        _ => 0.1,
    }
}

/// Lines of punctuation.
fn rulers(byte: u8) -> f64 {
    match byte {
        b'-' | b'=' | b'*' | b' ' | b'\t' => 20.0,
        b'#' | b'/' | b'.' | b'+' | b'_' | b'\n' => 5.0,
        b'!'..=b'~' => 0.2,
        _ => 0.1,
    }
}

/// Programs and archives.
fn code(byte: u8) -> f64 {
    match byte {
        0 => 64.0,
        1 | 0xff => 8.0,
        2..=8 => 3.0,
        _ => 1.0,
    }
}

/// The bytes that fit one position of a bucket's literals: each half-byte occurs there in some literal.
#[derive(Clone, Copy, Debug, Default)]
struct Fit {
    low: [bool; 16],
    high: [bool; 16],
    of_kinds: [Fits; KINDS],
}

/// How often fitting bytes occur in one kind of text.
#[derive(Clone, Copy, Debug, Default)]
struct Fits {
    all: f64,
    /// For each low half-byte: the frequency of bytes with it and a fitting high half-byte. `with_high` is the reverse.
    with_low: [f64; 16],
    with_high: [f64; 16],
}

fn is_new(seen: &[bool; 16], half: usize) -> bool {
    !seen.get(half).copied().unwrap_or(true)
}

impl Fit {
    /// How often a byte would fit in this kind of text if `byte` were added.
    fn with(&self, fits: &Fits, table: &Table, byte: Halves) -> f64 {
        let [low, high] = byte;
        let (new_low, new_high) = (is_new(&self.low, low), is_new(&self.high, high));
        let of = |sums: &[f64; 16], half: usize| sums.get(half).copied().unwrap_or_default();
        let mut all = fits.all;
        if new_low {
            all += of(&fits.with_low, low);
        }
        if new_high {
            all += of(&fits.with_high, high);
        }
        if new_low && new_high {
            all += table.of(byte);
        }
        all
    }

    fn take(&mut self, byte: Halves, weights: &Weights) {
        let [low, high] = byte;
        let mut of_kinds = self.of_kinds;
        for (fits, (_, table)) in of_kinds.iter_mut().zip(&weights.0) {
            fits.all = self.with(fits, table, byte);
            if is_new(&self.high, high) {
                fits.with_low.iter_mut().enumerate().for_each(|(low, sum)| *sum += table.of([low, high]));
            }
            if is_new(&self.low, low) {
                fits.with_high.iter_mut().enumerate().for_each(|(high, sum)| *sum += table.of([low, high]));
            }
        }
        self.of_kinds = of_kinds;
        for (seen, half) in [(&mut self.low, low), (&mut self.high, high)] {
            if let Some(seen) = seen.get_mut(half) {
                *seen = true;
            }
        }
    }
}

/// The literals of one bucket, and which bytes they let through.
#[derive(Clone, Debug, Default)]
struct Bucket<'a> {
    literals: Vec<Literal<'a>>,
    /// One for each compared byte.
    fits: [Fit; SEEN],
    /// Share of all offsets that fit.
    share: f64,
}

impl<'a> Bucket<'a> {
    /// The share of offsets that would fit with this literal added.
    fn with(&self, literal: &[u8], weights: &Weights) -> f64 {
        let of_kind = |(kind, (weight, table)): (usize, &(f64, Table))| {
            let of_place = |(fit, byte): (&Fit, &u8)| {
                fit.of_kinds.get(kind).map_or(0.0, |fits| fit.with(fits, table, halves(*byte)))
            };
            weight * self.fits.iter().zip(literal).map(of_place).product::<f64>()
        };
        weights.0.iter().enumerate().map(of_kind).sum()
    }

    /// How much the share of fitting offsets would grow.
    fn cost_of(&self, literal: &[u8], weights: &Weights) -> f64 {
        self.with(literal, weights) - self.share
    }

    fn take(&mut self, literal: &Literal<'a>, weights: &Weights) {
        self.share = self.with(literal.bytes, weights);
        for (fit, byte) in self.fits.iter_mut().zip(literal.bytes) {
            fit.take(halves(*byte), weights);
        }
        self.literals.push(*literal);
    }

    /// Whether the bucket has a literal with the same low half-bytes. The searcher puts both into one bucket in any
    /// case.
    fn has_like(&self, literal: &[u8]) -> bool {
        let is_like = |one: &Literal<'_>| one.bytes.iter().zip(literal).take(SEEN).all(|(a, b)| a & 15 == b & 15);
        self.literals.iter().any(is_like)
    }
}

/// The buckets of one searcher.
#[derive(Clone, Debug)]
struct Deck<'a> {
    buckets: Vec<Bucket<'a>>,
    /// Maximum number of literals in a bucket.
    most: usize,
}

impl<'a> Deck<'a> {
    /// The buckets that a literal may go to, with their numbers.
    fn open_to(&self, literal: &[u8]) -> impl Iterator<Item = (usize, &Bucket<'a>)> {
        let like = self.buckets.iter().position(|bucket| bucket.has_like(literal));
        let is_open = move |(index, bucket): &(usize, &Bucket<'a>)| {
            bucket.literals.len() < self.most && like.is_none_or(|like| like == *index)
        };
        self.buckets.iter().enumerate().filter(is_open)
    }

    /// The literals, one from each bucket in turn: the searcher distributes them back by their index. A bucket that has
    /// run out repeats its first literal.
    fn in_order(&self) -> Vec<Literal<'a>> {
        let longest = self.buckets.iter().map(|bucket| bucket.literals.len()).max().unwrap_or(0);
        let any = self.buckets.iter().find_map(|bucket| bucket.literals.first());
        let turn = |round: usize| {
            self.buckets.iter().filter_map(move |b| b.literals.get(round).or(b.literals.first()).or(any)).copied()
        };
        (0..longest).flat_map(turn).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn anchors(count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|n| format!("{:x}-anchor-{n}", n * 7919).into_bytes()).collect()
    }

    fn numbered(anchors: &[Vec<u8>]) -> Vec<Numbered<'_>> {
        anchors.iter().map(Vec::as_slice).enumerate().collect()
    }

    #[test]
    fn every_anchor_goes_to_one_searcher() {
        for count in [0, 1, 15, 32, 33, 96, 97, 160, 500] {
            let anchors = anchors(count);
            let mut seen: Vec<usize> = Vec::new();
            for deck in select_literals(&numbered(&anchors), Haystack::Text) {
                assert!(deck.len() <= FAT.most);
                let distinct: BTreeSet<usize> = deck.iter().map(|literal| literal.anchor).collect();
                seen.extend(distinct);
                for Literal { bytes, anchor, from } in deck {
                    assert!(bytes.len() >= SEEN && &anchors[anchor][from..] == bytes);
                }
            }
            seen.sort_unstable();
            assert_eq!(seen, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn short_anchors_do_not_shorten_the_masks_of_others() {
        let decks = select_literals(&[(0, b"abc"), (1, b"abcd"), (2, b"x")], Haystack::Binary);
        let lengths: Vec<Vec<usize>> = decks.iter().map(|d| d.iter().map(|l| l.bytes.len()).collect()).collect();
        assert_eq!(lengths[1], [3, 1]);
        assert!(lengths[0].iter().all(|length| *length == 4));
    }

    #[test]
    fn the_rare_part_of_an_anchor_is_searched() {
        let decks = select_literals(&[(7, b"restore AKIA")], Haystack::Text);
        let Literal { bytes, anchor, from } = decks[0][0];
        assert!(anchor == 7 && from > 3 && bytes == &b"restore AKIA"[from..], "{from}");
    }

    #[test]
    fn a_bucket_lets_through_matching_half_bytes() {
        let weights = Weights::of(Haystack::Text);
        let mut bucket = Bucket::default();
        for bytes in [b"abcd", b"qb\x01d", b"AbcZ", b"abcd", b"0x00"] {
            bucket.take(&Literal { bytes, anchor: 0, from: 0 }, &weights);
        }
        let of_kind = |(weight, table): &(f64, Table)| {
            let of_place = |fit: &Fit| -> f64 {
                let fitting = (0..=255).map(halves).filter(|[low, high]| fit.low[*low] && fit.high[*high]);
                fitting.map(|byte| table.of(byte)).sum()
            };
            weight * bucket.fits.iter().map(of_place).product::<f64>()
        };
        let counted: f64 = weights.0.iter().map(of_kind).sum();
        assert!((bucket.share / counted - 1.0).abs() < 1e-9, "{} against {counted}", bucket.share);
        assert!(counted < 0.1 && bucket.fits[0].low.iter().filter(|seen| **seen).count() == 2);
    }

    #[test]
    fn ordered_literals_let_less_through_than_unordered_ones() {
        let anchors = anchors(90);
        let dealt: Vec<Literal<'_>> = select_literals(&numbered(&anchors), Haystack::Text).concat();
        let weights = Weights::of(Haystack::Text);
        // The searcher's own rule: by low half-bytes, and for new ones by number.
        let let_through = |literals: &[Literal<'_>]| -> f64 {
            let mut buckets: Vec<Bucket<'_>> = vec![Bucket::default(); FAT.buckets];
            for (number, literal) in literals.iter().enumerate() {
                let like = buckets.iter().position(|bucket| bucket.has_like(literal.bytes));
                buckets[like.unwrap_or(number % FAT.buckets)].take(literal, &weights);
            }
            buckets.iter().map(|bucket| bucket.share).sum()
        };
        let undealt: Vec<Literal<'_>> =
            anchors.iter().enumerate().map(|(anchor, bytes)| Literal { bytes, anchor, from: 0 }).collect();
        let (dealt, undealt) = (let_through(&dealt), let_through(&undealt));
        assert!(dealt * 10.0 < undealt, "{dealt} against {undealt}");
    }
}
