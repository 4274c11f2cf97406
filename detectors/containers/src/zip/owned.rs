//! The bytes of an archive that belong to members.

/// Maximum number of separate pieces: 4 MiB of them. Consecutive members are one piece.
const MOST: usize = 1 << 18;

/// Ranges of bytes, merged where they touch.
#[derive(Default)]
pub(super) struct Owned {
    ranges: Vec<(u64, u64)>,
    /// Whether there were more than [`MOST`] pieces.
    lost: bool,
}

impl Owned {
    /// Adds a range.
    pub(super) fn push(&mut self, start: u64, end: u64) {
        if let Some(last) = self.ranges.last_mut().filter(|last| start >= last.0 && start <= touching(last.1)) {
            last.1 = last.1.max(end);
            return;
        }
        if self.ranges.len() >= MOST {
            self.merge();
            // Keep half of the list free: otherwise every further range would cause a merge.
            if self.ranges.len() > MOST / 2 {
                self.lost = true;
                self.ranges.clear();
            }
        }
        self.ranges.push((start, end));
    }

    /// Returns the ranges, sorted; `None` if there were too many.
    pub(super) fn ranges(&mut self) -> Option<Vec<(u64, u64)>> {
        self.merge();
        (!self.lost).then(|| std::mem::take(&mut self.ranges))
    }

    fn merge(&mut self) {
        self.ranges.sort_unstable();
        self.ranges.dedup_by(|next, kept| {
            let touches = next.0 <= touching(kept.1);
            if touches {
                kept.1 = kept.1.max(next.1);
            }
            touches
        });
    }
}

/// Returns the last offset at which the next range may begin so that no gap worth searching is in between.
const fn touching(end: u64) -> u64 {
    end.saturating_add(super::GAP - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_are_one() {
        let mut owned = Owned::default();
        for (start, end) in [(100, 200), (220, 300), (0, 10), (290, 295), (400, 500)] {
            owned.push(start, end);
        }
        assert_eq!(owned.ranges().unwrap(), [(0, 10), (100, 300), (400, 500)]);
    }

    #[test]
    fn too_many_pieces_are_dropped() {
        let mut owned = Owned::default();
        (0..=MOST as u64).for_each(|piece| owned.push(piece * 100, piece * 100 + 1));
        assert!(owned.ranges().is_none());
        let mut owned = Owned::default();
        (0..4 * MOST as u64).rev().for_each(|piece| owned.push(piece * 10, piece * 10 + 5));
        assert_eq!(owned.ranges().unwrap().len(), 1);
    }
}
