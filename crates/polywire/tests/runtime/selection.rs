use std::sync::Arc;

use polywire::config::{Document, Environment};
use polywire::core::memory::MemoryFactory;
use polywire::{Candidate, Polywire, Report, Transport, TransportFactory, core};

use crate::recorder::Recorder;

fn check(text: &str) -> Report {
    Polywire::builder()
        .config_text("polywire.toml", text)
        .environment(Environment::new())
        .transport(Recorder::default())
        .unwrap()
        .check()
}

/// The transport of `[channel.orders]` and why, in a configuration without mistakes.
fn chosen(text: &str) -> (String, String) {
    let report = check(text);
    assert!(report.is_good(), "{:?}", report.mistakes);
    let channel = &report.channels[0];
    (channel.transport.clone().unwrap(), channel.reason.clone())
}

const BOTH: &str = "[transport.recorder]\nfails = 0\n[transport.local]\ntype = \"memory\"\n";

#[test]
fn a_named_transport_is_taken() {
    let (transport, reason) = chosen("[channel.orders]\ntransport = \"memory\"\n");
    assert_eq!(
        (transport.as_str(), reason.as_str()),
        ("memory", "named by \"transport\"")
    );
    let (transport, _) = chosen(&format!("[channel.orders]\ntransport = \"local\"\n{BOTH}"));
    assert_eq!(transport, "local");
}

#[test]
fn the_only_transport_needs_no_name() {
    let (transport, reason) = chosen("[channel.orders]\n[transport.recorder]\nfails = 0\n");
    assert_eq!(
        (transport.as_str(), reason.as_str()),
        ("recorder", "the only one configured")
    );
}

#[test]
fn auto_takes_the_first_that_gives_what_is_needed() {
    let auto = |need: &str| format!("[channel.orders]\ntransport = \"auto\"\n{need}\n{BOTH}");
    let (transport, reason) = chosen(&auto(""));
    assert_eq!(
        (transport.as_str(), reason.as_str()),
        (
            "recorder",
            "the first configured one gives all that is needed"
        )
    );

    let text = auto("need = { subscribe = \"emulated\", resume = true }");
    let (transport, reason) = chosen(&text);
    assert_eq!(transport, "local");
    assert_eq!(
        reason,
        "the first that gives all that is needed; not recorder (subscribe: needs native or emulated, has no; resume: needs yes, has no)"
    );
    let candidates = check(&text).channels.remove(0).candidates;
    let lacks = [
        "subscribe: needs native or emulated, has no",
        "resume: needs yes, has no",
    ]
    .map(str::to_owned)
    .to_vec();
    assert_eq!(
        candidates,
        [
            Candidate {
                transport: "recorder".to_owned(),
                chosen: false,
                lacks
            },
            Candidate {
                transport: "local".to_owned(),
                chosen: true,
                lacks: Vec::new()
            },
        ]
    );
}

#[test]
fn auto_does_not_take_what_only_another_channel_names() {
    let report = check("[channel.a]\ntransport = \"memory\"\n[channel.b]\ntransport = \"auto\"\n");
    assert_eq!(
        report
            .mistakes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["polywire.toml:4:13: \"auto\" has nothing to choose from: add a table [transport.NAME]"]
    );
}

#[test]
fn the_report_says_what_every_channel_comes_to() {
    let text = format!(
        "[service]\nname = \"shop\"\n[channel.orders]\ntransport = \"local\"\nrequire = [\"^2.0\", \"^1.2\"]\n\
         need = {{ trust = \"trusted\", max_payload = \"1KiB\" }}\nretries = 1\ntimeout = \"2s\"\n{BOTH}"
    );
    let report = check(&text);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["file"], "polywire.toml");
    assert_eq!(json["service"], "shop");
    assert_eq!(json["mistakes"], serde_json::json!([]));
    let channel = &json["channels"][0];
    assert_eq!(channel["require"], "^2.0; ^1.2");
    assert_eq!(
        channel["need"],
        serde_json::json!({ "trust": "trusted", "max_payload": "1024" })
    );
    assert_eq!(
        (
            &channel["kind"],
            &channel["timeout_ms"],
            &channel["retries"]
        ),
        (&"memory".into(), &2000.into(), &1.into())
    );
    assert_eq!(channel["capability"]["call"], "native");
    assert_eq!(json["transports"][0]["name"], "recorder");
    assert_eq!(
        json["transports"][0]["summary"],
        "remembers what it was asked"
    );
    assert_eq!(json["transports"][0]["channels"], serde_json::json!([]));
    assert_eq!(
        json["transports"][1]["channels"],
        serde_json::json!(["orders"])
    );
}

fn made() -> Arc<dyn Transport> {
    let document = Document::parse("none", "", &Environment::new());
    let environment = core::Environment {
        service: "shop".to_owned(),
        instance: "one".to_owned(),
        authenticator: None,
    };
    MemoryFactory.build(&document.root(), &environment).unwrap()
}

#[test]
fn a_program_may_make_a_transport_itself() {
    let check = |text: &str| {
        let builder = Polywire::builder()
            .config_text("polywire.toml", text)
            .environment(Environment::new());
        builder.ready_transport("own", made()).check()
    };
    let report = check("[channel.orders]\n");
    assert!(report.is_good(), "{:?}", report.mistakes);
    assert_eq!(report.channels[0].transport.as_deref(), Some("own"));
    assert_eq!(report.channels[0].reason, "the only one configured");
    assert_eq!(
        (
            report.transports[0].kind.as_str(),
            report.transports[0].summary.as_str()
        ),
        ("ready", "made by the program")
    );
    let report =
        check("[channel.orders]\ntransport = \"own\"\n[transport.own]\ntype = \"memory\"\n");
    assert_eq!(
        report
            .mistakes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["polywire.toml:3:1: the program makes transport \"own\" itself: remove its table"]
    );
}
