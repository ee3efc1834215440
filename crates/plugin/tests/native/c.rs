//! A plugin in plain C.

use std::thread;

use polywire_core::{ErrorKind, Outcome};
use polywire_plugin::native::{Cancel, Fate, Limits, Reason, Request};

use crate::libraries::{World, call, compiled, request};

#[test]
fn it_answers_and_is_gone_afterwards() {
    let world = World::new();
    let library = compiled(world.folder(), "greeter", &[]);
    let generation = world.load(&library, "").unwrap();
    let descriptor = generation.descriptor();
    assert_eq!(descriptor.release.to_string(), "0.3.1");
    assert_eq!(descriptor.contracts[0].version.to_string(), "1.2.0");
    let (outcome, body) = call(&generation, "greet", "you").unwrap();
    assert_eq!((outcome, &body[..]), (Outcome::Done, &b"\"hello you\""[..]));
    let (id, path) = (generation.id(), generation.path().to_path_buf());
    drop(generation);
    let ended = world.ended();
    assert_eq!(
        (ended.id, ended.path, ended.fate),
        (id, path, Fate::Unmapped)
    );
    assert_eq!(ended.name, "greeter");
    assert_eq!(world.lines(), ["greeter Info: made"]);
}

#[test]
fn a_call_that_waits_hears_that_it_was_given_up() {
    let world = World::new();
    let library = compiled(world.folder(), "greeter", &[]);
    let generation = world.load(&library, "").unwrap();
    let cancel = Cancel::new();
    let error = thread::scope(|scope| {
        let caller = scope.spawn(|| {
            generation.call(&Request {
                cancel: Some(&cancel),
                ..request(&generation, "wait", "")
            })
        });
        world.until("waiting");
        cancel.cancel();
        caller.join().unwrap().unwrap_err()
    });
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert_eq!(
        error.to_string(),
        "greeter.wait 1.2.0 of plugin greeter 0.3.1 was given up"
    );
}

#[test]
fn an_answer_is_bounded() {
    let world = World::within(Limits {
        max_answer: 100_000,
        ..Limits::default()
    });
    let library = compiled(world.folder(), "greeter", &[]);
    let generation = world.load(&library, "").unwrap();
    let error = call(&generation, "flood", "0123456789").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    assert_eq!(
        error.to_string(),
        "greeter.flood 1.2.0 of plugin greeter 0.3.1 answered with more than 100000 bytes"
    );
    // A code that no version of the interface has.
    let error = call(&generation, "nonsense", "").unwrap_err();
    assert!(
        error.to_string().contains("answered with code 1234"),
        "{error}"
    );
    let error = generation
        .call(&Request {
            method: 7,
            ..Request::default()
        })
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin greeter 0.3.1 has no contract 0 with a method 7"
    );
}

#[test]
fn one_that_is_not_concurrent_takes_one_call_at_a_time() {
    let world = World::new();
    let library = compiled(world.folder(), "greeter", &[]);
    let generation = world.load(&library, "").unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            // The plugin counts without a lock, so that calls at once would lose some.
            scope.spawn(|| {
                for _ in 0..1000 {
                    call(&generation, "greet", "").unwrap();
                }
            });
        }
    });
    let error = call(&generation, "count", "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
}

#[test]
fn one_that_never_stops_keeps_no_other_from_ending() {
    let world = World::new();
    let hangs = compiled(world.folder(), "hangs", &["HANGS"]);
    drop(world.load(&hangs, "").unwrap());
    let library = compiled(world.folder(), "greeter", &[]);
    let generation = world.load(&library, "").unwrap();
    let id = generation.id();
    drop(generation);
    let ended = world.ended();
    assert_eq!((ended.id, ended.fate), (id, Fate::Unmapped));
}

#[test]
fn one_that_cannot_be_closed_stays_and_says_why() {
    for (define, reason, text) in [
        (
            "STAYS",
            Reason::NotUnloadable,
            "retired: the plugin does not say that it can be unloaded",
        ),
        (
            "RESTLESS",
            Reason::NotQuiesced,
            "retired: the plugin did not stop within its time",
        ),
        (
            "CLINGING",
            Reason::NotFinished,
            "retired: the plugin could not let go of what it holds",
        ),
    ] {
        let world = World::new();
        let library = compiled(world.folder(), define, &[define]);
        let generation = world.load(&library, "").unwrap();
        let path = generation.path().to_path_buf();
        drop(generation);
        let ended = world.ended();
        assert_eq!(ended.fate, Fate::Retired(reason));
        assert_eq!(ended.fate.to_string(), text);
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        assert!(maps.contains(path.to_str().unwrap()), "{define}");
        // What stays is not loaded a second time.
        let again = world
            .loader
            .load(&path, b"", &crate::libraries::anything)
            .unwrap_err();
        assert!(again.to_string().contains("is loaded already"), "{again}");
    }
}
