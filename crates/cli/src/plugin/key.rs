//! `polywire plugin keygen`, and reading the file that it makes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use clap::Args;
use polywire::plugin::trust::{SigningKey, TrustedKeys};
use serde_json::json;

use crate::format::{Format, print};

/// Has the password of the key, never an argument, which every process of the machine may read.
const PASSPHRASE: &str = "POLYWIRE_PLUGIN_PASSPHRASE";
/// What `keygen` is.
pub(super) const ABOUT: &str = "Makes a key that signs, and prints its public key, which consumers are configured with

Where POLYWIRE_PLUGIN_PASSPHRASE has a password, the key is encrypted with it, and every command that signs reads it from there. \
That takes a gigabyte of memory and some seconds each time. Without, the file alone signs.";
/// What nobody but the owner may read.
const PRIVATE: u32 = 0o600;
/// The bits of everybody else.
const OTHERS: u32 = 0o077;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The file for the secret key, which nobody else may read; one that is there is left as it is
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// Makes a key; returns whether all was done.
///
/// # Errors
/// What kept it from being done.
pub(super) fn generate(Arguments { key: path, format }: &Arguments) -> Result<bool, String> {
    let passphrase = passphrase()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(PRIVATE);
    let file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            format!(
                "key file {path:?} is there already: a key is never overwritten, name another file"
            )
        }
        _ => format!("key file {path:?} cannot be made: {error}"),
    })?;
    let public = write(file, path, passphrase.as_deref()).inspect_err(|_| {
        // What is not a key is no reason to refuse the next attempt.
        let _ = fs::remove_file(path);
    })?;
    let id = TrustedKeys::parse([&public])
        .ok()
        .and_then(|keys| keys.ids().next());
    let value = json!({
        "key": path,
        "id": id,
        "public": public,
        "encrypted": passphrase.is_some(),
    });
    print(*format, &value, || format!("{public}\n"))?;
    Ok(true)
}

/// Draws a key into an empty file; answers the public key, one line.
fn write(mut file: File, path: &Path, passphrase: Option<&str>) -> Result<String, String> {
    let texts = SigningKey::generate(passphrase).map_err(|error| error.to_string())?;
    file.write_all(texts.secret.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| format!("key file {path:?} cannot be written: {error}"))?;
    let line = texts.public.lines().rfind(|line| !line.trim().is_empty());
    Ok(line.unwrap_or_default().trim().to_owned())
}

/// The key in a file that its owner alone can read.
///
/// # Errors
/// What is wrong with the file, and what would be right.
pub(super) fn read(path: &Path) -> Result<SigningKey, String> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => format!(
            "key file {path:?} is not there: name one by --key, or make it with \"polywire plugin keygen\""
        ),
        _ => format!("key file {path:?} cannot be read: {error}"),
    };
    // Looked at before it is opened, since opening a pipe would wait for its other end, and once it is open, since it may be
    // another one by then.
    let is_file = fs::metadata(path).map_err(failed)?.is_file();
    if !is_file {
        return Err(format!("key file {path:?} is no file: name one by --key"));
    }
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.permissions().mode();
    if mode & OTHERS != 0 {
        return Err(format!(
            "key file {path:?} has mode {:04o}, with which others may use it: make it 0600",
            mode & 0o7777
        ));
    }
    let most = SigningKey::MAX_FILE;
    let mut text = String::new();
    file.take(most + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > most {
        return Err(format!(
            "key file {path:?} has more than {most} bytes: name a secret key by --key"
        ));
    }
    let passphrase = passphrase()?;
    SigningKey::open(&text, passphrase.as_deref()).map_err(|error| {
        let password = match passphrase {
            Some(_) => format!("the password is that of {PASSPHRASE}"),
            None => format!("{PASSPHRASE} is not set"),
        };
        format!("key file {path:?}: {error} ({password})")
    })
}

/// The password of the key, where there is one.
fn passphrase() -> Result<Option<String>, String> {
    match std::env::var(PASSPHRASE) {
        Ok(text) if text.is_empty() => Err(format!(
            "{PASSPHRASE} is empty: set a password, or remove it where the key has none"
        )),
        Ok(text) => Ok(Some(text)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!(
            "{PASSPHRASE} is not valid UTF-8: set another password"
        )),
    }
}
