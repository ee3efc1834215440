//! Values that must not be printed, and how what is printed gets cleaned.

use std::borrow::Cow;
use std::fmt;

/// What stands in for a secret in anything printed.
pub(super) const HIDDEN: &str = "***";

/// A text that no `Debug` or `Display` shows; [`Secret::expose`] hands it out.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({HIDDEN})")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Whether a key's name says that its value is a secret: `token`, `db_password`, `api-key`.
pub(super) fn names_a_secret(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).collect();
    // `token_file` or `secret_header` say where the secret is, not what it is.
    if let Some("file" | "path" | "header" | "ttl" | "url") = words.last().copied() {
        return false;
    }
    let secret = |word: &str| {
        matches!(
            word.strip_suffix('s').unwrap_or(word),
            "token" | "password" | "passwd" | "passphrase" | "secret" | "credential" | "apikey"
        )
    };
    let key_of = |pair: &[&str]| {
        matches!(pair, [owner, key]
            if key.strip_suffix('s').unwrap_or(key) == "key"
                && matches!(*owner, "api" | "private" | "signing" | "hmac" | "access" | "encryption" | "master"))
    };
    words.iter().any(|word| secret(word)) || words.windows(2).any(key_of)
}

/// Replaces the password of every `scheme://user:password@host` in a text by `***`.
///
/// When in doubt where the password ends, more is hidden rather than less: it reaches to the last `@` before a
/// space or a quote.
#[must_use]
pub fn redact_url_passwords(text: &str) -> Cow<'_, str> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(scheme_end) = rest.find("://").map(|at| at + 3) {
        let (before, after) = rest.split_at(scheme_end);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\''))
            .unwrap_or(after.len());
        let password = after[..end]
            .rfind('@')
            .and_then(|at| after[..at].find(':').map(|colon| (colon + 1, at)));
        out.push_str(before);
        rest = match password {
            Some((from, to)) => {
                out.push_str(&after[..from]);
                out.push_str(HIDDEN);
                &after[to..]
            }
            None => after,
        };
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::{Secret, names_a_secret, redact_url_passwords};

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret::new("hunter2");
        assert_eq!(
            format!("{secret} {secret:?} {secret:#?}"),
            "*** Secret(***) Secret(***)"
        );
        assert_eq!(secret.expose(), "hunter2");
    }

    #[test]
    fn key_names() {
        for key in [
            "token",
            "tokens",
            "db_password",
            "signing-key",
            "api_keys",
            "clientSecret_secret",
        ] {
            assert!(names_a_secret(key), "{key}");
        }
        for key in [
            "url",
            "token_file",
            "key",
            "idempotency_key",
            "secretary",
            "token_ttl",
        ] {
            assert!(!names_a_secret(key), "{key}");
        }
    }

    #[test]
    fn url_passwords() {
        for (text, expected) in [
            (
                "amqp://guest:guest@127.0.0.1:5672/%2f",
                "amqp://guest:***@127.0.0.1:5672/%2f",
            ),
            ("amqp://u:p@ss/w:rd@host", "amqp://u:***@host"),
            ("a://u:p@h b://v:q@i c", "a://u:***@h b://v:***@i c"),
            ("http://127.0.0.1:80/x", "http://127.0.0.1:80/x"),
            ("http://user@host:80/", "http://user@host:80/"),
            ("no url: a@b", "no url: a@b"),
            ("://é:ü@ß", "://é:***@ß"),
        ] {
            assert_eq!(redact_url_passwords(text), expected);
        }
    }
}
