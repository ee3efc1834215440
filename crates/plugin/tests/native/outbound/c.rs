//! One in plain C, which is wrong in one way when it is told to be.

use std::sync::Arc;

use polywire_core::{ErrorKind, Listed, Result};
use polywire_plugin::native::{Fate, Generation};

use super::stock::Host;
use crate::libraries::{World, call, compiled};

fn loaded(world: &World, defines: &[&str]) -> Arc<Generation> {
    let library = compiled(
        world.folder(),
        "greeter",
        &[defines, &["CALLS_OUT"]].concat(),
    );
    world.load(&library, "").unwrap()
}

fn outside(generation: &Generation, how: &str) -> Result<String> {
    let (_, body) = call(generation, "outside", how)?;
    Ok(String::from_utf8(body.to_vec()).unwrap())
}

#[test]
fn it_asks_another_service() {
    let host = Host::new();
    let greeter = loaded(&host.world, &[]);
    for how in ["", "o", "g"] {
        assert_eq!(outside(&greeter, how).unwrap(), r#"{"pens":8}"#);
    }
    // The fields of the reply, and then the reply.
    let told = outside(&greeter, "f").unwrap();
    assert!(told.contains("contract-version1.2.0"), "{told:?}");
    assert!(told.contains("contract-digestsha256:"), "{told:?}");
    assert!(told.ends_with(r#"{"pens":8}"#), "{told:?}");
    let listed: Listed = serde_json::from_str(&outside(&greeter, "d").unwrap()).unwrap();
    assert_eq!(listed.contract.as_str(), "stock");
    assert!(listed.token.is_none(), "the token stays where it is");
    drop(greeter);
    assert_eq!(host.world.ended().fate, Fate::Unmapped);
}

#[test]
fn what_it_gets_wrong_is_named() {
    let host = Host::new();
    let greeter = loaded(&host.world, &[]);
    for (how, kind, text) in [
        (
            "s",
            ErrorKind::InvalidPayload,
            "call.size is 3: this structure has 64 to 4096 bytes",
        ),
        (
            "i",
            ErrorKind::InvalidPayload,
            "call.contract is 0: who calls out names it by PW_BY_NAME and the header contract",
        ),
        (
            "h",
            ErrorKind::InvalidPayload,
            "call.headers is wrong: header 2 ends at byte 61, and there are 60",
        ),
        (
            "b",
            ErrorKind::InvalidPayload,
            "call.body is null: expected as many bytes as its length says",
        ),
        (
            "c",
            ErrorKind::InvalidPayload,
            "channel is null: expected as many bytes as its length says",
        ),
        (
            "n",
            ErrorKind::InvalidPayload,
            "call is null: expected a call",
        ),
        (
            "x",
            ErrorKind::InvalidPayload,
            "the host was called without its context",
        ),
        (
            "u",
            ErrorKind::Config,
            "channel \"stoc\" is not configured: faulty, newer, orders, small, stock",
        ),
        (
            "v",
            ErrorKind::InvalidPayload,
            "no version of stock is required: state it by the header contract-require, such as ^1.2, or write require in the \
             configuration of the channel",
        ),
        (
            "w",
            ErrorKind::Internal,
            "greeter.outside 1.2.0 of plugin greeter 0.3.1 failed unexpectedly; see the log",
        ),
    ] {
        let error = outside(&greeter, how).unwrap_err();
        assert_eq!((error.kind(), error.message()), (kind, text), "{how}");
    }
    assert!(host.tokens.lock().unwrap().is_empty(), "nothing was asked");
    assert_eq!(outside(&greeter, "").unwrap(), r#"{"pens":8}"#);
}

#[test]
fn it_joins_a_group_and_leaves_it() {
    let host = Host::new();
    let greeter = loaded(&host.world, &[]);
    assert_eq!(outside(&greeter, "0").unwrap(), "");
    for (how, kind, text) in [
        (
            "1",
            ErrorKind::InvalidPayload,
            "subscription has no place: expected a pointer to 8 bytes",
        ),
        (
            "2",
            ErrorKind::InvalidPayload,
            "delivery has no place: expected a pointer to 8 bytes",
        ),
        (
            "3",
            ErrorKind::InvalidPayload,
            "verdict is 9: expected 0 to 4",
        ),
        (
            "4",
            ErrorKind::Closed,
            "subscription 4 has no event 1 that is unsettled; what it held when it ended is delivered again",
        ),
        (
            "5",
            ErrorKind::InvalidPayload,
            "header contract-prefetch is \"some\": expected a number from 1 to 10000",
        ),
    ] {
        let error = outside(&greeter, how).unwrap_err();
        assert_eq!((error.kind(), error.message()), (kind, text), "{how}");
    }
    let error = outside(&greeter, "6").unwrap_err();
    assert!(
        error
            .message()
            .starts_with("header contract-group is \"no name\": "),
        "{error}"
    );
    // There are three that it did not leave, and so there is room for 61.
    for _ in 0..61 {
        let error = outside(&greeter, "3").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidPayload);
    }
    let error = outside(&greeter, "0").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded);
    assert_eq!(
        error.message(),
        "the plugin has 64 subscriptions already: leave one"
    );
    drop(greeter);
    assert_eq!(host.world.ended().fate, Fate::Unmapped);
}

#[test]
fn one_that_says_it_is_short_may_not() {
    let host = Host::new();
    let greeter = loaded(&host.world, &["BRIEF"]);
    for how in ["", "o", "d"] {
        let error = outside(&greeter, how).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(
            error.message(),
            "plugin greeter says that its calls are short, and who calls out waits: export it without short"
        );
    }
}

#[test]
fn a_host_without_channels_has_no_such_extension() {
    let world = World::new();
    let greeter = loaded(&world, &[]);
    let error = outside(&greeter, "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Overloaded, "{error}");
}
