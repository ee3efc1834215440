//! A C compiler lays the header's structures out as Rust does.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::mem::{align_of, offset_of, size_of};
use std::path::Path;
use std::process::Command;

use polywire_plugin_abi::raw;

/// One line per structure and field, as C and as Rust see it.
struct Layout {
    c: String,
    rust: String,
}

macro_rules! structure {
    ($layout:ident, $rust:ident = $c:literal, $($field:ident),+) => {
        writeln!($layout.rust, "{} size {} align {}", $c, size_of::<raw::$rust>(), align_of::<raw::$rust>()).unwrap();
        writeln!(
            $layout.c,
            "printf(\"%s size %zu align %zu\\n\", \"{c}\", sizeof({c}), _Alignof({c}));",
            c = $c
        )
        .unwrap();
        $(
            let field = stringify!($field);
            writeln!($layout.rust, "{}.{field} at {}", $c, offset_of!(raw::$rust, $field)).unwrap();
            writeln!($layout.c, "printf(\"%s at %zu\\n\", \"{c}.{field}\", offsetof({c}, {field}));", c = $c).unwrap();
        )+
    };
}

fn layout() -> Layout {
    let mut layout = Layout {
        c: String::new(),
        rust: String::new(),
    };
    structure!(layout, Slice = "pw_slice", ptr, len);
    structure!(layout, Sink = "pw_sink", ctx, write);
    structure!(
        layout,
        ContractEntry = "pw_contract",
        size,
        name,
        semver,
        fingerprint,
        methods,
        n_methods
    );
    structure!(
        layout,
        Call = "pw_call",
        size,
        id,
        timeout_ns,
        contract,
        method,
        headers,
        body
    );
    structure!(
        layout,
        Host = "pw_host",
        size,
        ctx,
        log,
        cancelled,
        invoke,
        extension
    );
    structure!(layout, Threads = "pw_threads_v1", size, ctx, at_exit);
    structure!(layout, Events = "pw_events_v1", size, ctx, publish);
    structure!(
        layout,
        Channels = "pw_channels_v1",
        size,
        ctx,
        describe,
        call,
        send,
        cancel
    );
    structure!(
        layout,
        Subscriptions = "pw_subscriptions_v1",
        size,
        ctx,
        subscribe,
        next,
        settle,
        unsubscribe
    );
    structure!(
        layout,
        Plugin = "pw_plugin_v1",
        magic,
        abi_major,
        abi_minor,
        size,
        flags,
        name,
        release,
        build_id,
        contracts,
        n_contracts,
        init,
        call,
        self_test,
        quiesce,
        live_threads,
        destroy,
        fini,
        describe
    );
    layout
}

fn compile(folder: &Path, name: &str, source: &str, arguments: &[&str]) {
    let path = folder.join(name);
    std::fs::write(&path, source).unwrap();
    let output = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-pedantic", "-I"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../include"))
        .args(arguments)
        .arg(&path)
        .current_dir(folder)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
}

#[test]
fn c_and_rust_agree_on_every_offset() {
    let folder = tempfile::tempdir().unwrap();
    let Layout { c, rust } = layout();
    let source = format!(
        "#include <stdio.h>\n#include \"polywire_plugin.h\"\nint main(void) {{\n{c}return 0;\n}}\n"
    );
    compile(
        folder.path(),
        "layout.c",
        &source,
        &["-std=c11", "-o", "layout"],
    );
    let output = Command::new(folder.path().join("layout")).output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap(), rust);
}

#[test]
fn the_header_needs_no_other_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let source =
        "#include \"polywire_plugin.h\"\nint magic(void) { return PW_MAGIC == 0x4C505750; }\n";
    for standard in ["-std=c99", "-std=c17"] {
        compile(folder.path(), "only.c", source, &[standard, "-c"]);
    }
}
