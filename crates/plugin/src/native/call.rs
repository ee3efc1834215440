//! A call to a plugin, and what its answer means.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use polywire_core::{Dispatched, Error, ErrorKind, Outcome, Problem, Result};
use polywire_plugin_abi::Code;

/// A call to a plugin.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// The contract version, by its place in [`super::Descriptor::contracts`].
    pub contract: usize,
    /// The operation or command, by its place in that contract's methods.
    pub method: usize,
    /// How much time there is; `None` without a limit.
    pub timeout: Option<Duration>,
    /// The headers, as [`polywire_plugin_abi::write_header`] writes them.
    pub headers: &'a [u8],
    /// The payload.
    pub body: &'a [u8],
    /// What gives the call up.
    pub cancel: Option<&'a Cancel>,
}

/// Gives calls up: the plugin is told when it asks, and a call of a Rust plugin that waits is stopped within 10 ms.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Gives up nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives up every call that has this.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// What a code and what was written mean; `written` is `None` when that was more than may be.
pub(super) fn answer(
    code: i32,
    written: Option<Vec<u8>>,
    most: usize,
    what: &dyn Fn() -> String,
) -> Result<(Outcome, Bytes)> {
    let known = Code::from_number(code);
    if known == Some(Code::Panicked) {
        let text = format!("{} failed unexpectedly; see the log", what());
        return Err(Error::new(ErrorKind::Internal, text).dispatched_as(Dispatched::Yes));
    }
    let Some(written) = written.map(Bytes::from) else {
        let text = format!("{} answered with more than {most} bytes", what());
        return Err(Error::new(ErrorKind::TooLarge, text).dispatched_as(Dispatched::Yes));
    };
    if known == Some(Code::Ok) {
        return Ok((Outcome::Done, written));
    }
    let application = serde_json::from_slice::<Problem<'_>>(&written)
        .ok()
        .and_then(|problem| problem.application(&written));
    if let Some(application) = application
        && known == Some(Code::Failed)
    {
        return Ok(application);
    }
    let error = match known {
        Some(code) => Error::from_problem(&written).unwrap_or_else(|| plain(code, what)),
        None => {
            let text = format!(
                "{} answered with code {code}, which is none of version 1",
                what()
            );
            Error::new(ErrorKind::Internal, text).dispatched_as(Dispatched::Maybe)
        }
    };
    Err(error)
}

/// The error of a code without a problem document.
fn plain(code: Code, what: &dyn Fn() -> String) -> Error {
    let (kind, text, dispatched) = match code {
        Code::NoSuchMethod => (ErrorKind::Unsupported, "has no such method", Dispatched::No),
        Code::Version => (
            ErrorKind::Integrity,
            "does not serve the version that it describes",
            Dispatched::No,
        ),
        Code::Overloaded => (
            ErrorKind::Overloaded,
            "takes no more for now",
            Dispatched::No,
        ),
        Code::Cancelled => (
            ErrorKind::DeadlineExceeded,
            "was given up",
            Dispatched::Maybe,
        ),
        _ => (
            ErrorKind::Internal,
            "failed without a problem document",
            Dispatched::Maybe,
        ),
    };
    Error::new(kind, format!("{} {text}", what())).dispatched_as(dispatched)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: i32, written: Option<&str>) -> Error {
        let written = written.map(|text| text.as_bytes().to_vec());
        answer(code, written, 9, &|| "orders 1.4.0 quote".to_owned()).unwrap_err()
    }

    #[test]
    fn codes_of_plugins_that_write_no_document_have_words() {
        for (code, kind, text) in [
            (1, ErrorKind::Internal, "failed without a problem document"),
            (2, ErrorKind::Unsupported, "has no such method"),
            (
                3,
                ErrorKind::Integrity,
                "does not serve the version that it describes",
            ),
            (4, ErrorKind::Overloaded, "takes no more for now"),
            (5, ErrorKind::DeadlineExceeded, "was given up"),
            (6, ErrorKind::Internal, "failed unexpectedly; see the log"),
            (
                77,
                ErrorKind::Internal,
                "answered with code 77, which is none of version 1",
            ),
        ] {
            let error = error(code, Some("garbage"));
            assert_eq!(error.kind(), kind);
            assert_eq!(error.to_string(), format!("orders 1.4.0 quote {text}"));
        }
        let error = error(0, None);
        assert_eq!(error.kind(), ErrorKind::TooLarge);
        assert_eq!(
            error.to_string(),
            "orders 1.4.0 quote answered with more than 9 bytes"
        );
    }

    #[test]
    fn documents_say_what_went_wrong() {
        let refused = Error::new(ErrorKind::PermissionDenied, "not yours");
        let document = String::from_utf8(refused.to_problem()).unwrap();
        let error = error(1, Some(&document));
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert_eq!(error.message(), "not yours");
    }
}
