//! Calls that run on after the deployment window of their release, in a process that may not let them.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use polywire_core::{ErrorKind, Kind};
use polywire_plugin::PluginConfig;
use polywire_plugin::host::Overrun;

use crate::consumer::{Consumer, config, message};
use crate::world::{Build, World};

/// Set in the process that is to abort.
const CHILD: &str = "POLYWIRE_OVERRUN_CHILD";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_overruns_ends_the_process_where_that_is_said() {
    if std::env::var_os(CHILD).is_some() {
        return overrun().await;
    }
    // It leaves its files behind.
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args([
            "overrun::a_call_that_overruns_ends_the_process_where_that_is_said",
            "--exact",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || child.output().unwrap())
        .await
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    const SIGABRT: i32 = 6;
    assert_eq!(output.status.signal(), Some(SIGABRT), "{stderr}");
    let expected = "may not be called any more, and 1 of its calls still run: overrun = \"abort\" ends this process";
    assert!(stderr.contains(expected), "{stderr}");
    assert!(folder.path().join("lived").exists(), "{stderr}");
}

const WINDOW: Duration = Duration::from_secs(1);

async fn overrun() {
    let world = World::new();
    let release = world.publish(&Build::new("1.2.0", "1.2.0").with("CONCURRENT"));
    world.deploy(&release);
    let consumer = Consumer::with(PluginConfig {
        window: WINDOW,
        overrun: Overrun::Abort,
        ..config(&world, "host")
    });
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    // A window that passes while nothing runs ends nothing.
    world.rename("repository", "away");
    tokio::time::sleep(2 * WINDOW).await;
    let error = consumer.greet("^1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    world.rename("away", "repository");
    consumer.until_greeted("^1", "1.2.0", "1.2.0").await;
    std::fs::write(std::env::temp_dir().join("lived"), "").unwrap();
    let waits = message(Kind::Operation, "^1", "wait", b"");
    let _under_way = consumer.under_way(&world, waits).await;
    world.rename("repository", "away");
    // Nobody waits longer than this test does for anything.
    tokio::time::sleep(crate::consumer::PATIENCE).await;
}
