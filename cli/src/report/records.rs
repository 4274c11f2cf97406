//! Records that are built one at a time, while they are written.

use std::fmt;

use serde::{Serialize, Serializer};

/// A sequence of records, each built on demand: 100,000 findings as records would take several times the memory of
/// their sources.
pub(crate) struct Records<T> {
    count: usize,
    tell: Box<dyn Fn(usize) -> Option<T>>,
}

impl<T> Records<T> {
    /// A sequence with one record per item, built by `tell`.
    pub(crate) fn of<I: 'static>(items: Vec<I>, tell: impl Fn(&I) -> Option<T> + 'static) -> Self {
        Self { count: items.len(), tell: Box::new(move |index| items.get(index).and_then(&tell)) }
    }

    /// A sequence of `count` records, each built by `tell` from its index.
    pub(crate) fn by(count: usize, tell: impl Fn(usize) -> Option<T> + 'static) -> Self {
        Self { count, tell: Box::new(tell) }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The record at an index, counted from 0.
    pub(crate) fn get(&self, index: usize) -> Option<T> {
        (self.tell)(index)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = T> + Clone + '_ {
        (0..self.count).filter_map(|index| self.get(index))
    }
}

impl<T> Default for Records<T> {
    fn default() -> Self {
        Self { count: 0, tell: Box::new(|_| None) }
    }
}

impl<T: Clone + 'static> From<Vec<T>> for Records<T> {
    fn from(records: Vec<T>) -> Self {
        Self::of(records, |record| Some(record.clone()))
    }
}

impl<T> fmt::Debug for Records<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records", self.count)
    }
}

impl<T: Serialize> Serialize for Records<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sequence_of_records_is_written_like_a_list() {
        let records = Records::of(vec![1, 2, 3], |number| Some(number * 10));
        assert_eq!(serde_json::to_string(&records).expect("JSON"), "[10,20,30]");
        assert_eq!((records.len(), records.get(2), records.get(3)), (3, Some(30), None));
        assert_eq!(serde_json::to_string(&Records::<u8>::default()).expect("JSON"), "[]");
    }
}
