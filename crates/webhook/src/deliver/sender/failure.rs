//! What the client's errors are in the words of the schedule.

use std::error::Error as StdError;

use hyper_util::client::legacy::Error;

use crate::guard::ConnectError;
use crate::schedule::Failure;

/// What a request failed with. The error itself may name an address, so it goes no further than this.
pub(super) fn of(error: &Error) -> Failure {
    if !error.is_connect() {
        return Failure::Broken;
    }
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<ConnectError>() {
            return refused.into();
        }
        cause = error.source();
    }
    // The guard's connector made a connection, so what failed is what came on top of it.
    Failure::Tls
}
