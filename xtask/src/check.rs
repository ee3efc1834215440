//! `cargo xtask check`: format, lints, documentation.

use crate::Result;
use crate::command::{cargo, run};

/// Runs the checks that need no test.
///
/// # Errors
/// The first that failed.
pub(crate) fn task() -> Result<()> {
    run(cargo(["fmt", "--all", "--check"]))?;
    run(cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "--deny",
        "warnings",
    ]))?;
    let mut document = cargo(["doc", "--workspace", "--no-deps", "--all-features"]);
    document.env("RUSTDOCFLAGS", "--deny warnings");
    run(document)
}
