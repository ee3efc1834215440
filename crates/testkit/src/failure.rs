//! Why a case failed.

use std::fmt;
use std::panic::Location;

use polywire_core::Error;

/// What a case ends with.
pub type Checked<T = ()> = Result<T, Failure>;

/// Why a case failed, and where in the suite.
#[derive(Clone)]
pub struct Failure(String);

impl Failure {
    /// A failure at the place that calls this.
    #[track_caller]
    #[must_use]
    pub fn new(text: impl fmt::Display) -> Self {
        let at = Location::caller();
        Self(format!("{text}\n  at {}:{}", at.file(), at.line()))
    }
}

/// Any error ends a case; `?` notes where.
impl<E: std::error::Error> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        let mut text = format!("{error:?}");
        let plain = error.to_string();
        if !text.contains(&plain) {
            text = format!("{plain}: {text}");
        }
        Self::new(text)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The error of what must not succeed.
#[track_caller]
pub(crate) fn error_of<T>(what: &str, result: Result<T, Error>) -> Checked<Error> {
    // Not `map_or_else`: a closure has no caller to name.
    match result {
        Ok(_) => Err(Failure::new(format!("{what} succeeded"))),
        Err(error) => Ok(error),
    }
}

/// Ends the case unless the condition holds.
macro_rules! check {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            return Err($crate::failure::Failure::new(format!($($text)+)));
        }
    };
}

/// Ends the case unless both are equal; the text says what they are.
macro_rules! check_eq {
    ($found:expr, $expected:expr, $($text:tt)+) => {
        match (&$found, &$expected) {
            (found, expected) => {
                if found != expected {
                    return Err($crate::failure::Failure::new(format!(
                        "{}: expected {expected:?}, found {found:?}",
                        format_args!($($text)+)
                    )));
                }
            }
        }
    };
}

pub(crate) use {check, check_eq};
