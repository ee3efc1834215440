//! What the example writes about its work, and how the parts of several processes make one row.

use std::path::Path;

use serde::Deserialize;

use crate::{Result, tree};

/// The verdict of a process that did all its work.
pub const OK: &str = "ok";

/// What one run of the example did. A role that did not run has no part in it.
#[derive(Clone, Debug, Default, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The transport, as configured.
    pub transport: String,
    /// The consumer's part.
    pub storefront: Option<Storefront>,
    /// The subscriber's part.
    pub billing: Option<Billing>,
    /// The part of a consumer that goes on until it is told to end.
    pub kiosk: Option<Kiosk>,
    /// `ok`, or what went wrong.
    pub verdict: String,
}

/// What a consumer did that goes on until it is told to end.
#[derive(Clone, Copy, Debug, Deserialize)]
#[non_exhaustive]
pub struct Kiosk {
    /// How many calls were answered.
    pub answered: u64,
    /// How many were not.
    pub refused: u64,
}

/// What the consumer did.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Storefront {
    /// The version that was agreed.
    pub version: String,
    /// How many orders were worked through.
    pub orders: u64,
    /// The median time of a call, in microseconds.
    pub p50_us: u64,
    /// The time within which 99 of 100 calls were answered, in microseconds.
    pub p99_us: u64,
}

/// What the subscriber did.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct Billing {
    /// How many events were handled, each once.
    pub events: u64,
}

impl Report {
    /// Reads a report.
    ///
    /// # Errors
    /// When it is not there, or is none.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = tree::read_path(path)?;
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()).into())
    }

    /// This report with what another process did.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            transport: self.transport,
            storefront: self.storefront.or(other.storefront),
            billing: self.billing.or(other.billing),
            kiosk: self.kiosk.or(other.kiosk),
            verdict: if self.verdict == OK {
                other.verdict
            } else {
                self.verdict
            },
        }
    }

    /// Checks that every part was done, and well.
    ///
    /// # Errors
    /// What went wrong.
    pub fn check(&self) -> Result<()> {
        if self.verdict != OK {
            Err(self.verdict.as_str().into())
        } else if self.storefront.is_none() || self.billing.is_none() {
            Err("not every role did its part".into())
        } else {
            Ok(())
        }
    }
}
