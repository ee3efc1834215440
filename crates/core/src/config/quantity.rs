//! Durations and sizes as they are written in a config file.

use std::time::Duration;

const DURATION_UNITS: [(&str, u64); 5] = [
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

const SIZE_UNITS: [(&str, u64); 4] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// `250ms`, `10s`, `5m`, `1h`, `2d`, or several parts with falling units: `1m30s`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    let mut last_unit = u64::MAX;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = split_number(rest)?;
        let unit_end = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let (_, millis) = DURATION_UNITS.iter().find(|(name, _)| *name == unit)?;
        if *millis >= last_unit {
            return None;
        }
        last_unit = *millis;
        total = total.checked_add(number.checked_mul(*millis)?)?;
        rest = after;
    }
    Some(Duration::from_millis(total))
}

/// `64KiB`, `1 MiB`, or a bare number of bytes.
pub(super) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_number(text.trim())?;
    let unit = unit.trim_start();
    if unit.is_empty() {
        return Some(number);
    }
    let (_, bytes) = SIZE_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*bytes)
}

pub(super) fn show_duration(duration: Duration) -> String {
    if duration == Duration::MAX {
        return "any".into();
    }
    let millis = duration.as_millis();
    if millis == 0 {
        return "0s".into();
    }
    let (unit, each) = DURATION_UNITS
        .into_iter()
        .find(|(_, each)| millis.is_multiple_of(u128::from(*each)))
        .unwrap_or(("ms", 1));
    format!("{}{unit}", millis / u128::from(each))
}

pub(super) fn show_size(bytes: u64) -> String {
    let (unit, each) = SIZE_UNITS
        .into_iter()
        .find(|(_, each)| bytes > 0 && bytes.is_multiple_of(*each))
        .unwrap_or(("B", 1));
    format!("{}{unit}", bytes / each)
}

fn split_number(text: &str) -> Option<(u64, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::{parse_duration, parse_size, show_duration, show_size};
    use std::time::Duration;

    #[test]
    fn durations() {
        for (text, millis) in [
            ("250ms", Some(250)),
            ("10s", Some(10_000)),
            ("5m", Some(300_000)),
            ("1h", Some(3_600_000)),
            ("1m30s", Some(90_000)),
            ("0s", Some(0)),
            ("", None),
            ("10", None),
            ("s", None),
            ("10 s", None),
            ("30s1m", None),
            ("1s1s", None),
            ("-1s", None),
            ("1.5s", None),
            ("99999999999999999999s", None),
            ("18446744073709551615h", None),
        ] {
            assert_eq!(
                parse_duration(text),
                millis.map(Duration::from_millis),
                "{text}"
            );
        }
        for text in ["250ms", "90s", "2h", "1d", "0s"] {
            assert_eq!(
                parse_duration(text).map(show_duration).as_deref(),
                Some(text)
            );
        }
    }

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("512", Some(512)),
            ("512B", Some(512)),
            ("64KiB", Some(65_536)),
            ("1 MiB", Some(1_048_576)),
            ("2GiB", Some(2_147_483_648)),
            ("1MB", None),
            ("KiB", None),
            ("", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
        assert_eq!(show_size(65_536), "64KiB");
        assert_eq!(show_size(1000), "1000B");
        assert_eq!(show_size(0), "0B");
    }
}
