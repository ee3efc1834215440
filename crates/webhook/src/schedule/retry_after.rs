//! `Retry-After` (RFC 9110 section 10.2.3).

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::Timestamp;

use crate::clock;

/// The longest wait that an endpoint can ask for.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// The longest text of either form, in bytes.
const MAX_BYTES: usize = 64;

/// How long an answer asks to wait, in either form: seconds, or a date. At most [`MAX_RETRY_AFTER`].
///
/// A date that has passed is zero. `None` when the header is missing, there several times, or neither form.
#[must_use]
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let mut values = headers.get_all(RETRY_AFTER).iter();
    let value = values.next()?;
    if values.next().is_some() || value.len() > MAX_BYTES {
        return None;
    }
    let text = value.to_str().ok()?.trim();
    let asked = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds is longer than any bound.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let date: SystemTime = httpdate::parse_http_date(text).ok()?;
        clock::until(Timestamp::try_from(date).ok()?, now)
    };
    Some(asked.min(MAX_RETRY_AFTER))
}
