//! A child process that is killed before one of its system calls.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Trial};
use polywire_plugin::{Observer, Step};

/// What this process is to do, where, and when it is killed, if it is such a child.
pub fn order() -> Option<(String, PathBuf, Arc<Observer>)> {
    let operation = std::env::var("POLYWIRE_KILL_DO").ok()?;
    let value = |name| std::env::var(name).unwrap();
    let stop: usize = value("POLYWIRE_KILL_AT").parse().unwrap();
    let count = AtomicUsize::new(0);
    let observer = move |_: &Step<'_>| {
        if count.fetch_add(1, Ordering::SeqCst) + 1 == stop {
            std::process::abort();
        }
        Ok(())
    };
    Some((
        operation,
        value("POLYWIRE_KILL_IN").into(),
        Arc::new(observer),
    ))
}

/// Runs the tests of a program without a harness.
pub fn tests(tests: impl IntoIterator<Item = (&'static str, fn())>) {
    let trial = |(name, test): (&str, fn())| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    let trials = tests.into_iter().map(trial).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// Runs this program as a child, which aborts before its call number `stop`. Answers whether it came to its end.
pub fn run(operation: &str, folder: &Path, stop: usize) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .env("POLYWIRE_KILL_DO", operation)
        .env("POLYWIRE_KILL_IN", folder)
        .env("POLYWIRE_KILL_AT", stop.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(
        status.success() || status.code().is_none(),
        "it failed by itself: {status}"
    );
    status.success()
}
