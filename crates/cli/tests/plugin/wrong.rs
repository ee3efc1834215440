//! What is wrong is told by its name, with what would be right.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::world::{Ran, World, short};

/// What whoever calls the command wrongly is told.
fn misused(world: &World, arguments: &str) -> String {
    let ran = world.run(arguments);
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (Some(2), ""),
        "{arguments}: {ran:?}"
    );
    ran.err
}

#[test]
fn wrong_use_is_told_apart() {
    let world = World::new();
    for (arguments, told) in [
        ("", "Usage: polywire plugin <COMMAND>"),
        ("deplyo 1.4.0", "'deploy'"),
        ("keygen", "--key <FILE>"),
        ("pack --to x", "<LIBRARY|--library <PLATFORM=FILE>>"),
        ("pack x.so", "--to <FOLDER>"),
        (
            "publish --key k",
            "<LIBRARY|--library <PLATFORM=FILE>|--packed <FOLDER>>",
        ),
        ("publish x.so --packed y --key k", "cannot be used with"),
        (
            "publish --library x.so --key k",
            "expected a platform, '=' and a file, such as aarch64-linux-gnu=liborders.so",
        ),
        (
            "publish --library A=x.so --key k",
            "platform \"A\" is not valid: write 1 to 64 of a-z",
        ),
        ("deploy 1.4.0", "--key <FILE>"),
        ("deploy 1.4.0 --window 5s --key k", "--wait"),
        (
            "deploy 1.4.0 --wait --window 5 --key k",
            "expected a duration such as 90s, 15m, 6h or 2d",
        ),
        (
            "deploy 1.4.0 --plugin Orders --key k",
            "plugin name \"Orders\" is not valid: write 1 to 64 of a-z",
        ),
        ("beacon --every 0s --key k", "expected at least 1s"),
        ("status", "--trust <PUBLIC KEY>"),
        ("verify --trust", "--trust <PUBLIC KEY>"),
        (
            "status --trust x --repository https://plugins.example.com/repo",
            "an address is for consumers: name the folder that its server serves, such as /srv/plugins",
        ),
        (
            "publish x.so --key k --repository http://127.0.0.1/repo",
            "an address is for consumers",
        ),
    ] {
        let error = misused(&world, arguments);
        assert!(error.contains(told), "{arguments}: {error}");
    }
    let mut homeless = world.command("status --trust x");
    homeless.env_remove("POLYWIRE_PLUGIN_REPOSITORY");
    let ran = Ran::of(homeless);
    assert!(
        ran.code == Some(2) && ran.err.contains("--repository <FOLDER>"),
        "{ran:?}"
    );
}

#[test]
fn each_command_says_what_it_does() {
    let world = World::new();
    let help = world.run("--help").out;
    for command in [
        "keygen", "pack", "publish", "deploy", "rollback", "revoke", "status", "gc", "verify",
        "beacon",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        let ran = world.run(&format!("{command} --help"));
        let usage = format!("Usage: polywire plugin {command} ");
        assert!(ran.code == Some(0) && ran.out.contains(&usage), "{ran:?}");
        assert!(ran.out.contains("--format <FORMAT>"), "{}", ran.out);
    }
    assert!(
        world
            .run("pack --help")
            .out
            .contains("runs its constructors")
    );
    assert!(
        world
            .run("keygen --help")
            .out
            .contains("POLYWIRE_PLUGIN_PASSPHRASE")
    );
}

