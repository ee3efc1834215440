//! What stands before the C library in this program also stands before it for plugins.

#![allow(unsafe_code, reason = "a function is looked up")]

use std::path::Path;
use std::process::{Command, Stdio};

use crate::libraries::{World, call, fixture};

/// Set in the process that has a library before the C library.
const CHILD: &str = "POLYWIRE_TEST_BEFORE";
const NAME: &str = "before::it_learns_of_the_threads_of_a_plugin";

#[test]
fn it_learns_of_the_threads_of_a_plugin() {
    if std::env::var_os(CHILD).is_some() {
        return inside();
    }
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("before.so");
    let compiled = Command::new("cc")
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror"])
        .args(["-shared", "-fPIC", "-pthread", "-o"])
        .arg(&library)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/before.c"))
        .arg("-ldl")
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&compiled.stderr);
    assert!(compiled.status.success(), "{errors}");
    let output = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact"])
        .env(CHILD, "1")
        .env("LD_PRELOAD", &library)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (said, errors) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.contains("1 passed"), "{said}");
}

fn threads_made() -> u32 {
    let program = libloading::os::unix::Library::this();
    // SAFETY: the library that was loaded before this program has a function of this name and kind.
    let counted = unsafe { program.get::<unsafe extern "C" fn() -> u32>(b"threads_made\0") };
    // SAFETY: as above; it only reads.
    unsafe { counted.unwrap()() }
}

fn inside() {
    let world = World::new();
    let before = threads_made();
    let generation = world.load(&fixture("busy"), "").unwrap();
    call(&generation, "work", r#"{"number":64}"#).unwrap();
    // That of its runtime, one in the background, and one of the call.
    assert!(threads_made() - before >= 3);
}
