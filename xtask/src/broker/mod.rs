//! `cargo xtask broker`: a private broker that runs on, for whoever works with one.

mod docker;
mod supply;

use std::fs;
use std::path::PathBuf;

use clap::Subcommand;
use polywire_test_broker::{Broker, Cluster, Left, Options};

use crate::{Result, tree};
pub(crate) use supply::{Supplied, VARIABLE, for_demo, for_tests};

/// How many nodes a cluster has: the least that goes on without one of them.
const NODES: usize = 3;

/// What to do with it.
#[derive(Clone, Copy, Debug, Subcommand)]
#[non_exhaustive]
pub enum Arguments {
    /// Start one node and say its url
    Up,
    /// Start three nodes that are one broker, and say their urls
    Cluster,
    /// Say what runs
    Status,
    /// Stop it, and remove what it stored
    Down,
}

/// Does it.
///
/// # Errors
/// What failed.
pub(crate) fn task(arguments: Arguments) -> Result<()> {
    match arguments {
        Arguments::Up => up(|options| Ok(Broker::start(options)?.leave())),
        Arguments::Cluster => up(|options| Ok(Cluster::start(NODES, options)?.leave())),
        Arguments::Status => status(),
        Arguments::Down => down(),
    }
}

fn up(start: impl FnOnce(&Options) -> Result<Left>) -> Result<()> {
    if let Some(left) = Left::load(&state())? {
        if left.nodes().iter().all(|(_, answers)| answers.is_ok()) {
            println!("up already; `cargo xtask broker down` ends it");
            say(&left);
            return Ok(());
        }
        left.stop()?;
    }
    supply::programs()?;
    remove(&data())?;
    let left = start(&Options::new().folder(data()))?;
    left.save(&state())?;
    say(&left);
    Ok(())
}

fn say(left: &Left) {
    let urls = left.urls();
    if urls.len() > 1 {
        println!("nodes: {}", urls.join(" "));
    }
    if let Some(url) = urls.first() {
        println!("export {VARIABLE}='{url}'");
    }
}

fn status() -> Result<()> {
    let Some(left) = Left::load(&state())? else {
        println!("down");
        return Ok(());
    };
    for (name, answers) in left.nodes() {
        match answers {
            Ok(()) => println!("{name}: answers"),
            Err(error) => println!("{name}: {error}"),
        }
    }
    println!("data and logs: {}", left.folder().display());
    say(&left);
    Ok(())
}

fn down() -> Result<()> {
    if let Some(left) = Left::load(&state())? {
        left.stop()?;
    }
    remove(&data())?;
    remove(&state())
}

/// Where it keeps what it stores.
fn data() -> PathBuf {
    tree::target().join("polywire").join("broker")
}

/// What says that it runs.
fn state() -> PathBuf {
    tree::target().join("polywire").join("broker.json")
}

fn remove(path: &PathBuf) -> Result<()> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", path.display()).into())
        }
        _ => Ok(()),
    }
}
