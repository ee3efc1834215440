//! Plans and answers.

mod endpoint;

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::guard::{ConnectError, GuardError};

const HOUR: u64 = 3600;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_default_plan_is_that_of_standard_webhooks() {
    let plan = RetryPlan::default();
    let waits: Vec<_> = (1..12)
        .map(|attempt| plan.wait(attempt, None, 0.5).map(|wait| wait.as_secs()))
        .collect();
    let hours = |hours: u64| Some(hours * HOUR);
    assert_eq!(
        waits,
        [
            Some(5),
            Some(30),
            Some(300),
            Some(1800),
            hours(2),
            hours(5),
            hours(10),
            hours(14),
            hours(20),
            hours(24),
            None
        ]
    );
    assert_eq!(plan.attempts(), 11);
    assert_eq!(plan.wait(0, None, 0.5), None);
    let without_jitter = RetryPlan::new(
        waits
            .iter()
            .flatten()
            .map(|wait| secs(*wait))
            .collect::<Vec<_>>(),
        0,
    )
    .unwrap();
    assert_eq!(without_jitter.horizon(), secs(75 * HOUR + 35 * 60 + 35));
    assert_eq!(plan.horizon(), without_jitter.horizon().mul_f64(1.2));
}

#[test]
fn plans_have_bounds() {
    let error = |steps: &[Duration], jitter| RetryPlan::new(steps, jitter).unwrap_err().to_string();
    assert_eq!(
        error(&[secs(1); 51], 0),
        "51 waits between attempts: expected at most 50"
    );
    assert_eq!(
        error(&[secs(0)], 0),
        "a wait of 0ns between attempts: expected 1 s to 7 days"
    );
    assert_eq!(error(&[], 51), "a variation of 51 %: expected 0 to 50");
    let once = RetryPlan::new([], 0).unwrap();
    assert_eq!(
        (once.attempts(), once.wait(1, Some(secs(1)), 0.0)),
        (1, None)
    );
}

#[test]
fn every_status_has_its_meaning() {
    let status = |code, retry_after| Answer::Status { code, retry_after }.meaning();
    for code in 0..=1000 {
        let expected = match code {
            200..=299 => Meaning::Accepted,
            410 => Meaning::Gone,
            415 => Meaning::VersionMismatch,
            429 | 503 => Meaning::Throttle,
            501 | 505 => Meaning::Permanent,
            _ => Meaning::Retry,
        };
        assert_eq!(status(code, None), expected, "{code}");
        let asked = if expected == Meaning::Retry {
            Meaning::Throttle
        } else {
            expected
        };
        assert_eq!(
            status(code, Some(secs(1))),
            asked,
            "{code} with Retry-After"
        );
    }
    for (failure, expected) in [
        (Failure::Timeout, Meaning::Retry),
        (Failure::Refused, Meaning::Retry),
        (Failure::Connect, Meaning::Retry),
        (Failure::Tls, Meaning::Retry),
        (Failure::Broken, Meaning::Retry),
        (Failure::Unsendable, Meaning::Permanent),
    ] {
        assert_eq!(Answer::Failed(failure).meaning(), expected);
        assert_eq!(Answer::Failed(failure).to_string(), failure.code());
    }
    let answer = Answer::Status {
        code: 503,
        retry_after: None,
    };
    assert_eq!(
        (answer.to_string().as_str(), answer.code()),
        ("status 503", Some(503))
    );
}

#[test]
fn what_the_guard_refuses_is_tried_again_unless_the_url_is_at_fault() {
    for (error, failure) in [
        (ConnectError::Guard(GuardError::Refused), Failure::Refused),
        (
            ConnectError::Guard(GuardError::Unresolved),
            Failure::Refused,
        ),
        (
            ConnectError::Guard(GuardError::Plaintext),
            Failure::Unsendable,
        ),
        (ConnectError::Timeout, Failure::Timeout),
        (
            ConnectError::Broken(std::io::ErrorKind::ConnectionRefused),
            Failure::Connect,
        ),
    ] {
        assert_eq!(Failure::from(&error), failure);
    }
}

fn asked(value: &str) -> Option<Duration> {
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
    // Fri, 31 Dec 1999 23:00:00 GMT
    retry_after(&headers, Timestamp::from_second(946_681_200).unwrap())
}

#[test]
fn retry_after_has_two_forms_and_a_cap() {
    for (value, expected) in [
        ("0", Some(0)),
        ("120", Some(120)),
        (" 120 ", Some(120)),
        ("86401", Some(24 * HOUR)),
        ("99999999999999999999999999", Some(24 * HOUR)),
        ("Fri, 31 Dec 1999 23:59:59 GMT", Some(3599)),
        ("Friday, 31-Dec-99 23:59:59 GMT", Some(3599)),
        ("Fri Dec 31 23:59:59 1999", Some(3599)),
        ("Fri, 31 Dec 1999 22:00:00 GMT", Some(0)),
        ("Sun, 31 Dec 2006 22:00:00 GMT", Some(24 * HOUR)),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("+1", None),
        ("soon", None),
        ("Fri, 31 Dec 1999 23:59:59 CET", None),
    ] {
        assert_eq!(asked(value), expected.map(secs), "{value:?}");
    }
    let mut twice = HeaderMap::new();
    assert_eq!(retry_after(&twice, Timestamp::UNIX_EPOCH), None);
    twice.append(RETRY_AFTER, HeaderValue::from_static("1"));
    twice.append(RETRY_AFTER, HeaderValue::from_static("2"));
    assert_eq!(retry_after(&twice, Timestamp::UNIX_EPOCH), None);
}

proptest! {
    #[test]
    fn waits_are_varied_within_bounds_and_never_shorter_than_asked(
        steps in prop::collection::vec(1..=7 * 24 * HOUR, 0..=50),
        jitter in 0..=50_u8,
        attempt in 0..60_u32,
        asked in prop::option::of(0..100 * HOUR),
        random in any::<f64>(),
    ) {
        let plan = RetryPlan::new(steps.iter().copied().map(secs).collect::<Vec<_>>(), jitter).unwrap();
        let wait = plan.wait(attempt, asked.map(secs), random);
        let step = (attempt as usize).checked_sub(1).and_then(|index| steps.get(index));
        prop_assert_eq!(wait.is_some(), step.is_some());
        if let (Some(wait), Some(step)) = (wait, step) {
            let share = f64::from(jitter) / 100.0;
            let honoured = asked.map_or(0, |asked| asked.min(24 * HOUR)) as f64;
            let own = *step as f64;
            prop_assert!(wait.as_secs_f64() >= (own * (1.0 - share)).max(honoured) - 1e-6);
            prop_assert!(wait.as_secs_f64() <= (own * (1.0 + share)).max(honoured + 60.0) + 1e-6);
        }
    }

    #[test]
    fn no_text_asks_for_more_than_a_day(value in "[ -~]{0,80}") {
        prop_assert!(asked(&value).is_none_or(|wait| wait <= MAX_RETRY_AFTER));
    }
}
