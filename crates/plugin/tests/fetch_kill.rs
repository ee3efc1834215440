//! A consumer that is killed between any two system calls of taking a release: its next start is right.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use polywire_plugin::Observer;
use polywire_plugin::fetch::Reader;
use polywire_plugin::format::Ack;
use polywire_plugin::trust::SigningKey;
use support::kill::{order, run, tests};
use support::{World, names, reading};

/// Everything that a consumer does before it loads. Answers the bytes that it would load.
fn take(folder: &Path, observer: Option<Arc<Observer>>) -> Vec<u8> {
    let key = SigningKey::open(&fs::read_to_string(folder.join("key")).unwrap(), None).unwrap();
    let reader = Reader::new(reading(folder, key.trusted().unwrap(), observer));
    let plugin = "orders".parse().unwrap();
    let index = reader.index(&plugin).unwrap();
    let manifest = reader
        .manifest(&index, reader.named(&index, 1).unwrap())
        .unwrap();
    let library = reader.cached(&manifest).unwrap();
    let mut ack = Ack::new(index.repository.clone(), plugin, "host".parse().unwrap());
    ack.seq_seen = index.seq;
    reader.fetcher().acknowledge(&ack).unwrap();
    fs::read(library).unwrap()
}

fn a_consumer_that_is_killed_anywhere_starts_right() {
    // Two chunks, so that it is also killed within a library.
    let (old, new) = (vec![1; 10], vec![2; 257 << 10]);
    for stop in 1..200 {
        let world = World::new();
        world.deploy(&world.publish("1.4.0", &old, &["1.4.0"]));
        assert_eq!(take(world.folder.path(), None), old);
        let stale = fs::read(world.root().join("index/orders.json")).unwrap();
        world.deploy(&world.publish("1.5.0", &new, &["1.5.0"]));

        let ended = run("take", world.folder.path(), stop);
        for name in names(&world.cache()) {
            let whole = fs::read(world.cache().join(&name)).unwrap();
            assert!(
                name.starts_with('.') || whole == old || whole == new,
                "{name} is not whole"
            );
        }
        assert_eq!(
            take(world.folder.path(), None),
            new,
            "after a kill before call {stop}"
        );
        assert_eq!(
            names(&world.cache()).len(),
            2,
            "what was half copied is swept"
        );
        let left = names(&world.folder.path().join("seen"));
        assert!(
            left.iter()
                .all(|name| name == "orders.seen.json" || name == "orders.seen.lock"),
            "{left:?}"
        );
        assert_eq!(names(&world.root().join("acks/orders")), ["host.json"]);
        fs::write(world.root().join("index/orders.json"), stale).unwrap();
        let refusal = world.reader().index(&world.plugin).unwrap_err();
        assert_eq!(refusal.code(), "rewound", "{refusal}");
        if ended {
            assert!(stop > 20, "it made {stop} calls only");
            return;
        }
    }
    panic!("it never came to an end");
}

fn main() {
    if let Some((_, folder, observer)) = order() {
        take(&folder, Some(observer));
        return;
    }
    tests([(
        "a_consumer_that_is_killed_anywhere_starts_right",
        a_consumer_that_is_killed_anywhere_starts_right as fn(),
    )]);
}
