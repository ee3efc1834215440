use std::time::Duration;

use polywire::prelude::*;

use crate::orders::{OrdersClient, order};
use crate::recorder::Recorder;

/// What a call through `[channel.orders]` with these keys does at a transport that fails so often at first.
async fn quote(fails: u32, keys: &str, options: CallOptions) -> (Recorder, bool) {
    let recorder = Recorder::default();
    let text = format!(
        "[service]\nname = \"storefront\"\ninstance = \"one\"\n[channel.orders]\n{keys}\n[transport.recorder]\nfails = {fails}\n"
    );
    let wire = recorder
        .wire(&text)
        .unwrap_or_else(|error| panic!("{error:?}"));
    let client: OrdersClient = wire.connect("orders").await.unwrap();
    let answered = client.with(options).quote(order("lamp")).await.is_ok();
    (recorder, answered)
}

#[tokio::test(start_paused = true)]
async fn a_registered_transport_is_told_who_asks() {
    let (recorder, answered) = quote(0, "token = \"abc.def\"", CallOptions::new()).await;
    assert!(answered);
    let seen = &recorder.seen().await[0];
    assert_eq!((seen.channel.as_str(), seen.attempt), ("orders", 1));
    assert_eq!(
        (
            seen.environment.service.as_str(),
            seen.environment.instance.as_str()
        ),
        ("storefront", "one")
    );
    assert!(seen.environment.authenticator.is_none());
    assert_eq!(seen.token.as_deref(), Some("abc.def"));
}

#[tokio::test(start_paused = true)]
async fn retries_are_a_key_of_the_channel() {
    for (keys, attempts, answered) in [
        ("", 3, true),
        ("retries = 0", 1, false),
        ("retries = 1", 2, false),
        ("retries = 5", 3, true),
    ] {
        let (recorder, done) = quote(2, keys, CallOptions::new()).await;
        assert_eq!(
            (recorder.seen().await.len(), done),
            (attempts, answered),
            "{keys}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn timeouts_are_keys_of_the_channel() {
    let seconds = Duration::from_secs;
    let asked = |wait: u64| CallOptions::new().deadline(seconds(wait));
    for (keys, options, expected) in [
        ("", CallOptions::new(), seconds(10)),
        ("timeout = \"3s\"", CallOptions::new(), seconds(3)),
        ("timeout = \"3s\"", asked(60), seconds(60)),
        (
            "timeout = \"3s\"\nmax_timeout = \"20s\"",
            asked(60),
            seconds(20),
        ),
        (
            "timeout = \"3s\"\nmax_timeout = \"20s\"",
            asked(5),
            seconds(5),
        ),
    ] {
        let (recorder, _) = quote(0, keys, options).await;
        assert_eq!(recorder.seen().await[0].remaining, expected, "{keys}");
    }
}

#[test]
fn a_transport_is_registered_once() {
    let once = Polywire::builder().transport(Recorder::default()).unwrap();
    let error = once.transport(Recorder::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(
        error.to_string(),
        "transport \"recorder\" is registered already: choose another name"
    );
}
