//! What `[transport.webhook]` says, and what is said of its mistakes.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::Duration;

use polywire_core::config::{Document, Environment};
use polywire_core::{Support, Trust};
use polywire_webhook::signature::Algorithm;
use polywire_webhook::{StoreConfig, WebhookConfig};

const KEY: &str = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

fn read(text: &str) -> (Option<WebhookConfig>, Vec<String>) {
    let document = Document::parse("polywire.toml", text, &Environment::new());
    let section = document
        .root()
        .section_or_empty("transport")
        .section_or_empty("webhook");
    let config = WebhookConfig::read(&section, "shop", false);
    let mistakes = document.finish().err();
    let mistakes = mistakes.iter().flat_map(|mistakes| mistakes.iter());
    (config, mistakes.map(ToString::to_string).collect())
}

#[test]
fn everything_has_a_default() {
    let (config, mistakes) = read("[transport.webhook]\nlisten = \"127.0.0.1:0\"\n");
    assert_eq!(mistakes, [""; 0]);
    let config = config.unwrap();
    assert_eq!(config.origin, "shop", "the name of the service");
    assert_eq!(config.retry.attempts(), 11);
    let capability = config.capability();
    assert_eq!(capability.trust, Trust::Untrusted);
    assert_eq!(capability.call, Support::Emulated);
    assert!(capability.durable);
}

#[test]
fn everything_can_be_said() {
    let (config, mistakes) = read(&format!(
        "[transport.webhook]
listen = \"127.0.0.1:0\"
url = \"https://orders.example.com\"
public_url = \"https://hooks.example.com\"
store = \"postgres://user:hunter2@localhost/hooks\"
sealing_keys = \"new:{KEY}, old:{KEY}\"
token = \"hunter2\"
origin = \"orders.example.com\"
lease = \"1d\"
sign = [\"v1\", \"v1a\"]
retry = [\"5s\", \"1m\"]
timeout = \"3s\"
concurrency = 4
rate_per_minute = 600
disable_after = \"2d\"
tenant_claim = \"tenant\"
max_subscriptions = 7
[transport.webhook.sinks]
allow = [\"10.0.0.0/8\"]
deny = [\"10.1.0.0/16\"]
ports = [\"443\", \"8443\"]
plaintext = true
ca = \"ca.pem\"
"
    ));
    assert_eq!(mistakes, [""; 0]);
    let config = config.unwrap();
    assert_eq!(
        config.public_url.as_deref(),
        Some("https://hooks.example.com")
    );
    assert!(matches!(config.store, StoreConfig::Postgres(_)));
    assert_eq!(config.sign, [Algorithm::HmacSha256, Algorithm::Ed25519]);
    assert_eq!(config.retry.attempts(), 3);
    assert_eq!(config.lease, Duration::from_secs(24 * 3600));
    assert_eq!(config.sinks_ca, Some(PathBuf::from("ca.pem")));
    assert_eq!(
        (config.max_subscriptions, config.endpoint.concurrency),
        (7, 4)
    );
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(!shown.contains(KEY), "{shown}");
}

#[test]
fn ports_are_numbers_or_texts() {
    let ports = |written: &str| {
        let text =
            format!("[transport.webhook]\nlisten = \"127.0.0.1:0\"\nsinks.ports = {written}\n");
        let (config, mistakes) = read(&text);
        assert_eq!(mistakes, [""; 0], "{written}");
        format!("{:?}", config.unwrap().sinks)
    };
    let both = ports("[443, 8443]");
    assert!(both.contains("8443"), "{both}");
    for written in ["[\"443\", \"8443\"]", "[\"443\", 8443]"] {
        assert_eq!(ports(written), both, "{written}");
    }
    let one = ports("8443");
    assert_eq!(ports("\"8443\""), one);
    assert_ne!(one, both);
    for (written, expected) in [
        ("[443, 70000]", "has \"70000\": expected port numbers"),
        ("-1", "has \"-1\": expected port numbers"),
        ("[443, true]", "item 2 of \"ports\""),
        ("true", "a whole number, a string, or an array of these"),
    ] {
        let (_, mistakes) = read(&format!("[transport.webhook]\nsinks.ports = {written}\n"));
        assert_eq!(mistakes.len(), 1, "{written}: {mistakes:?}");
        assert!(mistakes[0].contains(expected), "{written}: {}", mistakes[0]);
    }
}

#[test]
fn every_mistake_says_what_is_valid() {
    for (line, expected) in [
        ("public_url = \"hooks\"", "\"hooks\""),
        (
            "sealing_keys = \"secret\"",
            "is no list of keys: write \"NAME:BASE64\"",
        ),
        (
            "sign = [\"v2\"]",
            "has \"v2\": expected \"v1\" (HMAC) or \"v1a\" (ed25519)",
        ),
        ("sign = []", "is empty: expected \"v1\""),
        (
            "retry = [\"5s\", \"soon\"]",
            "has \"soon\": expected durations such as \"5s\", each from 1s to 7d",
        ),
        ("lease = \"1s\"", "from 1m to 30d"),
        ("concurrency = 0", "from 1 to 1000"),
        ("stor = \"x\"", "unknown key \"stor\""),
        (
            "sinks.allow = [\"everything\"]",
            "\"everything\" is no network: write an address and the length of its prefix",
        ),
        (
            "sinks.ports = [\"https\"]",
            "has \"https\": expected port numbers",
        ),
        ("sinks.alow = []", "unknown key \"alow\""),
    ] {
        let (_, mistakes) = read(&format!("[transport.webhook]\n{line}\n"));
        assert_eq!(mistakes.len(), 1, "{line}: {mistakes:?}");
        assert!(mistakes[0].contains(expected), "{line}: {}", mistakes[0]);
        assert!(!mistakes[0].contains("secret\"\""), "{}", mistakes[0]);
    }
}
