//! A crate that exports a plugin is linked into a program as well: there the shim passes everything on.

#![allow(clippy::unwrap_used, unsafe_code)]
#![allow(dead_code, reason = "the plugin's own functions are for its host")]

#[path = "fixtures/plain.rs"]
mod plain;

use std::ffi::c_void;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use polywire_plugin_abi::raw;

unsafe extern "C" {
    static polywire_plugin_v1: raw::Plugin;
}

struct Counted(Arc<AtomicU32>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

unsafe extern "C" fn count(value: *mut c_void) {
    // SAFETY: the test sets the key's value to this.
    unsafe { drop(Arc::from_raw(value.cast::<AtomicU32>().cast_const())) }
}

#[test]
fn destructors_of_a_program_run_when_its_threads_end() {
    thread_local! {
        static MINE: std::cell::RefCell<Option<Counted>> = const { std::cell::RefCell::new(None) };
    }
    // SAFETY: it is in this program.
    let magic = unsafe { polywire_plugin_v1.magic };
    assert_eq!(magic, raw::MAGIC);
    let dropped = Arc::new(AtomicU32::new(0));
    let mut key = 0;
    // SAFETY: the destructor takes what the thread below sets.
    assert_eq!(
        unsafe { libc::pthread_key_create(&raw mut key, Some(count)) },
        0
    );
    for threads in 1..=3 {
        let inside = dropped.clone();
        std::thread::spawn(move || {
            MINE.set(Some(Counted(inside.clone())));
            let value = Arc::into_raw(inside).cast::<c_void>();
            // SAFETY: the key was made above.
            unsafe { libc::pthread_setspecific(key, value) };
        })
        .join()
        .unwrap();
        assert_eq!(dropped.load(Ordering::SeqCst), threads);
        // The key's destructor has given back what it held.
        assert_eq!(Arc::strong_count(&dropped), 1);
    }
    // SAFETY: it exists, and no thread has a value.
    assert_eq!(unsafe { libc::pthread_key_delete(key) }, 0);
    // SAFETY: the functions of the descriptor take nothing here; it was never made.
    let closable = unsafe { polywire_plugin_v1.fini.unwrap()() };
    assert_ne!(closable, 0, "what was passed on is not accounted for");
}

/// The library of a crate that this test is linked with: the newest, where there are several.
fn library(name: &str) -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let folder = program.parent().unwrap();
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let file = path.file_name().unwrap().to_string_lossy();
            file.starts_with(&format!("lib{name}-")) && file.ends_with(".rlib")
        })
        .collect();
    found.sort_by_key(|path| path.metadata().unwrap().modified().unwrap());
    found.pop().unwrap()
}

/// Compiles a plugin that serves nothing, and says what the compiler said when it refused.
fn compile(folder: &Path, panics: &str) -> Result<(), String> {
    let source = folder.join("plugin.rs");
    let text = "
        use polywire_plugin_export::{Export, Setup, __private::{Contract, ContractClient, Result}};
        fn server(_: &Setup) -> Result<Export> { loop {} }
        polywire_plugin_export::export_plugin!(server, Client);
        struct Client;
        impl ContractClient for Client {
            fn contract() -> Result<std::sync::Arc<Contract>> { loop {} }
            fn new(_: polywire_plugin_export::__private::Session) -> Self { Self }
            fn session(&self) -> &polywire_plugin_export::__private::Session { loop {} }
        }
    ";
    std::fs::write(&source, text).unwrap();
    let export = library("polywire_plugin_export");
    let output = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .args([
            "--edition=2024",
            "--crate-type=cdylib",
            "--emit=metadata",
            "-Awarnings",
        ])
        .arg(format!("-Cpanic={panics}"))
        .arg("--extern")
        .arg(format!("polywire_plugin_export={}", export.display()))
        .arg("-L")
        .arg(format!("dependency={}", export.parent().unwrap().display()))
        .arg(&source)
        .env("CARGO_PKG_NAME", "nothing")
        .env("CARGO_PKG_VERSION", "1.0.0")
        .current_dir(folder)
        .output()
        .unwrap();
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_plugin_that_aborts_is_not_compiled() {
    let folder = tempfile::tempdir().unwrap();
    compile(folder.path(), "unwind").unwrap();
    let error = compile(folder.path(), "abort").unwrap_err();
    assert!(
        error.contains("a plugin must be built with panic = \"unwind\""),
        "{error}"
    );
}
