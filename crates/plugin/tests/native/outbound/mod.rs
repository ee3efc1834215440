//! A plugin that talks to another service through its host.

mod c;
mod events;
mod stock;

use std::sync::Arc;
use std::thread;

use polywire_core::{Channel, Outcome};
use polywire_plugin::native::{Cancel, Fate, Generation, Request};

use crate::libraries::{PATIENCE, World, call, fixture, request};

use stock::Host;

/// Calls the shop, which refuses: by which code, and with what.
fn refused(generation: &Generation, method: &str, body: &str) -> (String, String) {
    let (outcome, body) = call(generation, method, body).unwrap();
    let Outcome::Failed { code, .. } = outcome else {
        panic!("{outcome:?}");
    };
    (code.to_string(), String::from_utf8(body.to_vec()).unwrap())
}

/// What kept the shop from asking the stock: the kind, and why.
fn unasked(generation: &Generation, method: &str, body: &str) -> (String, String) {
    let (code, body) = refused(generation, method, body);
    assert_eq!(code, "unasked", "{body}");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let text = |key: &str| body[key].as_str().unwrap().to_owned();
    (text("kind"), text("why"))
}

fn loaded(host: &Host, channel: &str) -> Arc<Generation> {
    host.world.load(&fixture("caller"), channel).unwrap()
}

