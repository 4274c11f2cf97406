//! Numbers with one decimal, stored as tenths.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number with one decimal, from -100.0 to 100.0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tenths(i32);

impl Tenths {
    /// Largest absolute value, in tenths.
    const MOST: i32 = 1000;

    /// A number of `tenths` tenths.
    pub(crate) const fn new(tenths: i32) -> Self {
        Self(tenths)
    }

    /// The number of tenths.
    pub(crate) const fn get(self) -> i32 {
        self.0
    }

    /// The number as a double. It prints exactly: the nearest double of a number with one decimal prints with that
    /// decimal.
    pub(crate) fn number(self) -> f64 {
        f64::from(self.0) / 10.0
    }

    fn of<E: Error>(number: f64, range: std::ops::RangeInclusive<i32>, what: &str) -> Result<Self, E> {
        let tenths = (number * 10.0).round();
        let within = (f64::from(*range.start())..=f64::from(*range.end())).contains(&tenths);
        if within && (number * 10.0 - tenths).abs() < 1e-6 {
            return Ok(Self(tenths as i32));
        }
        let (least, most) = (range.start() / 10, range.end() / 10);
        Err(E::custom(format!("{what} must be a number from {least}.0 to {most}.0 with one decimal")))
    }
}

impl Serialize for Tenths {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(self.number())
    }
}

impl<'de> Deserialize<'de> for Tenths {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::of(f64::deserialize(from)?, -Self::MOST..=Self::MOST, "a change of the severity")
    }
}

/// Reads a severity, from 0.0 to 10.0.
pub(crate) fn severity<'de, D: Deserializer<'de>>(from: D) -> Result<Tenths, D::Error> {
    Tenths::of(f64::deserialize(from)?, 0..=100, "a severity")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Of(#[serde(deserialize_with = "severity")] Tenths);

    #[test]
    fn one_decimal_within_bounds() {
        for (text, tenths) in [
            ("0", Some(0)),
            ("0.0", Some(0)),
            ("-0.0", Some(0)),
            ("9.1", Some(91)),
            ("10", Some(100)),
            ("10.1", None),
            ("-0.1", None),
            ("9.15", None),
            ("1e300", None),
            ("1e999", None),
            ("\"9.1\"", None),
            ("null", None),
        ] {
            let read = serde_json::from_str::<Of>(text).ok();
            assert_eq!(read, tenths.map(|tenths| Of(Tenths::new(tenths))), "{text}");
        }
        for tenths in -1000..=1000 {
            let written = serde_json::to_string(&Tenths::new(tenths)).expect("JSON");
            assert_eq!(serde_json::from_str::<Tenths>(&written).expect(&written), Tenths::new(tenths));
        }
        assert_eq!(serde_json::to_string(&Tenths::new(-5)).expect("JSON"), "-0.5");
    }
}
