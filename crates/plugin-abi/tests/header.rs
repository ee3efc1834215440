//! The header that is checked in is the one that the Rust types make.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn generated() -> String {
    let config = cbindgen::Config::from_file(here("cbindgen.toml")).unwrap();
    let bindings = cbindgen::Builder::new()
        .with_config(config)
        .with_src(here("src/raw.rs"))
        .generate()
        .unwrap();
    let mut header = Vec::new();
    bindings.write(&mut header);
    String::from_utf8(header).unwrap()
}

/// `POLYWIRE_WRITE_HEADER=1 cargo test -p polywire-plugin-abi --test header` writes it.
#[test]
fn the_header_is_not_stale() {
    let path = here("../../include/polywire_plugin.h");
    let generated = generated();
    if std::env::var_os("POLYWIRE_WRITE_HEADER").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap();
    assert!(
        found == generated,
        "include/polywire_plugin.h is not what crates/plugin-abi/src/raw.rs says: run POLYWIRE_WRITE_HEADER=1 cargo test -p \
         polywire-plugin-abi --test header"
    );
}