#[test]
fn it_gets_replies_and_typed_errors_as_every_consumer_does() {
    let host = Host::new();
    let shop = loaded(&host, "stock");
    let (outcome, body) = call(&shop, "left", r#"{"pens":3}"#).unwrap();
    assert_eq!((outcome, &body[..]), (Outcome::Done, &br#"{"pens":6}"#[..]));
    let (code, body) = refused(&shop, "left", r#"{"pens":100}"#);
    assert_eq!(code, "sold_out");
    assert!(body.contains('7'), "{body}");
    // The plugin has no token, so that the host's is sent.
    assert_eq!(*host.tokens.lock().unwrap(), ["the host's", "the host's"]);
    drop(shop);
    assert_eq!(host.world.ended().fate, Fate::Unmapped);
}

#[test]
fn commands_are_taken_and_receipted() {
    let host = Host::new();
    let shop = loaded(&host, "stock");
    let (outcome, _) = call(&shop, "order", r#"{"pens":4}"#).unwrap();
    assert_eq!(outcome, Outcome::Done);
    assert_eq!(host.note(), "ordered 4");
    host.world.until("ordered from 1.2.0");
}

#[test]
fn what_the_host_configures_of_versions_is_required() {
    let host = Host::new();
    let shop = loaded(&host, "newer");
    let (kind, why) = unasked(&shop, "left", r#"{"pens":3}"#);
    assert_eq!(kind, "no-match");
    assert!(why.contains("^1.3") && why.contains("1.2.0"), "{why}");
    let (kind, _) = unasked(&shop, "order", r#"{"pens":3}"#);
    assert_eq!(kind, "no-match");
    assert!(host.is_quiet());
}

#[test]
fn a_channel_that_is_not_configured_or_of_another_contract_keeps_it_from_starting() {
    let host = Host::new();
    let load = |channel| {
        let error = host.world.load(&fixture("caller"), channel).unwrap_err();
        assert_eq!(host.world.ended().fate, Fate::Unmapped);
        error.to_string()
    };
    let error = load("stok");
    let text =
        "failed in init: channel \"stok\" is not configured: faulty, newer, orders, small, stock";
    assert!(error.ends_with(text), "{error}");
    let error = load("orders");
    assert!(
        error.contains("is of contract \"orders\", and the plugin uses it for contract \"stock\""),
        "{error}"
    );
}

#[test]
fn a_host_without_channels_says_so() {
    let world = World::new();
    let error = world.load(&fixture("caller"), "stock").unwrap_err();
    let text = "the host has no channels for plugins: upgrade the host, or have it configure them";
    assert!(error.to_string().ends_with(text), "{error}");
    assert_eq!(world.ended().fate, Fate::Unmapped);
}

#[test]
fn a_deadline_ends_what_is_asked_at_both_ends() {
    let host = Host::new();
    let shop = loaded(&host, "stock");
    // On a machine that is busy a call may not get there in time.
    for _ in 0..100 {
        let (kind, _) = unasked(&shop, "briefly", "");
        assert_eq!(kind, "deadline-exceeded");
        if let Ok(note) = host.noted.try_recv() {
            assert_eq!(note, "waiting");
            assert_eq!(host.note(), "given up");
            return;
        }
    }
    panic!("no call came to the stock within 50 ms");
}

#[test]
fn a_call_that_is_given_up_gives_up_what_it_asked() {
    let host = Host::new();
    let shop = loaded(&host, "stock");
    let cancel = Cancel::new();
    thread::scope(|scope| {
        let caller = scope.spawn(|| {
            shop.call(&Request {
                cancel: Some(&cancel),
                ..request(&shop, "wait", "")
            })
        });
        assert_eq!(host.note(), "waiting");
        cancel.cancel();
        assert!(caller.join().unwrap().is_err());
    });
    assert_eq!(host.note(), "given up");
}

#[test]
fn what_is_under_way_ends_with_the_instance() {
    let host = Host::new();
    let shop = loaded(&host, "stock");
    call(&shop, "begin", "").unwrap();
    assert_eq!(host.note(), "waiting");
    drop(shop);
    assert_eq!(host.note(), "given up");
    assert_eq!(host.world.ended().fate, Fate::Unmapped);
}

#[test]
fn a_closed_channel_and_one_that_panics_are_errors_of_the_call() {
    let host = Host::new();
    let (shop, faulty) = (loaded(&host, "stock"), loaded(&host, "faulty"));
    for method in ["left", "order"] {
        let (kind, why) = unasked(&faulty, method, r#"{"pens":3}"#);
        let text = format!(
            "stock.{method} through channel \"faulty\" failed unexpectedly in the host; see its log"
        );
        assert_eq!((kind.as_str(), why), ("internal", text));
    }
    host.runtime.block_on(host.stock.close()).unwrap();
    for method in ["left", "order"] {
        let (kind, _) = unasked(&shop, method, r#"{"pens":3}"#);
        assert_eq!(kind, "closed");
    }
    // Neither has harmed what it was called by.
    assert_eq!((shop.panics(), faulty.panics()), (0, 0));
}

#[test]
fn payloads_are_bounded_before_they_are_sent() {
    let host = Host::new();
    let shop = loaded(&host, "small");
    let (kind, why) = unasked(&shop, "left", r#"{"pens":3}"#);
    assert_eq!(kind, "too-large");
    assert_eq!(why, "payload of 10 bytes: at most 8 bytes are taken");
    assert!(host.tokens.lock().unwrap().is_empty());
}

#[test]
fn many_at_once_all_get_their_own_answers() {
    let host = Host::new();
    let shop = loaded(&host, "stock");
    thread::scope(|scope| {
        for thread in 0..8_u32 {
            let shop = &shop;
            scope.spawn(move || {
                for round in 0..25_u32 {
                    let pens = thread * 10 + round % 10;
                    let body = format!(r#"{{"pens":{pens}}}"#);
                    let (_, reply) = call(shop, "left", &body).unwrap();
                    assert_eq!(reply, format!(r#"{{"pens":{}}}"#, pens * 2));
                }
            });
        }
    });
    drop(shop);
    assert_eq!(host.world.ended().fate, Fate::Unmapped);
}

#[test]
fn a_host_whose_runtime_has_ended_answers() {
    let host = Host::new();
    let shop = loaded(&host, "stock");
    host.runtime.shutdown_timeout(PATIENCE);
    let (kind, why) = unasked(&shop, "left", r#"{"pens":3}"#);
    assert_eq!(kind, "unavailable");
    assert!(why.starts_with("the host has ended"), "{why}");
}
