//! What one run did, for whoever compares runs.

use std::path::Path;

use serde::Serialize;

use crate::Result;
use crate::billing::Billed;
use crate::kiosk::Shown;
use crate::storefront::Sold;

/// What one run did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The transport that the configuration chose.
    pub transport: String,
    /// What the storefront did, if it ran to its end.
    pub storefront: Option<Sold>,
    /// What billing did, if it ran to its end.
    pub billing: Option<Billed>,
    /// What the kiosk did, if it was told to end.
    pub kiosk: Option<Shown>,
    /// `ok`, or what went wrong.
    pub verdict: String,
}

impl Report {
    /// Writes the report as JSON.
    ///
    /// # Errors
    /// Names the file.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()).into())
    }
}
