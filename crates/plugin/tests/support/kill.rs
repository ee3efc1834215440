//! A child process that is killed before one of its system calls.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use polywire_plugin::{Observer, Step};

/// What a child is to do, where, and when it is killed.
pub fn order() -> (String, PathBuf, Arc<Observer>) {
    let value = |name| std::env::var(name).unwrap();
    let stop: usize = value("POLYWIRE_KILL_AT").parse().unwrap();
    let count = AtomicUsize::new(0);
    let observer = move |_: &Step<'_>| {
        if count.fetch_add(1, Ordering::SeqCst) + 1 == stop {
            std::process::abort();
        }
        Ok(())
    };
    (
        value("POLYWIRE_KILL_DO"),
        value("POLYWIRE_KILL_IN").into(),
        Arc::new(observer),
    )
}

/// Runs the test named `child` of this program, which aborts before its call number `stop`. Answers whether it came to its end.
pub fn run(operation: &str, folder: &Path, stop: usize) -> bool {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--ignored"])
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
