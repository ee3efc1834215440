//! A provider as everybody writes one, as a plugin.

use std::thread;
use std::time::{Duration, Instant};

use polywire_contract::Name;
use polywire_core::{ErrorKind, Head, Kind, Outcome, fields};
use polywire_plugin::native::{Cancel, Fate, Reason, Request};
use polywire_plugin_abi::write_header;

use crate::libraries::{World, call, fixture, request};

#[test]
fn it_answers_with_replies_and_with_its_typed_errors() {
    let world = World::new();
    let generation = world.load(&fixture("plain"), "300").unwrap();
    let contract = &generation.descriptor().contracts[0];
    assert_eq!(
        (contract.name.as_str(), contract.methods.len()),
        ("orders", 6)
    );
    assert!(contract.fingerprint.is_some());
    let flags = generation.descriptor().flags;
    assert!(flags.is_concurrent() && flags.can_unload() && !flags.is_short());
    let (outcome, body) = call(&generation, "quote", r#"{"pens":3}"#).unwrap();
    assert_eq!(
        (outcome, &body[..]),
        (Outcome::Done, &br#"{"cents":900}"#[..])
    );
    let (outcome, body) = call(&generation, "quote", r#"{"pens":100}"#).unwrap();
    let Outcome::Failed { code, retryable } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!((code.as_str(), retryable), ("sold_out", false));
    assert!(body.starts_with(b"{"), "{body:?}");
    let error = call(&generation, "quote", "{}").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidPayload);
    // Which asks whether the caller may subscribe, and does nothing else.
    let (outcome, body) = call(&generation, "shipped", "{}").unwrap();
    assert_eq!((outcome, &body[..]), (Outcome::Done, &b""[..]));
    assert!(world.heard.events.lock().unwrap().is_empty());
    drop(generation);
    assert_eq!(world.ended().fate, Fate::Unmapped);
}

#[test]
fn deadlines_and_cancellations_stop_a_handler() {
    let world = World::new();
    let generation = world.load(&fixture("plain"), "").unwrap();
    let waits = request(&generation, "wait", r#"{"milliseconds":3600000}"#);
    let begin = Instant::now();
    let error = generation
        .call(&Request {
            timeout: Some(Duration::from_millis(20)),
            ..waits
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
    assert!(begin.elapsed() >= Duration::from_millis(20));
    world.heard.lines.lock().unwrap().clear();
    let cancel = Cancel::new();
    let error = thread::scope(|scope| {
        let caller = scope.spawn(|| {
            generation.call(&Request {
                cancel: Some(&cancel),
                ..waits
            })
        });
        world.until("waiting");
        cancel.cancel();
        caller.join().unwrap().unwrap_err()
    });
    assert_eq!(error.message(), "the host gave the call up");
    let waits = request(&generation, "wait", r#"{"milliseconds":15}"#);
    assert_eq!(&generation.call(&waits).unwrap().1[..], br#"{"cents":250}"#);
    // No time at all is not the same as no limit.
    let error = generation
        .call(&Request {
            timeout: Some(Duration::ZERO),
            ..waits
        })
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
}

#[test]
fn headers_reach_the_service() {
    let world = World::new();
    let generation = world.load(&fixture("plain"), "").unwrap();
    let mut headers = Vec::new();
    write_header(&mut headers, "contract-attempt", "0").unwrap();
    let error = generation
        .call(&Request {
            headers: &headers,
            ..request(&generation, "quote", r#"{"pens":1}"#)
        })
        .unwrap_err();
    assert_eq!(
        error.message(),
        "header contract-attempt is \"0\": expected a number from 1 on"
    );
    let error = generation
        .call(&Request {
            headers: b"\x01",
            ..request(&generation, "quote", r#"{"pens":1}"#)
        })
        .unwrap_err();
    assert_eq!(
        error.message(),
        "call.headers is wrong: header 0 ends at byte 6, and there are 1"
    );
}

#[test]
fn commands_run_and_events_come_out() {
    let world = World::new();
    let generation = world.load(&fixture("plain"), "").unwrap();
    let (outcome, _) = call(&generation, "tell", r#"{"pens":7}"#).unwrap();
    assert_eq!(outcome, Outcome::Done);
    let events = world.heard.events.lock().unwrap().clone();
    assert_eq!(events, [r#"orders 1.4.0 shipped {"pens":7}"#]);
    assert_eq!(*world.heard.fields.lock().unwrap(), [[]]);
}

#[test]
fn a_generated_publisher_sends_everything_about_an_event() {
    let world = World::new();
    let generation = world.load(&fixture("plain"), "").unwrap();
    let (outcome, _) = call(&generation, "ship", r#"{"pens":7}"#).unwrap();
    assert_eq!(outcome, Outcome::Done);
    let events = world.heard.events.lock().unwrap().clone();
    assert_eq!(events, [r#"orders 1.4.0 shipped {"pens":7}"#]);
    let sent = world.heard.fields.lock().unwrap().concat();
    let sent = sent
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let (orders, shipped) = (Name::from_static("orders"), Name::from_static("shipped"));
    let mut head = Head::new(Kind::Event, orders, shipped);
    fields::read(sent, &mut head).unwrap();
    assert_eq!(head.ordering_key.as_deref(), Some("customer 7"));
    assert_eq!(head.metadata.get("tenant"), Some("blå"));
    // The receipt has the id that the host has.
    let line = format!("polywire-plugin Info: shipped as {}", head.id);
    assert_eq!(world.lines(), [line]);
    drop(generation);
    assert_eq!(world.ended().fate, Fate::Unmapped);
}

#[test]
fn a_publisher_is_told_why_the_host_refused_its_event() {
    let world = World::new();
    let generation = world.load(&fixture("plain"), "").unwrap();
    let (outcome, _) = call(&generation, "ship", r#"{"pens":13}"#).unwrap();
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    let line = "polywire-plugin Warn: publish orders.shipped: 13 is one too many";
    assert_eq!(world.lines(), [line]);
}

#[test]
fn it_calls_out_through_its_host() {
    let world = World::new();
    let generation = world.load(&fixture("plain"), "").unwrap();
    let length = "warehouse: stock.left".len();
    let (_, body) = call(&generation, "stock", r#"{"pens":1}"#).unwrap();
    assert_eq!(body, format!(r#"{{"cents":{length}}}"#));
    // The host panics, and the plugin is told no more than that.
    let (outcome, _) = call(&generation, "stock", r#"{"pens":2}"#).unwrap();
    assert!(matches!(outcome, Outcome::Failed { .. }));
    call(&generation, "stock", r#"{"pens":3}"#).unwrap();
    let lines = world.lines();
    assert_eq!(
        lines,
        [
            "polywire-plugin Warn: the host answered Panicked",
            "polywire-plugin Warn: no channel warehouse: stock.left",
        ]
    );
}

#[test]
fn a_thread_that_does_not_end_keeps_its_library() {
    let world = World::within(polywire_plugin::native::Limits {
        quiesce: Duration::from_secs(3),
        ..Default::default()
    });
    let generation = world.load(&fixture("busy"), "stubborn").unwrap();
    call(&generation, "work", r#"{"number":1}"#).unwrap();
    drop(generation);
    assert_eq!(world.ended().fate, Fate::Retired(Reason::Threads(1)));
}

#[test]
fn threads_of_the_host_end_before_and_after_the_library() {
    let world = World::new();
    let (library, begin) = (fixture("busy"), world.lines().len());
    assert_eq!(begin, 0);
    let generation = world.load(&library, "").unwrap();
    let (stay, leave) = std::sync::mpsc::channel::<()>();
    let late = thread::scope(|scope| {
        // One ends while the library is there, and runs its destructors itself.
        let early = scope.spawn(|| call(&generation, "work", r#"{"number":64}"#).map(drop));
        early.join().unwrap().unwrap();
        let inside = generation.clone();
        let (done, wait) = std::sync::mpsc::channel();
        let late = thread::spawn(move || {
            call(&inside, "work", r#"{"number":64}"#).unwrap();
            drop(inside);
            done.send(()).unwrap();
            // The other ends when the library has gone.
            let _ = leave.recv();
        });
        wait.recv().unwrap();
        late
    });
    drop(generation);
    assert_eq!(world.ended().fate, Fate::Unmapped);
    drop(stay);
    late.join().unwrap();
    let lines = world.lines();
    let count = |what: &str| lines.iter().filter(|line| line.ends_with(what)).count();
    let made = count("a thread-local was made");
    assert!(made >= 4, "{lines:#?}");
    assert_eq!(count("a thread-local was dropped"), made, "{lines:#?}");
}
