//! Parses sizes, durations and moments as people write them.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::moment;

/// Parses a size in bytes: `64MiB`, `64M`, `64MB`, `4096`, `none`. `K`, `KiB` and so on are powers of 1024, `KB` of
/// 1000.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let wrong = || "expected a size such as 64MiB, 500MB, 4096 or none".to_owned();
    if text.eq_ignore_ascii_case("none") {
        return Ok(u64::MAX);
    }
    let (number, unit) = split(text);
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "t" | "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(wrong()),
    };
    let (whole, thousandths) = decimal(number).ok_or_else(wrong)?;
    let too_large = || "larger than any file can be".to_owned();
    let whole = whole.checked_mul(factor).ok_or_else(too_large)?;
    whole.checked_add(thousandths * (factor / 1000) + thousandths * (factor % 1000) / 1000).ok_or_else(too_large)
}

/// Parses a duration: `60`, `60s`, `1.5s`, `500ms`, `2m`, `1h`, `none`. A bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as 500ms, 60s, 2m or none".to_owned();
    if text.eq_ignore_ascii_case("none") {
        return Ok(Duration::MAX);
    }
    let (number, unit) = split(text);
    let millis: u64 = match unit {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    let (whole, thousandths) = decimal(number).ok_or_else(wrong)?;
    let millis =
        whole.checked_mul(millis).and_then(|w| w.checked_add(thousandths * millis / 1000)).ok_or_else(wrong)?;
    Ok(Duration::from_millis(millis))
}

/// A moment: absolute, or relative to now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// Seconds since 1970.
    At(i64),
    /// Seconds ago.
    Ago(i64),
}

impl Since {
    /// Parses `2026-01-31` (the start of that day, UTC), `2026-01-31T12:00:00Z`, `36h`, `90d`, `8w`, `1y`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(day) = text.parse::<Date>()
            && !text.contains('T')
        {
            return Ok(Self::At(moment::start_of(day)));
        }
        if let Ok(time) = text.parse::<Timestamp>() {
            return Ok(Self::At(time.as_second()));
        }
        let (number, unit) = split(text);
        let seconds = match unit {
            "h" => 3_600,
            "d" => 86_400,
            "w" => 7 * 86_400,
            "y" => 365 * 86_400,
            _ => 0,
        };
        let ago = number.parse::<i64>().ok().filter(|_| seconds > 0).and_then(|number| number.checked_mul(seconds));
        ago.map(Self::Ago).ok_or_else(|| "expected a day such as 2026-01-31, a time, or an age such as 90d".to_owned())
    }

    /// The moment as a report repeats it: the time in RFC 3339, UTC, or the age in hours or days.
    pub(crate) fn text(self) -> String {
        match self {
            Self::At(seconds) => moment::text(seconds),
            Self::Ago(seconds) if seconds % 86_400 == 0 => format!("{}d", seconds / 86_400),
            Self::Ago(seconds) => format!("{}h", seconds / 3_600),
        }
    }

    /// The moment in seconds since 1970.
    pub(crate) fn seconds(self, now: Timestamp) -> i64 {
        match self {
            Self::At(seconds) => seconds,
            Self::Ago(seconds) => now.as_second().saturating_sub(seconds),
        }
    }
}

/// Splits a text into its number and the unit after it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

/// Parses a decimal of at most three places into its whole part and thousandths: `1.5` is (1, 500).
pub(crate) fn decimal(text: &str) -> Option<(u64, u64)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((whole.parse().ok()?, format!("{fraction:0<3}").parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("4096", Some(4096)),
            ("64MiB", Some(64 << 20)),
            ("64M", Some(64 << 20)),
            ("64 mib", Some(64 << 20)),
            ("1.5k", Some(1536)),
            ("2GB", Some(2_000_000_000)),
            ("none", Some(u64::MAX)),
            ("", None),
            ("MiB", None),
            ("1.2345k", None),
            ("-1", None),
            ("64XB", None),
            ("99999999999T", None),
        ] {
            assert_eq!(size(text).ok(), bytes, "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, millis) in [
            ("60", Some(60_000)),
            ("60s", Some(60_000)),
            ("1.5s", Some(1_500)),
            ("500ms", Some(500)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("soon", None),
            ("5d", None),
        ] {
            assert_eq!(duration(text).ok(), millis.map(Duration::from_millis), "{text}");
        }
        assert_eq!(duration("none"), Ok(Duration::MAX));
    }

    #[test]
    fn moments() {
        for (text, moment) in [
            ("1970-01-02", Some(Since::At(86_400))),
            ("1970-01-01T00:00:05Z", Some(Since::At(5))),
            ("36h", Some(Since::Ago(129_600))),
            ("90d", Some(Since::Ago(7_776_000))),
            ("2w", Some(Since::Ago(1_209_600))),
            ("9999-12-31", Some(Since::At(253_402_214_400))),
            ("-009999-01-01", Some(Since::At(-377_705_116_800))),
            ("25000000000y", Some(Since::Ago(788_400_000_000_000_000))),
            ("9999999999999y", None),
            ("10000-01-01", None),
            ("yesterday", None),
            ("90", None),
            ("2026-13-01", None),
        ] {
            assert_eq!(Since::parse(text).ok(), moment, "{text}");
        }
        assert_eq!(Since::Ago(60).seconds(Timestamp::UNIX_EPOCH), -60);
        assert_eq!(Since::Ago(i64::MAX).seconds(Timestamp::MIN), i64::MIN);
    }
}
