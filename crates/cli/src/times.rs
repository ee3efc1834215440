//! Times, as people write and read them.

use std::time::Duration;

use jiff::{Span, Timestamp};

/// A time: `2026-11-23T12:00:00Z`, or how long ago it was, such as `90s`, `15m`, `6h` or `2d`.
///
/// # Errors
/// What is valid.
pub(crate) fn read(what: &str, text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    ago(text, now).ok_or_else(|| {
        format!(
            "{what} {text:?}: expected a time such as 2026-11-23T12:00:00Z, or how long ago such as 90s, 15m, 6h or 2d"
        )
    })
}

/// A duration: `90s`, `15m`, `6h` or `2d`.
///
/// # Errors
/// What is valid.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    seconds(text)
        .map(Duration::from_secs)
        .ok_or_else(|| "expected a duration such as 90s, 15m, 6h or 2d".to_owned())
}

fn ago(text: &str, now: Timestamp) -> Option<Timestamp> {
    let seconds = i64::try_from(seconds(text)?).ok()?;
    let span = Span::new().try_seconds(seconds).ok()?;
    now.checked_sub(span).ok()
}

fn seconds(text: &str) -> Option<u64> {
    let unit = text.chars().next_back()?;
    let number = text.strip_suffix(unit)?;
    // A sign is read as part of a number elsewhere.
    let number: u64 = number
        .parse()
        .ok()
        .filter(|_| number.bytes().all(|byte| byte.is_ascii_digit()))?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return None,
    };
    number.checked_mul(seconds)
}

/// In UTC to the second.
pub(crate) fn show(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, read, show};

    #[test]
    fn times_are_read_as_they_are_and_as_how_long_ago() {
        let now = "2026-11-23T12:00:00.25Z".parse().ok();
        let at = |text| now.and_then(|now| read("since", text, now).ok().map(show));
        for (text, expected) in [
            ("2026-11-23T12:00:00Z", "2026-11-23T12:00:00Z"),
            ("2026-11-23T14:00:00+02:00", "2026-11-23T12:00:00Z"),
            ("90s", "2026-11-23T11:58:30Z"),
            ("15m", "2026-11-23T11:45:00Z"),
            ("6h", "2026-11-23T06:00:00Z"),
            ("2d", "2026-11-21T12:00:00Z"),
        ] {
            assert_eq!(at(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "h",
            "-1h",
            "1w",
            "1.5h",
            "yesterday",
            "99999999999999999d",
            "9000000d",
            "é",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_read() {
        assert_eq!(duration("0s"), Ok(Duration::ZERO));
        assert_eq!(duration("2d"), Ok(Duration::from_secs(172_800)));
        for text in ["", "5", "+5s", "-5s", "5 s", "5w", "999999999999999999d"] {
            let error = duration(text).err();
            assert_eq!(
                error.as_deref(),
                Some("expected a duration such as 90s, 15m, 6h or 2d"),
                "{text}"
            );
        }
    }
}
