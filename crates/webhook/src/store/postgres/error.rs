//! What goes wrong, in the words of the core.

use polywire_core::{Error, ErrorKind};

use crate::store::failure::closed;

/// Why something failed.
#[derive(Debug)]
pub(super) enum Failed {
    Sqlx(sqlx::Error),
    Other(Error),
}

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlx(error)
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Failed {
    pub(super) fn into_error(self, what: &str) -> Error {
        match self {
            Self::Other(error) => error,
            Self::Sqlx(sqlx::Error::PoolClosed) => closed(),
            Self::Sqlx(error) => Error::new(
                kind(&error),
                format!("{what} in the webhook store: {error}"),
            )
            .caused_by(error),
        }
    }
}

fn kind(error: &sqlx::Error) -> ErrorKind {
    use sqlx::Error as E;
    match error {
        E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::WorkerCrashed => ErrorKind::Unavailable,
        E::Configuration(_) => ErrorKind::Config,
        E::ColumnDecode { .. } | E::Decode(_) | E::ColumnNotFound(_) | E::TypeNotFound { .. } => {
            ErrorKind::Integrity
        }
        E::Database(error) => match error.code().as_deref() {
            // Wrong password, no such role or database, no right to it.
            Some("28000" | "28P01" | "3D000" | "42501") => ErrorKind::Config,
            // Connections, conflicts and deadlocks, resources, an operator, the system: the same may work later.
            Some(code) if ["08", "40", "53", "55", "57", "58"].contains(&&code[..2]) => {
                ErrorKind::Unavailable
            }
            _ => ErrorKind::Internal,
        },
        _ => ErrorKind::Internal,
    }
}
