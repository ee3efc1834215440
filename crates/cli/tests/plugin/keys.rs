//! Keys: made, kept private, encrypted, and taken over by others.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::world::{Ran, World};

/// A key whose password is `correct horse`, made by another implementation, with little work to open it.
const ENCRYPTED: &str = "untrusted comment: encrypted\nRWRTY0IyICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8AgAAAAAAAAAAAAAEAAAAAB1QhmaiR7U0lrnwS4yazGP8WbTSvwLprS312Q8n1gYPKKGBwIOrGfHV0p9Sb6MauX2oP/yAdjAO2YUPQafRPvUphydMwbpqJaHyM28wZ9zNX6E6cV8vxF/LGPy2Xs0kRC0BVbnGSVdI=\n";

const PASSPHRASE: &str = "POLYWIRE_PLUGIN_PASSPHRASE";

fn with_passphrase(world: &World, passphrase: &str, arguments: &str) -> Ran {
    let mut command = world.command(arguments);
    command.env(PASSPHRASE, passphrase);
    Ran::of(command)
}

fn private(world: &World, name: &str, text: &str) {
    let path = world.path().join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_key_is_private_and_never_overwritten() {
    let world = World::new();
    let path = world.path().join("publisher.key");
    let before = fs::read(&path).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    assert!(
        world.public.starts_with("RW") && world.public.len() == 56,
        "{}",
        world.public
    );
    assert_eq!(
        world.refused("keygen --key publisher.key"),
        "key file \"publisher.key\" is there already: a key is never overwritten, name another file"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
    let error = world.refused("keygen --key nowhere/publisher.key");
    assert!(
        error.starts_with("key file \"nowhere/publisher.key\" cannot be made: "),
        "{error}"
    );

    let told = world.json("keygen --key other.key");
    assert_eq!(
        (&told["key"], &told["encrypted"]),
        (&json!("other.key"), &json!(false))
    );
    assert_eq!(told["id"].as_str().unwrap().len(), 16);
    let secret = fs::read_to_string(world.path().join("other.key")).unwrap();
    let secret = secret.lines().nth(1).unwrap();
    assert!(!told.to_string().contains(secret));
}

#[test]
fn a_key_that_others_may_read_is_not_used() {
    let world = World::new();
    let path = world.path().join("publisher.key");
    for mode in [0o640, 0o604, 0o620] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert_eq!(
            world.refused("gc --key publisher.key"),
            format!(
                "key file \"publisher.key\" has mode {mode:04o}, with which others may use it: make it 0600"
            )
        );
    }
}

#[test]
fn an_encrypted_key_signs_with_its_password_alone() {
    let world = World::new();
    world.compile("liborders", &[]);
    private(&world, "encrypted.key", ENCRYPTED);
    let publish = "publish liborders.so --create --key encrypted.key";
    assert_eq!(
        world.refused(publish),
        "key file \"encrypted.key\": the secret key cannot be used: it is damaged, or encrypted: then give its password \
         (POLYWIRE_PLUGIN_PASSPHRASE is not set)"
    );
    let wrong = with_passphrase(&world, "hunter2", publish);
    assert_eq!((wrong.code, wrong.out.as_str()), (Some(1), ""));
    assert_eq!(
        wrong.err,
        "key file \"encrypted.key\": the secret key cannot be used: it is not a secret key that this password opens \
         (the password is that of POLYWIRE_PLUGIN_PASSPHRASE)\n"
    );
    let empty = with_passphrase(&world, "", publish);
    assert!(
        empty
            .err
            .starts_with("POLYWIRE_PLUGIN_PASSPHRASE is empty: "),
        "{empty:?}"
    );
    let right = with_passphrase(&world, "correct horse", publish);
    assert_eq!((right.code, right.err.as_str()), (Some(0), ""));
}

#[test]
fn a_password_encrypts_a_new_key() {
    let world = World::new();
    let made = with_passphrase(
        &world,
        "correct horse",
        "keygen --key encrypted.key --format json",
    );
    assert_eq!((made.code, made.err.as_str()), (Some(0), ""));
    let told: serde_json::Value = serde_json::from_str(&made.out).unwrap();
    assert_eq!(told["encrypted"], true);
    let error = world.refused("publish x.so --create --key encrypted.key");
    assert!(
        error.contains("encrypted: then give its password"),
        "{error}"
    );
}

#[test]
fn a_key_takes_over_from_another() {
    let (world, _) = World::deployed("1.4.0");
    let told = world.json("keygen --key next.key");
    let next = told["public"].as_str().unwrap();
    let error = world.refused("deploy 1.4.0 --key next.key");
    assert!(
        error.contains("it was signed by key ")
            && error.ends_with(": where that key is a publisher's, add its public key by --trust"),
        "{error}"
    );
    let error = world.refused(&format!(
        "deploy 1.4.0 --key next.key --trust {}",
        world.public
    ));
    assert!(
        error.ends_with("is not among the trusted keys: add it by --trust"),
        "{error}"
    );
    let both = format!("--trust {next} --trust {}", world.public);
    let told = world.json(&format!("deploy 1.4.0 --key next.key {both}"));
    assert_eq!(told["seq"], 2);
    let status = world.json(&format!("status {both}"));
    let id = &world.json("keygen --key another.key")["id"];
    assert_ne!(&status["plugins"][0]["signed_by"], id);
    let error = world.refused(&format!("status --trust {}", world.public));
    assert!(
        error.starts_with("the signature of the index is refused: "),
        "{error}"
    );
}
