//! The content of a stream in clusters: runs, sparse and compressed ones.

use std::io::{self, Read};
use std::sync::Arc;

use keyradius_core::read_at::Cursor;
use keyradius_readers::mapped::{Mapped, Place};
use keyradius_readers::stored::held;

/// Most runs of an attribute, and of a stream.
const MOST_RUNS: usize = 1 << 16;

/// Largest unit of compression, in bytes: 16 clusters of 4 KiB. No other is in use.
const MOST_UNIT: u64 = 1 << 20;

/// Clusters that belong together: how many, and the first of them; `None` if they are not stored.
pub(super) type Run = (u64, Option<u64>);

/// Where a stream is.
pub(super) enum Extent {
    Resident(Vec<u8>),
    Clusters {
        /// The number of the first cluster in the stream.
        first: u64,
        /// The length of the stream, and of the part that was written, in bytes.
        sizes: [u64; 2],
        /// The logarithm of the clusters that are compressed together; 0 if none are.
        unit: u16,
        runs: Vec<Run>,
    },
}

/// A data stream, or a part of one.
pub(super) struct Data {
    pub(super) at: u64,
    pub(super) extent: Extent,
    pub(super) encrypted: bool,
}

impl Data {
    /// The number of its first cluster.
    pub(super) const fn first(&self) -> u64 {
        match &self.extent {
            Extent::Resident(_) => 0,
            Extent::Clusters { first, .. } => *first,
        }
    }
}

/// Reads the runs of an attribute: lengths of two numbers, the number of clusters, the distance to the run before.
pub(super) fn runs(mut bytes: &[u8]) -> Vec<Run> {
    let mut runs = Vec::new();
    let mut at = 0_i64;
    while let Some((head, rest)) = bytes.split_first().filter(|(head, _)| **head != 0 && runs.len() < MOST_RUNS) {
        let (of_length, of_place) = (usize::from(head & 15), usize::from(head >> 4));
        let Some((length, rest)) = rest.split_at_checked(of_length) else { break };
        let Some((place, rest)) = rest.split_at_checked(of_place) else { break };
        if of_length > 8 || of_place > 8 {
            break;
        }
        let length = length.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        let sign = if place.last().is_some_and(|last| *last >= 0x80) { -1_i64 } else { 0 };
        let distance = place.iter().rev().fold(sign, |value, byte| value << 8 | i64::from(*byte));
        at = at.wrapping_add(distance);
        let Ok(start) = u64::try_from(at) else { break };
        runs.push((length, (of_place > 0).then_some(start)));
        bytes = rest;
    }
    runs
}

/// The content of a stream.
pub(super) struct Clusters<'b> {
    bytes: &'b Cursor,
    cluster: u64,
    size: u64,
    written: u64,
    /// Size of a unit of compression in bytes; 0 if nothing is compressed.
    unit: u64,
    runs: Vec<Run>,
    /// The run that is read next, and how many of its clusters were read.
    run: (usize, u64),
    at: u64,
    block: Vec<u8>,
    read: usize,
    forgives: bool,
}

impl<'b> Clusters<'b> {
    /// A stream of some parts, in ascending order. `None` if a part is missing, or a size is impossible.
    pub(super) fn of(bytes: &'b Cursor, cluster: u64, parts: &[Data]) -> Option<Self> {
        let (mut all, mut next, mut head) = (Vec::new(), 0_u64, None);
        for part in parts {
            let Extent::Clusters { first, sizes, unit, runs } = &part.extent else { return None };
            if *first != next {
                return None;
            }
            head = head.or(Some((*sizes, *unit)));
            if all.len() + runs.len() > MOST_RUNS {
                return None;
            }
            for (length, _) in runs {
                next = next.checked_add(*length)?;
            }
            all.extend_from_slice(runs);
        }
        let ([size, written], unit) = head?;
        let unit = if unit == 0 { 0 } else { cluster.checked_shl(unit.into()).filter(|unit| *unit <= MOST_UNIT)? };
        let is_possible = next.checked_mul(cluster).is_some_and(|room| room >= size);
        is_possible.then_some(Self {
            bytes,
            cluster,
            size,
            written: written.min(size),
            unit,
            runs: all,
            run: (0, 0),
            at: 0,
            block: Vec::new(),
            read: 0,
            forgives: false,
        })
    }

    /// The length of the stream in bytes.
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// What cannot be read ends the stream, without an error.
    pub(super) const fn forgive(&mut self) {
        self.forgives = true;
    }

    /// The stream as a file, if it is not compressed.
    pub(super) fn mapped(self) -> Option<Cursor> {
        if self.unit != 0 {
            return None;
        }
        let mut starts = Vec::new();
        let mut first = 0_u64;
        for (length, start) in &self.runs {
            starts.push((first, *start));
            first = first.checked_add(*length)?;
        }
        let cluster = self.cluster;
        let find = move |number: u64| {
            let (first, start) = starts.get(starts.partition_point(|(first, _)| *first <= number).checked_sub(1)?)?;
            let Some(start) = start else { return Some(Place::Hole) };
            Some(Place::At(start.checked_add(number - first)?.checked_mul(cluster)?))
        };
        Some(Cursor::new(Arc::new(Mapped::new(self.bytes.clone(), self.size, cluster, Box::new(find)))))
    }

