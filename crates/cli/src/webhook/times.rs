//! Times, as people write and read them.

use jiff::{Span, Timestamp};

/// A time: `2026-11-23T12:00:00Z`, or how long ago it was, such as `90s`, `15m`, `6h` or `2d`.
///
/// # Errors
/// What is valid.
pub(super) fn read(what: &str, text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    ago(text, now).ok_or_else(|| {
        format!(
            "{what} {text:?}: expected a time such as 2026-11-23T12:00:00Z, or how long ago such as 90s, 15m, 6h or 2d"
        )
    })
}

fn ago(text: &str, now: Timestamp) -> Option<Timestamp> {
    let unit = text.chars().next_back()?;
    let number: i64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return None,
    };
    let span = Span::new()
        .try_seconds(number.checked_mul(seconds)?)
        .ok()
        .filter(|_| number >= 0)?;
    now.checked_sub(span).ok()
}

/// In UTC to the second.
pub(super) fn show(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second())
        .unwrap_or(time)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::{read, show};

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
}
