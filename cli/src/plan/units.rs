//! Sizes and times as people write them.

use std::time::Duration;

/// `64MiB`, `64M`, `64MB`, `4096`, `none`: bytes. `K`, `M`, `G` and `KiB` ... are powers of 1024, `KB` ... of 1000.
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

/// `60`, `60s`, `1.5s`, `500ms`, `2m`, `1h`, `none`.
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

/// The number and the unit behind it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim())
}

/// `1.5` as (1, 500): whole and thousandths. At most three decimals.
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
}
