//! Plugins made of real libraries, and a host that notes what they say.

#![allow(dead_code, reason = "not every test needs everything")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use polywire_core::{Error, ErrorKind, Outcome, Result};
use polywire_plugin::native::{
    Descriptor, Ended, Event, Generation, Invocation, Level, Limits, LoadError, Loader, Outside,
    Request, Services,
};
use tempfile::TempDir;

/// How long a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A host that notes what plugins say, and a folder of private copies.
pub(crate) struct World {
    pub(crate) loader: Loader,
    pub(crate) heard: Arc<Heard>,
    ended: Receiver<Ended>,
    folder: TempDir,
    copies: std::cell::Cell<u32>,
}

/// What plugins said.
pub(crate) struct Heard {
    /// Keeps no lines, where there would be too many.
    deaf: bool,
    /// What they may call out through.
    outside: Option<Outside>,
    pub(crate) lines: Mutex<Vec<String>>,
    pub(crate) events: Mutex<Vec<String>>,
    /// The fields of each event.
    pub(crate) fields: Mutex<Vec<Vec<(String, String)>>>,
    ended: Mutex<Sender<Ended>>,
}

impl Services for Heard {
    fn log(&self, plugin: &str, level: Level, message: &str) {
        if self.deaf {
            return;
        }
        let line = format!("{plugin} {level:?}: {message}");
        self.lines.lock().unwrap().push(line);
    }

    fn outside(&self) -> Option<Outside> {
        self.outside.clone()
    }

    fn invoke(&self, invocation: Invocation<'_>) -> Result<Vec<u8>> {
        let named = |name| invocation.headers.get(name).unwrap_or("none");
        let target = format!(
            "{}: {}.{}",
            invocation.channel,
            named("contract"),
            named("method")
        );
        assert!(invocation.timeout.is_some());
        match invocation.body {
            br#"{"pens":1}"# => Ok(target.into_bytes()),
            br#"{"pens":2}"# => panic!("a panic of the host"),
            _ => Err(Error::new(
                ErrorKind::Unavailable,
                format!("no channel {target}"),
            )),
        }
    }

    fn publish(&self, event: Event<'_>) -> Result<()> {
        let body = String::from_utf8_lossy(event.body);
        let line = format!(
            "{} {} {} {body}",
            event.contract.name, event.contract.version, event.event
        );
        let fields = event
            .headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.fields.lock().unwrap().push(fields.collect());
        self.events.lock().unwrap().push(line);
        if event.body == br#"{"pens":13}"# {
            return Err(Error::new(ErrorKind::Overloaded, "13 is one too many"));
        }
        Ok(())
    }

    fn ended(&self, ended: &Ended) {
        let _ = self.ended.lock().unwrap().send(ended.clone());
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::within(Self::patient())
    }

    /// The default, but for a machine on which everything takes long.
    pub(crate) fn patient() -> Limits {
        Limits {
            quiesce: PATIENCE,
            ..Limits::default()
        }
    }

    /// One that keeps nothing of what plugins log.
    pub(crate) fn deaf() -> Self {
        Self::make(Self::patient(), true, None)
    }

    pub(crate) fn within(limits: Limits) -> Self {
        Self::make(limits, false, None)
    }

    /// One with channels for plugins.
    pub(crate) fn with(outside: Outside) -> Self {
        Self::make(Self::patient(), false, Some(outside))
    }

    fn make(limits: Limits, deaf: bool, outside: Option<Outside>) -> Self {
        let (sender, ended) = channel();
        let heard = Arc::new(Heard {
            deaf,
            outside,
            lines: Mutex::default(),
            events: Mutex::default(),
            fields: Mutex::default(),
            ended: Mutex::new(sender),
        });
        Self {
            loader: Loader::new(limits, heard.clone()).unwrap(),
            heard,
            ended,
            folder: TempDir::new().unwrap(),
            copies: std::cell::Cell::new(0),
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A copy of a library that no other generation has.
    pub(crate) fn copy(&self, library: &Path) -> PathBuf {
        let number = self.copies.get();
        self.copies.set(number + 1);
        let copy = self.folder().join(format!("{number}.so"));
        std::fs::copy(library, &copy).unwrap();
        copy
    }

    pub(crate) fn load(&self, library: &Path, config: &str) -> Result<Arc<Generation>, LoadError> {
        self.loader
            .load(&self.copy(library), config.as_bytes(), &anything)
    }

    /// The next generation that has ended.
    pub(crate) fn ended(&self) -> Ended {
        self.ended.recv_timeout(PATIENCE).unwrap()
    }

    /// Waits until a plugin has said something.
    pub(crate) fn until(&self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.lines().iter().any(|line| line.ends_with(text)) {
            assert!(Instant::now() < end, "no plugin said {text:?}");
            std::thread::yield_now();
        }
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.heard.lines.lock().unwrap().clone()
    }
}

/// Expects nothing in particular.
pub(crate) fn anything(_: &Descriptor) -> Result<(), String> {
    Ok(())
}

/// Calls a method by its name.
pub(crate) fn call(generation: &Generation, method: &str, body: &str) -> Result<(Outcome, Bytes)> {
    generation.call(&request(generation, method, body))
}

pub(crate) fn request<'a>(generation: &Generation, method: &str, body: &'a str) -> Request<'a> {
    let methods = &generation.descriptor().contracts[0].methods;
    Request {
        method: methods.iter().position(|known| known == method).unwrap(),
        body: body.as_bytes(),
        ..Request::default()
    }
}

/// A plugin of this crate's examples, which cargo builds before it runs the tests.
pub(crate) fn fixture(name: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = program.ancestors().nth(2).unwrap();
    let library = target.join(format!("examples/libplugin_{name}.so"));
    assert!(
        library.is_file(),
        "{} is missing: cargo test -p polywire-plugin builds it, and with --test it does not",
        library.display()
    );
    library
}

/// The same without what only a debugger reads, where there is a program that removes it: quicker to copy.
pub(crate) fn stripped(name: &str, folder: &Path) -> PathBuf {
    let (library, small) = (fixture(name), folder.join(format!("{name}.so")));
    std::fs::copy(&library, &small).unwrap();
    let _ = Command::new("strip").arg("-g").arg(&small).status();
    small
}

/// Set by `cargo xtask sanitize`: what everything is built with that this program loads.
const SANITIZER: &str = "POLYWIRE_TEST_SANITIZER";

/// Whether a sanitizer watches, which keeps memory that was freed.
pub(crate) fn is_sanitized() -> bool {
    std::env::var_os(SANITIZER).is_some()
}

/// Compiles the plugin in C; each of `defines` makes it wrong in one way.
pub(crate) fn compiled(folder: &Path, name: &str, defines: &[&str]) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (object, library) = (
        folder.join(format!("{name}.o")),
        folder.join(format!("{name}.so")),
    );
    let mut compile = Command::new("cc");
    compile
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fPIC", "-c"])
        .args(defines.iter().map(|define| format!("-D{define}")))
        .arg("-I")
        .arg(here.join("../../include"))
        .arg("-o")
        .arg(&object)
        .arg(here.join("tests/fixtures/plugin.c"));
    if let Ok(sanitizer) = std::env::var(SANITIZER) {
        compile.arg(format!("-fsanitize={sanitizer}"));
    }
    // Linked without it: the sanitizer's own functions are those of this program, as for the libraries in Rust.
    let mut link = Command::new("cc");
    link.args(["-shared", "-pthread", "-o"])
        .args([&library, &object]);
    for mut command in [compile, link] {
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
    }
    library
}
