//! A reply or an error as code and bytes.

use polywire_core::{Error, ErrorKind, Outcome, Problem, Reply};
use polywire_plugin_abi::Code;
use polywire_plugin_abi::read::Output;

use crate::instance::Refused;

/// Writes how a call ended; `panicked` says that something panicked meanwhile.
pub(super) fn write(out: &Output, answer: Result<Reply, Refused>, panicked: bool) -> Code {
    match answer {
        Ok(reply) => match &reply.outcome {
            Outcome::Done => body(out, Code::Ok, &reply.body),
            Outcome::Failed { code, retryable } => {
                match Problem::write_application(code, *retryable, &reply.body) {
                    Ok(document) => body(out, Code::Failed, &document),
                    Err(error) => refuse(out, Code::Failed, &error),
                }
            }
        },
        // The service has contained the handler's panic already, and the host counts those.
        Err(Refused { error, .. }) if panicked && error.kind() == ErrorKind::Internal => {
            Code::Panicked
        }
        Err(Refused { code, error }) => refuse(out, code, &error),
    }
}

/// Writes an error as a problem document.
pub(super) fn refuse(out: &Output, code: Code, error: &Error) -> Code {
    body(out, code, &error.to_problem())
}

/// The host knows when it did not take everything.
fn body(out: &Output, code: Code, bytes: &[u8]) -> Code {
    if bytes.is_empty() || out.write(bytes) {
        code
    } else {
        Code::Failed
    }
}