#[test]
fn what_is_no_key_is_told() {
    let (world, _) = World::deployed("1.4.0");
    assert_eq!(
        world.refused("gc --key nowhere.key"),
        "key file \"nowhere.key\" is not there: name one by --key, or make it with \"polywire plugin keygen\""
    );
    assert_eq!(
        world.refused("gc --key ."),
        "key file \".\" is no file: name one by --key"
    );
    for (text, told) in [
        ("not a key".to_owned(), "the secret key cannot be used: "),
        ("x".repeat(5000), " has more than 4096 bytes: "),
    ] {
        let path = world.path().join("bad.key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
        let error = world.refused("gc --key bad.key");
        assert!(
            error.starts_with("key file \"bad.key\"") && error.contains(told),
            "{error}"
        );
    }
    assert_eq!(
        world.refused(&format!("status --trust {} --trust RWxx", world.public)),
        "--trust: public key 2 is not valid: write the second line of a minisign public key file, 56 characters that begin with RW"
    );
}

#[test]
fn what_is_not_in_the_repository_is_told_with_what_is() {
    let (world, release) = World::deployed("1.4.0");
    for text in ["9.9.9", "1.4.0+0000", "1", "latest"] {
        assert_eq!(
            world.refused(&format!("deploy {text} --key publisher.key")),
            format!(
                "plugin orders has no release {text:?}: it has {}",
                short(&release)
            )
        );
    }
    let plugin = "the repository has no plugin \"ordres\": it has orders";
    assert_eq!(
        world.refused("gc --plugin ordres --key publisher.key"),
        plugin
    );
    let looked = format!("status --plugin ordres --trust {}", world.public);
    assert_eq!(world.refused(&looked), plugin);

    world.compile("other", &["NAME=\"billing\""]);
    world.write("publish other.so");
    assert_eq!(
        world.refused("deploy 1.4.0 --key publisher.key"),
        "the repository has several plugins, billing, orders: add --plugin"
    );
    let told = world.write("deploy 1.4.0 --plugin billing");
    assert_eq!(told["plugin"], "billing");
    assert_eq!(world.look("status")["plugins"].as_array().unwrap().len(), 2);
    assert_eq!(
        world.look("status --plugin orders")["plugins"][0]["plugin"],
        "orders"
    );

    world.compile("changed", &["TWO_MAJORS"]);
    let error = world.refused("publish changed.so --key publisher.key");
    assert!(
        error.ends_with("with other content: a release never changes, publish a new version"),
        "{error}"
    );
}

#[test]
fn a_version_that_is_there_twice_is_not_chosen_from() {
    let (world, release) = World::deployed("1.4.0");
    let forged = release
        .to_string()
        .replace(&release.to_string()[6..10], "0000");
    let folder = world.release(&release);
    fs::create_dir(folder.with_file_name(&forged)).unwrap();
    let mut both = [release.to_string(), forged];
    both.sort();
    assert_eq!(
        world.refused("revoke 1.4.0 --key publisher.key"),
        format!(
            "release \"1.4.0\" of plugin orders is not unique, which no publisher does: it is {}",
            both.join(", ")
        )
    );
    let told = world.write(&format!("deploy {release}"));
    assert_eq!(told["majors"]["1"], release.to_string());
}

#[test]
fn what_is_no_repository_is_told() {
    let world = World::new();
    let advice =
        "name a repository by --repository, or make one with \"polywire plugin publish --create\"";
    assert_eq!(
        world.refused("gc --key publisher.key"),
        format!("\"repository\" is not there: {advice}")
    );
    fs::create_dir(world.repository()).unwrap();
    assert_eq!(
        world.refused(&format!("status --trust {}", world.public)),
        format!("\"repository\" is no repository, as it has no repo.toml: {advice}")
    );
    fs::write(world.repository().join("letters"), b"x").unwrap();
    assert_eq!(
        world.refused("publish x.so --create --key publisher.key"),
        "\"repository\" is no repository, and there is \"letters\" in it: name a folder that is new or empty"
    );
    world.compile("liborders", &[]);
    let made = "--repository elsewhere --key publisher.key";
    let ran = world.run(&format!("publish liborders.so --create {made}"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(
        world.refused("deploy 1.4.0 --repository elsewhere/repo.toml --key publisher.key"),
        "\"elsewhere/repo.toml\" cannot be reached: Not a directory (os error 20)"
    );
    fs::remove_dir_all(world.path().join("elsewhere/releases/orders")).unwrap();
    assert_eq!(
        world.refused(&format!("deploy 1.4.0 {made}")),
        "the repository has no plugin yet: publish a release first"
    );
}

/// Somebody who may read the repository, and not write it.
fn as_reader(world: &World, command: &mut Command) {
    const NOBODY: u32 = 65_534;
    let root = fs::metadata(world.path()).unwrap().uid() == 0;
    if !root {
        let lock = world.repository().join(".lock");
        fs::set_permissions(lock, Permissions::from_mode(0o444)).unwrap();
        return;
    }
    // Root may do everything: another user takes its place.
    fs::set_permissions(world.path(), Permissions::from_mode(0o755)).unwrap();
    chown(
        world.path().join("publisher.key"),
        Some(NOBODY),
        Some(NOBODY),
    )
    .unwrap();
    command.uid(NOBODY).gid(NOBODY);
}

#[test]
fn who_may_not_write_is_told() {
    let (world, _) = World::deployed("1.4.0");
    // Where everybody may run it.
    let program = world.path().join("polywire");
    // Copied by another process: while one of ours has it open for writing, nobody can run it.
    let copied = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_polywire"))
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    let command = |arguments: &str| {
        let mut command = Command::new(&program);
        command
            .arg("plugin")
            .args(arguments.split(' '))
            .args(["--repository", "repository"])
            .current_dir(world.path())
            .env_clear();
        as_reader(&world, &mut command);
        Ran::of(command)
    };
    let ran = command("deploy 1.4.0 --key publisher.key");
    let error = "open \"repository/.lock\": Permission denied (os error 13): run it as a user who may write there\n";
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), error));
    let ran = command(&format!("verify --trust {}", world.public));
    assert_eq!(ran.code, Some(0), "{ran:?}");
}
