//! Moments that untrusted input or a wrong clock may have chosen. Nothing here fails or panics, whatever the number.
//!
//! A moment is a number of seconds since 1970. Moments are shown and compared as days of the civil calendar, UTC, from
//! the first of the year -9999 to the last of 9999; moments beyond are shown as the first or last second of that range.
//! A `jiff::Timestamp` ends a day earlier, before the `99991231235959Z` that RFC 5280 gives to certificates without an
//! end.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp};

const DAY: i64 = 86_400;

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// The time of this machine, clamped to the range of [`Timestamp`].
pub(crate) fn now() -> Timestamp {
    of_system(SystemTime::now())
}

/// A time of the system, clamped to the range of [`Timestamp`].
pub(crate) fn of_system(time: SystemTime) -> Timestamp {
    let end = if time < UNIX_EPOCH { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::try_from(time).unwrap_or(end)
}

fn civil(seconds: i64) -> DateTime {
    EPOCH.saturating_add(SignedDuration::from_secs(seconds))
}

/// The day of a moment, UTC.
pub(crate) fn day(seconds: i64) -> Date {
    civil(seconds).date()
}

/// A moment in RFC 3339, UTC, to the second.
pub(crate) fn text(seconds: i64) -> String {
    let shown = civil(seconds);
    let whole = shown.with().subsec_nanosecond(0).build().unwrap_or(shown);
    format!("{whole}Z")
}

/// The first second of a day, UTC.
pub(crate) fn start_of(day: Date) -> i64 {
    day.duration_since(EPOCH.date()).as_secs()
}

/// The last second of a day, UTC.
pub(crate) fn end_of(day: Date) -> i64 {
    start_of(day) + (DAY - 1)
}

/// Days from one day to another; negative if the other is earlier.
pub(crate) fn days_between(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_secs() / DAY
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Test values: every power of two and its neighbours, with either sign, and the limits of calendars.
    fn extremes() -> Vec<i64> {
        let powers = (0..63).flat_map(|bit| [-1, 0, 1].map(|near| (1i64 << bit).saturating_add(near)));
        let calendar = [253_402_207_200, 253_402_300_799, 253_402_300_800, -377_705_116_800, -62_167_219_200];
        let all = powers.chain(calendar).flat_map(|n| [n, -n, n.saturating_mul(DAY)]);
        all.chain([i64::MIN, i64::MIN + 1, i64::MAX]).collect()
    }

    #[test]
    fn every_moment_is_valid_and_order_is_kept() {
        let mut all = extremes();
        all.sort_unstable();
        for pair in all.windows(2) {
            assert!(day(pair[0]) <= day(pair[1]), "{pair:?}");
        }
        for &seconds in &all {
            let that = day(seconds);
            assert!((start_of(Date::MIN)..=start_of(Date::MAX)).contains(&start_of(that)), "{seconds}");
            assert_eq!(day(start_of(that)), that, "{seconds}");
            assert_eq!(day(end_of(that)), that, "{seconds}");
            assert!(text(seconds).starts_with(&that.to_string()), "{seconds}: {}", text(seconds));
            for &other in &all {
                let between = days_between(that, day(other));
                assert_eq!(between.signum(), day(other).cmp(&that) as i64, "{seconds} {other}");
            }
        }
    }

    #[test]
    fn ordinary_moments_have_their_usual_text() {
        for (seconds, shown) in [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (1_700_000_000, "2023-11-14T22:13:20Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"),
            (253_402_300_800, "9999-12-31T23:59:59Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
            (i64::MIN, "-009999-01-01T00:00:00Z"),
        ] {
            assert_eq!(text(seconds), shown);
        }
        assert_eq!(end_of(Date::constant(2026, 11, 28)), 1_795_910_399);
        assert_eq!(days_between(Date::MIN, Date::MAX), 7_304_483);
    }

    #[test]
    fn every_clock_is_accepted() {
        let years = |n: u64| Duration::from_secs(n * 365 * 86_400);
        for (time, at) in [
            (Some(UNIX_EPOCH), 0),
            (UNIX_EPOCH.checked_add(years(8_040)), Timestamp::MAX.as_second()),
            (UNIX_EPOCH.checked_add(years(100_000)), Timestamp::MAX.as_second()),
            (UNIX_EPOCH.checked_sub(years(100_000)), Timestamp::MIN.as_second()),
        ] {
            assert_eq!(of_system(time.expect("a time")).as_second(), at);
        }
    }
}
