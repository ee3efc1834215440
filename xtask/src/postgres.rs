//! The database server that the webhook transport's tests need.

use polywire_test_postgres::Installation;

use crate::{Result, debian};

/// The variable that names a server to test against.
const VARIABLE: &str = "POLYWIRE_TEST_POSTGRES_URL";
/// What brings PostgreSQL on Debian.
const PACKAGE: &str = "postgresql";

/// Sees to it that tests can start a private server, unless one is named.
///
/// # Errors
/// When there is none, and it cannot be installed.
pub(crate) fn prepare() -> Result<()> {
    if std::env::var_os(VARIABLE).is_some_and(|url| !url.is_empty()) {
        return Ok(());
    }
    let Err(missing) = Installation::find() else {
        return Ok(());
    };
    debian::install(&[PACKAGE])
        .and_then(|()| Installation::find().map(drop))
        .map_err(|error| format!("no PostgreSQL to test against:\n  {missing}\n  {error}").into())
}
