//! `cargo xtask sanitize`: the tests that cross the C interface of plugins, under address sanitizer.
//!
//! Everything is built with it but the standard library, which is there as it was built: the host, the plugins in Rust, and
//! those in C. The compilers' sanitizers agree: what `cc` writes calls the functions that rustc puts into the program.
//!
//! Only the tests of the boundary run. Left out are the other targets of crate `polywire-plugin`: `conformance` and `service` call
//! plugins that are linked, as `native` does; `deploy` is about releases, and has programs of its own aborted; the rest is about
//! repositories, loads no library, and in part kills what it starts.
//!
//! Thread sanitizer is not used: see [`FLAGS`].

use std::process::Command;

use crate::command::{announce, cargo, run};
use crate::test::watch;
use crate::{Result, tree};

/// Flags of rustc. The sanitizer's functions are in the program alone, and libraries find them there.
///
/// Not `-Zsanitizer=thread`: that takes a standard library that is built with it as well, and so its source and a nightly
/// toolchain. Without it the standard library's own channels, [`Arc`](std::sync::Arc) and joining of threads are reported as
/// races, those of the test harness first of all: to suppress them is to suppress everything that they order.
const FLAGS: [&str; 2] = [
    "-Zsanitizer=address",
    "-Clink-arg=-Wl,--export-dynamic-symbol=__asan_*",
];
/// Tells the tests what they are built with.
const VARIABLE: &str = "POLYWIRE_TEST_SANITIZER";
/// The crates of the boundary. Always all of them, so that each is built once.
const PACKAGES: [&str; 3] = [
    "polywire-plugin-abi",
    "polywire-plugin-export",
    "polywire-plugin",
];
/// How often libraries are swapped; 100 times without a sanitizer.
const SWAPS: &str = "25";

/// The tests after which something is left on purpose, or by others. They run without the search for leaks, since of a library
/// that is gone nothing can say what it left: stacks in it have no names, and no suppression would match.
const LEAVING: [&str; 5] = [
    // What stays in the process keeps what it was given, and its instance.
    "linked::",
    "c::one_that_cannot_be_closed_stays_and_says_why",
    "rust::a_thread_that_does_not_end_keeps_its_library",
    // As above; and rustc forgets what a function returns when what is dropped at its end panics (rust-lang/rust#47949).
    "panics::",
    // A plugin with a session: arc-swap keeps a node of 192 bytes for each thread, in a list that only a static knows.
    OUTBOUND,
];
const OUTBOUND: &str = "outbound::";
/// Of those the ones with a plugin in C.
const OUTBOUND_IN_C: &str = "outbound::c::";
/// A plugin that asks for `std::thread::current()` on threads of the host: the handle of each, 48 bytes, is freed by the thread
/// that it is of, and a library that goes first takes the way to it along.
const HANDLES: [&str; 2] = [
    "rust::threads_of_the_host_end_before_and_after_the_library",
    "before::",
];
/// The same among the swaps.
const HANDLES_OF_SWAPS: [&str; 3] = [
    "one_with_tasks_threads_and_thread_locals_is_swapped_under_callers",
    "threads_that_come_and_go_meet_libraries_that_come_and_go",
    "a_key_that_a_plugin_gave_back_is_not_deleted_a_second_time",
];

/// One run of test programs.
struct Run {
    targets: &'static [&'static str],
    /// Parts of the names of the tests that run; all when empty.
    only: Vec<&'static str>,
    skip: Vec<&'static str>,
    leaks: bool,
}

