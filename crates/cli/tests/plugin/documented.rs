//! Every command of docs/operate/plugin.md, in the order in which it stands there.

use std::path::Path;
use std::process::Command;

use crate::consumer::Consumer;
use crate::world::{Ran, Running, World};

const PAGE: &str = include_str!("../../../../docs/operate/plugin.md");
/// The folder of the page.
const REPOSITORY: &str = "/srv/plugins";

/// The lines of each block of commands.
fn blocks() -> Vec<Vec<&'static str>> {
    let mut blocks = vec![Vec::new()];
    for line in PAGE.lines() {
        match line.strip_prefix("    ") {
            Some(command) if command.starts_with("polywire ") => {
                blocks.last_mut().unwrap().push(command);
            }
            _ if blocks.last().unwrap().is_empty() => {}
            _ => blocks.push(Vec::new()),
        }
    }
    blocks.retain(|block| !block.is_empty());
    blocks
}

/// A command of the page, in a shell.
fn shell(world: &World, line: &str) -> Command {
    let repository = world.repository();
    let program = Path::new(env!("CARGO_BIN_EXE_polywire")).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", program.display());
    let mut command = Command::new("sh");
    command
        .args(["-ec", &format!("exec {line}")])
        .current_dir(world.path())
        .env_clear()
        .env("PATH", path)
        .env("POLYWIRE_PLUGIN_REPOSITORY", repository);
    command
}

fn run(world: &World, block: &[&str]) {
    for line in block {
        let ran = Ran::of(shell(world, line));
        assert_eq!(ran.code, Some(0), "{line}: {ran:?}");
    }
}

#[test]
fn what_is_written_works() {
    let setting = format!("POLYWIRE_PLUGIN_REPOSITORY={REPOSITORY}");
    assert!(
        PAGE.contains(&setting),
        "the page says where the repository is"
    );
    let blocks = blocks();
    let [first, packed, waited, undone, looked, beacons, keys] = blocks.as_slice() else {
        panic!("{} blocks of commands: {blocks:?}", blocks.len());
    };
    let mut world = World::empty();
    world.compile("liborders", &["RELEASE=\"1.4.0\""]);
    run(&world, first);
    let public = std::fs::read_to_string(world.path().join("publisher.pub")).unwrap();
    public.trim().clone_into(&mut world.public);

    world.compile("liborders", &["RELEASE=\"1.5.0\""]);
    let library = world.path().join("liborders.so");
    std::fs::create_dir(world.path().join("arm")).unwrap();
    std::fs::copy(library, world.path().join("arm/liborders.so")).unwrap();
    run(&world, packed);

    let consumer = Consumer::start(&world, "storefront-1", None);
    run(&world, waited);
    run(&world, undone);
    consumer.leave();
    run(&world, looked);
    let [line] = beacons.as_slice() else {
        panic!("one that goes on: {beacons:?}");
    };
    assert!(
        Running::start(shell(&world, line))
            .out()
            .starts_with("orders seq ")
    );
    run(&world, keys);
}
