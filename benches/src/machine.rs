//! What the figures were measured on.

use std::fs;
use std::process::Command;

/// The facts without which a figure means little, one per line of a list.
#[must_use]
pub fn facts() -> Vec<(&'static str, String)> {
    let unknown = || "unknown".to_owned();
    let processors =
        std::thread::available_parallelism().map_or_else(|_| unknown(), |n| n.to_string());
    let model = fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        })
        .unwrap_or_else(unknown);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_or_else(|_| unknown(), |text| text.trim().to_owned());
    let rustc = Command::new("rustc")
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(unknown, |text| text.trim().to_owned());
    vec![
        ("processors", format!("{processors} x {model}")),
        ("kernel", format!("{} {kernel}", std::env::consts::OS)),
        ("compiler", rustc),
    ]
}