/// All that runs, in this order.
fn runs() -> [Run; 6] {
    let native: Vec<_> = LEAVING.into_iter().chain(HANDLES).collect();
    let (readers, native_target, swaps) = (
        &[
            "--lib",
            "--test=call",
            "--test=channels",
            "--test=descriptor",
            "--test=fuzz",
            "--test=header",
            "--test=layout",
            "--test=bounds",
            "--test=hostile",
        ],
        &["--test=native"],
        &["--test=swaps"],
    );
    let leaks = |targets, only, skip| Run {
        targets,
        only,
        skip,
        leaks: true,
    };
    let leaving = |targets, only, skip| Run {
        targets,
        only,
        skip,
        leaks: false,
    };
    [
        leaks(readers, vec![], vec![]),
        leaks(native_target, vec![], native.clone()),
        leaks(native_target, vec![OUTBOUND_IN_C], vec![]),
        leaving(native_target, native, vec![OUTBOUND_IN_C]),
        leaks(swaps, vec![], HANDLES_OF_SWAPS.to_vec()),
        leaving(swaps, HANDLES_OF_SWAPS.to_vec(), vec![]),
    ]
}

/// Builds everything into a folder of its own, and runs it.
///
/// # Errors
/// When something is not built, a test fails, the sanitizer reports anything, or nothing ran.
pub(crate) fn task() -> Result<()> {
    let host = host()?;
    let mut plugins = sanitized(&host, "build");
    plugins.arg("--examples");
    run(plugins)?;
    let (mut lines, mut total, mut failed) = (Vec::new(), 0, false);
    for run in runs() {
        let mut command = sanitized(&host, "test");
        let leaks = u8::from(run.leaks);
        command
            .args(run.targets)
            .args(["--no-fail-fast", "--"])
            .args(&run.only)
            .args(run.skip.iter().flat_map(|name| ["--skip", name]))
            .env("ASAN_OPTIONS", format!("detect_leaks={leaks}"));
        let (count, succeeded) = watch(command)?;
        failed |= !succeeded || count.passed == 0;
        total += count.passed;
        lines.push(run.line(count.passed, succeeded));
    }
    for line in lines {
        println!("{line}");
    }
    println!("total: {total} passed under address sanitizer");
    if failed {
        return Err(
            "a test failed, none ran, or the sanitizer reported something: see above".into(),
        );
    }
    Ok(())
}

impl Run {
    fn line(&self, passed: u64, succeeded: bool) -> String {
        let targets = self.targets.join(" ");
        let outcome = if succeeded {
            "nothing reported"
        } else {
            "FAILED"
        };
        let leaks = if self.leaks { "with" } else { "without" };
        format!("{targets}: {passed} passed {leaks} the search for leaks, {outcome}")
    }
}

/// Cargo for the crates of the boundary. With a target, so that what runs at build time is built as ever.
fn sanitized(host: &str, what: &str) -> Command {
    let folder = tree::target().join("sanitize");
    let mut command = cargo([what, "--target", host]);
    command
        .arg("--target-dir")
        .arg(folder)
        .args(PACKAGES.iter().flat_map(|name| ["--package", name]))
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}"))
        // The toolchain has the sanitizer, and keeps its flag for those who say that they know it may change.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("POLYWIRE_TEST_SWAPS", SWAPS)
        .env(VARIABLE, "address");
    command
}

/// The platform of this toolchain, by its name.
fn host() -> Result<String> {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(program);
    command.arg("-vV").current_dir(tree::root());
    let text = announce(&command);
    let output = command
        .output()
        .map_err(|error| format!("cannot run {text}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .ok_or_else(|| format!("{text} does not say its host: found {said:?}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_of_one_run_is_in_another() {
        let runs = runs();
        for name in LEAVING.into_iter().chain(HANDLES).chain(HANDLES_OF_SWAPS) {
            let skipped = runs.iter().filter(|run| run.skip.contains(&name));
            let alone = runs.iter().filter(|run| run.only.contains(&name));
            assert!(skipped.map(|run| run.leaks).eq([true]), "{name}");
            assert!(alone.map(|run| run.leaks).eq([false]), "{name}");
        }
        let in_c = runs.iter().filter(|run| run.only == [OUTBOUND_IN_C]);
        assert!(in_c.map(|run| run.leaks).eq([true]));
    }
}