    /// Takes clusters of the next run, at most `most`.
    fn take(&mut self, most: u64) -> Option<Run> {
        loop {
            let (length, start) = self.runs.get(self.run.0).copied()?;
            let left = length.saturating_sub(self.run.1).min(most);
            if left == 0 {
                self.run = (self.run.0 + 1, 0);
                continue;
            }
            let start = match start {
                Some(start) => Some(start.checked_add(self.run.1)?),
                None => None,
            };
            self.run.1 += left;
            return Some((left, start));
        }
    }

    fn cluster_bytes(&self, (count, start): Run) -> Option<Vec<u8>> {
        let length = count.checked_mul(self.cluster)?;
        let Some(start) = start else { return Some(vec![0; usize::try_from(length).ok()?]) };
        let at = start.checked_mul(self.cluster)?;
        // The last cluster of an image may be cut.
        held(self.bytes, at, length.min(self.bytes.size().checked_sub(at)?), length)
    }

    fn next(&mut self) -> Option<()> {
        /// How much is read at once of what is not compressed, in bytes.
        const PIECE: u64 = 256 << 10;
        self.read = 0;
        if self.unit == 0 {
            let run = self.take((PIECE / self.cluster).max(1))?;
            self.block = self.cluster_bytes(run)?;
        } else {
            let mut left = self.unit / self.cluster;
            let (mut packed, mut is_full) = (Vec::new(), true);
            while let Some((count, start)) = if left > 0 { self.take(left) } else { None } {
                left -= count;
                is_full &= start.is_some();
                // Of a compressed unit, the clusters that are saved are not stored.
                if start.is_some() {
                    packed.extend(self.cluster_bytes((count, start))?);
                }
            }
            let unit = usize::try_from(self.unit).ok()?;
            self.block = match packed.is_empty() {
                true if left == self.unit / self.cluster => return None,
                true => vec![0; unit],
                false if is_full => packed,
                false => {
                    let mut block = lznt1(&packed, unit)?;
                    block.resize(unit, 0);
                    block
                }
            };
        }
        // Behind what was written, clusters may hold anything.
        let written = usize::try_from(self.written.saturating_sub(self.at)).unwrap_or(usize::MAX);
        if let Some(unwritten) = self.block.get_mut(written..) {
            unwritten.fill(0);
        }
        let left = usize::try_from(self.size.saturating_sub(self.at)).unwrap_or(usize::MAX);
        self.block.truncate(left);
        self.at += self.block.len() as u64;
        Some(())
    }
}

impl Read for Clusters<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.read >= self.block.len() {
            if self.at >= self.size {
                return Ok(0);
            }
            if self.next().is_none() {
                return if self.forgives { Ok(0) } else { Err(io::ErrorKind::InvalidData.into()) };
            }
        }
        let read = self.block.get(self.read..).unwrap_or_default().read(into)?;
        self.read += read;
        Ok(read)
    }
}

/// LZNT1 ([MS-XCA] 2.5): chunks of 4 KiB, each stored or compressed. `None` if it is damaged.
pub(super) fn lznt1(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    const CHUNK: usize = 4096;
    let mut out = Vec::with_capacity(most);
    let mut rest = bytes;
    while let Some((head, after)) = rest.split_first_chunk() {
        let head = u16::from_le_bytes(*head);
        if head == 0 || out.len() >= most {
            break;
        }
        let length = usize::from(head & 0xfff) + 1;
        let (chunk, after) = after.split_at_checked(length)?;
        rest = after;
        let start = out.len();
        if head & 0x8000 == 0 {
            out.extend_from_slice(chunk);
            continue;
        }
        let mut input = chunk.iter().copied();
        'chunk: while let Some(flags) = input.next() {
            for bit in 0..8 {
                let Some(byte) = input.next() else { break 'chunk };
                if flags >> bit & 1 == 0 {
                    out.push(byte);
                    continue;
                }
                let pair = u16::from_le_bytes([byte, input.next()?]);
                let done = out.len() - start;
                // The further in a chunk, the more bits has the distance.
                let bits = (usize::BITS - done.checked_sub(1)?.leading_zeros()).clamp(4, 12);
                let distance = usize::from(pair >> (16 - bits)) + 1;
                let count = usize::from(pair & ((1 << (16 - bits)) - 1)) + 3;
                let from = out.len().checked_sub(distance).filter(|from| *from >= start)?;
                if done + count > CHUNK {
                    return None;
                }
                for at in from..from + count {
                    let byte = *out.get(at)?;
                    out.push(byte);
                }
            }
        }
    }
    out.truncate(most);
    Some(out)
}
