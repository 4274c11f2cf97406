//! Formats that were recognised and not opened: the number of inputs of each, and the first places.

use std::collections::{BTreeMap, BTreeSet};

use super::harvest::UNOPENED_PLACES;
use crate::blob::Origin;
use crate::seam::Unopened;

/// Counts and places of each format, by id.
#[derive(Debug, Default)]
pub(super) struct Formats {
    pub(super) counts: BTreeMap<&'static str, u64>,
    pub(super) places: BTreeMap<&'static str, BTreeSet<Origin>>,
}

impl Formats {
    /// Counts one input once under each id that matches.
    pub(super) fn count(&mut self, formats: &[Unopened], origin: &Origin, is_one: impl Fn(&Unopened) -> bool) {
        let known: BTreeSet<_> = formats.iter().filter(|format| is_one(format)).map(|format| format.id).collect();
        for id in known {
            *self.counts.entry(id).or_default() += 1;
            keep_first(self.places.entry(id).or_default(), origin.clone());
        }
    }
}

/// Keeps the first places in their order, whatever order they arrive in.
fn keep_first(places: &mut BTreeSet<Origin>, place: Origin) {
    places.insert(place);
    if places.len() > UNOPENED_PLACES {
        places.pop_last();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_places_are_kept_in_any_order() {
        let place = |n: usize| Origin::file(format!("{n:02}"));
        for step in [1, 7] {
            let mut places = BTreeSet::new();
            (0..40).for_each(|n| keep_first(&mut places, place(n * step % 40)));
            assert_eq!(places, (0..UNOPENED_PLACES).map(place).collect());
        }
    }
}
