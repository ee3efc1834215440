//! `polywire plugin pack` and `publish`.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use polywire::plugin::format::{Manifest, Platform};
use polywire::plugin::native::Level;
use polywire::plugin::publish::{self, describe};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::open::{Writer, listed, told};
use super::print::short;
use crate::format::{Format, print, printed};

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("of").args(["here", "labelled"]).multiple(true).required(true))]
pub(super) struct Pack {
    #[command(flatten)]
    libraries: Libraries,
    /// The folder for the release, which is new or empty
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("of").args(["here", "labelled", "packed"]).multiple(true).required(true))]
pub(super) struct Publish {
    #[command(flatten)]
    libraries: Libraries,
    /// A release that "polywire plugin pack" made, instead of libraries
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["here", "labelled"])]
    packed: Option<PathBuf>,
    /// Makes the folder a repository, if it is new or empty
    #[arg(long)]
    create: bool,
    #[command(flatten)]
    at: Writer,
}

/// Of what a release is made.
#[derive(Args, Debug)]
struct Libraries {
    /// The library that was built for this machine
    #[arg(value_name = "LIBRARY")]
    here: Option<PathBuf>,
    /// A library with what it was built for, such as aarch64-linux-gnu=liborders.so; one of all is for this machine
    #[arg(long = "library", value_name = "PLATFORM=FILE", value_parser = labelled)]
    labelled: Vec<(Platform, PathBuf)>,
}

fn labelled(text: &str) -> Result<(Platform, PathBuf), String> {
    let (platform, file) = text
        .split_once('=')
        .filter(|(_, file)| !file.is_empty())
        .ok_or("expected a platform, '=' and a file, such as aarch64-linux-gnu=liborders.so")?;
    let platform: Platform = platform.parse().map_err(|error| format!("{error}"))?;
    Ok((platform, PathBuf::from(file)))
}

/// Packs; returns whether all was done.
///
/// # Errors
/// What kept it from being done.
pub(super) fn pack(arguments: &Pack) -> Result<bool, String> {
    let Pack {
        libraries,
        to,
        format,
    } = arguments;
    let manifest = libraries.pack(to)?;
    let mut value = described(&manifest);
    value["folder"] = json!(to);
    print(*format, &value, || format!("{}\n", manifest.release()))?;
    Ok(true)
}

/// Publishes; returns whether all was done.
///
/// # Errors
/// What kept it from being done.
pub(super) fn publish(arguments: &Publish) -> Result<bool, String> {
    let Publish {
        libraries,
        packed,
        create,
        at,
    } = arguments;
    // What is wrong with the repository is told before anything is loaded.
    let publisher = if *create { at.create()? } else { at.open()? };
    let put = |folder: &Path| publisher.publish(folder).map_err(|error| told(&error));
    let (published, manifest) = match packed {
        Some(folder) => {
            let published = put(folder)?;
            (published, manifest(folder)?)
        }
        None => {
            let place = temporary()?;
            let folder = place.path().join("release");
            let manifest = libraries.pack(&folder)?;
            (put(&folder)?, manifest)
        }
    };
    let mut value = described(&manifest);
    value["new"] = published.new.into();
    if !published.new && at.format == Format::Text {
        let release = short(&published.release);
        printed(writeln!(
            io::stderr(),
            "{release} was there already, with the same content"
        ))?;
    }
    print(at.format, &value, || format!("{}\n", published.release))?;
    Ok(true)
}

/// The manifest of a release that was packed, and taken.
fn manifest(folder: &Path) -> Result<Manifest, String> {
    let path = folder.join("manifest.toml");
    let bytes = fs::read(&path).map_err(|error| format!("{path:?} cannot be read: {error}"))?;
    Manifest::parse(&bytes).map_err(|error| format!("{path:?}: {error}"))
}

fn temporary() -> Result<TempDir, String> {
    tempfile::Builder::new()
        .prefix("polywire-")
        .tempdir()
        .map_err(|error| {
            format!(
                "no temporary folder can be made in {:?}: {error}",
                std::env::temp_dir()
            )
        })
}

fn described(manifest: &Manifest) -> Value {
    let description = manifest.description();
    let platforms = description.artifacts.iter();
    let platforms: Vec<_> = platforms.map(|artifact| &artifact.platform).collect();
    json!({
        "plugin": description.plugin,
        "release": manifest.release(),
        "platforms": platforms,
        "contracts": description.contracts,
    })
}

impl Libraries {
    /// Makes a release of them in a folder that is new or empty.
    fn pack(&self, folder: &Path) -> Result<Manifest, String> {
        let here = Platform::here();
        let unlabelled = self.here.iter().map(|file| (here.clone(), file.clone()));
        let mut libraries: Vec<_> = unlabelled.chain(self.labelled.iter().cloned()).collect();
        let Some(mine) = libraries.iter().position(|(platform, _)| *platform == here) else {
            let found = listed(libraries.iter().map(|(platform, _)| platform));
            return Err(format!(
                "no library for this machine, {here}, among those for {found}: one is needed, since it is asked what it serves"
            ));
        };
        // Nobody changes a private copy between the look at it and the release.
        let place = temporary()?;
        let original = libraries[mine].1.clone();
        let copy = copied(&original, place.path())?;
        libraries[mine].1.clone_from(&copy);
        let told =
            |error: String| error.replace(&*copy.to_string_lossy(), &original.to_string_lossy());
        let descriptor = describe(&copy, heard).map_err(|error| told(error.to_string()))?;
        let pack = publish::Pack::described(&descriptor, libraries)
            .map_err(|error| format!("plugin {}: {error}", original.display()))?;
        publish::pack(&pack, folder).map_err(|error| told(super::open::told(&error)))
    }
}

/// Shows a line that a library logs.
fn heard(_: Level, message: &str) {
    // Where nobody reads it, nobody misses it.
    let _ = writeln!(io::stderr(), "the library logs: {message}");
}

/// Copies a library into a folder, under its own name.
fn copied(library: &Path, folder: &Path) -> Result<PathBuf, String> {
    let wrong = |why: String| format!("library {library:?} {why}");
    let metadata =
        fs::metadata(library).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let (size, most) = (metadata.len(), Manifest::MAX_ARTIFACT);
    if !metadata.is_file() {
        return Err(wrong(
            "is no file: name a library that was built".to_owned(),
        ));
    }
    if size > most {
        return Err(wrong(format!("has {size} bytes: at most {most} are valid")));
    }
    // By the name that the loader tells in its errors.
    let folder = fs::canonicalize(folder).map_err(|error| wrong(error.to_string()))?;
    let copy = folder.join(library.file_name().unwrap_or_default());
    fs::copy(library, &copy).map_err(|error| wrong(format!("cannot be copied: {error}")))?;
    Ok(copy)
}
