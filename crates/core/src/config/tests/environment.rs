use super::{environment, seconds, wrong};
use crate::config::Document;

const FILE: &str = r#"
[channel.orders]
transport = "http"
timeout = "10s"
need = { trust = "trusted" }

[channel.orders-eu]
transport = "http"

[transport.http]
url = "http://a"
connections = 4
"#;

fn with(variables: &[(&str, &str)]) -> Document {
    Document::parse("polywire.toml", FILE, &environment(variables))
}

#[test]
fn a_variable_overrides_a_key() {
    let document = with(&[
        ("POLYWIRE_CHANNEL_ORDERS_TRANSPORT", "memory"),
        ("POLYWIRE_CHANNEL_ORDERS_TIMEOUT", "5s"),
        ("POLYWIRE_CHANNEL_ORDERS_REQUIRE", ">=1.2, <1.4; ^2"),
        ("POLYWIRE_CHANNEL_ORDERS_NEED_TRUST", "untrusted"),
        ("POLYWIRE_CHANNEL_ORDERS_EU_TRANSPORT", "amqp"),
        ("POLYWIRE_TRANSPORT_HTTP_CONNECTIONS", "8"),
        ("POLYWIRE_TRANSPORT_HTTP_COMPRESS", "true"),
        ("POLYWIRE_TRANSPORT_HTTP_HOSTS", "a, b,c"),
        ("POLYWIRE_TRANSPORT_HTTP_TLS_CERT", "cert.pem"),
        ("POLYWIRE_TRANSPORT_HTTP_MAX_BODY", "512"),
    ]);
    let root = document.root();
    let channels = root.section_or_empty("channel");
    let orders = channels.section_or_empty("orders");
    assert_eq!(orders.string("transport").as_deref(), Some("memory"));
    assert_eq!(
        orders.duration("timeout", seconds(1)..=seconds(60)),
        Some(seconds(5))
    );
    assert_eq!(
        orders.list_separated_by("require", ';'),
        Some(vec![">=1.2, <1.4".to_owned(), "^2".to_owned()])
    );
    let need = orders.section("need").unwrap();
    assert_eq!(need.string("trust").as_deref(), Some("untrusted"));
    let eu = channels.section_or_empty("orders-eu");
    assert_eq!(eu.string("transport").as_deref(), Some("amqp"));
    let http = root.section_or_empty("transport").section_or_empty("http");
    assert_eq!(http.integer("connections", 1..=64), Some(8));
    assert_eq!(http.bool("compress"), Some(true));
    assert_eq!(
        http.list("hosts"),
        Some(vec!["a".to_owned(), "b".to_owned(), "c".to_owned()])
    );
    assert_eq!(http.size("max_body", 1..=1024), Some(512));
    let tls = http.section("tls").unwrap();
    assert_eq!(tls.path("cert").unwrap().to_str(), Some("cert.pem"));
    assert_eq!(wrong(&document), "");
}

#[test]
fn a_variable_may_hold_toml() {
    let document = with(&[
        ("POLYWIRE_CHANNEL_ORDERS_NEED", "{ trust = \"untrusted\" }"),
        ("POLYWIRE_CHANNEL_ORDERS_REQUIRE", "[\"^2\", '^1, <1.4']"),
        ("POLYWIRE_CHANNEL_BILLS", "{ transport = \"memory\" }"),
    ]);
    let channels = document.root().section_or_empty("channel");
    let orders = channels.section_or_empty("orders");
    assert_eq!(
        orders.section_or_empty("need").string("trust").as_deref(),
        Some("untrusted")
    );
    assert_eq!(
        orders.list("require"),
        Some(vec!["^2".to_owned(), "^1, <1.4".to_owned()])
    );
    let bills = channels.sections().pop().unwrap();
    assert_eq!(bills.dotted_name(), "channel.bills");
    assert_eq!(bills.string("transport").as_deref(), Some("memory"));
    assert_eq!(wrong(&document), "");
}

#[test]
fn a_variable_creates_a_table() {
    let document = Document::parse(
        "polywire.toml",
        "",
        &environment(&[
            ("POLYWIRE_CHANNEL_BIG_ORDERS_TRANSPORT", "memory"),
            ("POLYWIRE_CHANNEL_BILLS_NEED_TRUST", "trusted"),
            ("POLYWIRE_CHANNEL_BILLS_TRANSPORT", "http"),
        ]),
    );
    let channels = document.root().section("channel").unwrap();
    let names = |keys: &[&str]| -> Vec<String> {
        let sections = channels.sections_with_keys(keys);
        sections
            .iter()
            .map(|section| section.name().to_owned())
            .collect()
    };
    assert_eq!(names(&["need", "transport"]), ["big_orders", "bills"]);
    assert_eq!(names(&[]), ["big", "bills"]);
    let bills = channels.section_or_empty("bills");
    assert_eq!(bills.string("transport").as_deref(), Some("http"));
    let need = bills.section("need").unwrap();
    assert_eq!(need.string("trust").as_deref(), Some("trusted"));
}

#[test]
fn wrong_variables_are_told_about() {
    for (variables, expected) in [
        (
            &[("POLYWIRE_CHANNEL_ORDERS_TRASPORT", "memory")][..],
            "POLYWIRE_CHANNEL_ORDERS_TRASPORT: sets no key in [channel.orders]: did you mean POLYWIRE_CHANNEL_ORDERS_TRANSPORT? valid keys: contract, need, require, timeout, transport",
        ),
        (
            &[("POLYWIRE_CHANEL_ORDERS_TRANSPORT", "memory")],
            "POLYWIRE_CHANEL_ORDERS_TRANSPORT: sets no key at the top level: did you mean POLYWIRE_CHANNEL_ORDERS_TRANSPORT? valid sections: channel, service, transport",
        ),
        (
            &[("POLYWIRE_X", "1")],
            "POLYWIRE_X: sets no key at the top level: valid sections: channel, service, transport",
        ),
        (
            &[("POLYWIRE_SERVICE", "shop")],
            "POLYWIRE_SERVICE: \"service\" at the top level is string \"shop\": expected an inline table such as { name = \"value\" }",
        ),
        (
            &[("POLYWIRE_CHANNEL_ORDERS_TIMEOUT", "fast")],
            "POLYWIRE_CHANNEL_ORDERS_TIMEOUT: \"timeout\" in [channel.orders] is string \"fast\": expected a duration such as \"10s\", from 1s to 1m",
        ),
        (
            &[("POLYWIRE_TRANSPORT_HTTP_CONNECTIONS", "many")],
            "POLYWIRE_TRANSPORT_HTTP_CONNECTIONS: \"connections\" in [transport.http] is string \"many\": expected an integer from 1 to 64",
        ),
        (
            &[("POLYWIRE_TRANSPORT_HTTP_HOSTS", "[\"a\"")],
            "POLYWIRE_TRANSPORT_HTTP_HOSTS: \"hosts\" in [transport.http] is string \"[\\\"a\\\"\": expected a string or an array of strings",
        ),
        (
            &[("POLYWIRE_CHANNEL_BILLS_TIMEOUT", "1s")],
            "POLYWIRE_CHANNEL_BILLS_TIMEOUT: missing key \"transport\" in [channel.bills]: expected one of \"amqp\", \"http\", \"memory\"",
        ),
        (
            &[("POLYWIRE_CHANNEL_ORDERS_NEED", "{ trst = \"trusted\" }")],
            "POLYWIRE_CHANNEL_ORDERS_NEED: unknown key \"trst\" in [channel.orders.need]: did you mean \"trust\"? valid keys: trust",
        ),
    ] {
        assert_eq!(wrong(&with(variables)), expected, "{variables:?}");
    }
}

#[test]
fn reserved_and_foreign_variables_are_left_alone() {
    let document = with(&[
        ("POLYWIRE_CONFIG", "a.toml"),
        ("POLYWIRE_LOG", "debug"),
        ("POLYWIRE_TEST_BROKER", "x"),
        ("POLYWIREX", "x"),
        ("PATH", "x"),
    ]);
    assert_eq!(wrong(&document), "");
}

#[test]
fn names_that_look_alike_are_not_guessed() {
    let document = Document::parse(
        "polywire.toml",
        "[channel.a-b]\ntransport = \"http\"\n[channel.a_b]\ntransport = \"http\"\n",
        &environment(&[("POLYWIRE_CHANNEL_A_B_TRANSPORT", "memory")]),
    );
    assert_eq!(
        wrong(&document),
        "POLYWIRE_CHANNEL_A_B_TRANSPORT: may mean [channel.a-b] or [channel.a_b]: rename one of them or set the key in the file"
    );
    let channels = document.root().section_or_empty("channel");
    assert_eq!(
        channels
            .section_or_empty("a-b")
            .string("transport")
            .as_deref(),
        Some("http")
    );
}

#[test]
fn an_overridden_reference_needs_no_variable() {
    let text = "[transport.http]\nurl = \"${MISSING}\"\n";
    let set = environment(&[("POLYWIRE_TRANSPORT_HTTP_URL", "http://b")]);
    let document = Document::parse("polywire.toml", text, &set);
    assert_eq!(wrong(&document), "");
    let http = document
        .root()
        .section_or_empty("transport")
        .section_or_empty("http");
    assert_eq!(http.string("url").as_deref(), Some("http://b"));
}

#[test]
fn overrides_are_not_expanded_again() {
    let document = with(&[("POLYWIRE_TRANSPORT_HTTP_URL", "http://${HOST}")]);
    let http = document
        .root()
        .section_or_empty("transport")
        .section_or_empty("http");
    assert_eq!(http.string("url").as_deref(), Some("http://${HOST}"));
    assert_eq!(wrong(&document), "");
}

#[test]
fn a_variable_that_is_no_text_is_told_about() {
    let mut variables = environment(&[]);
    variables.insert_not_text("POLYWIRE_CHANNEL_ORDERS_TRANSPORT");
    variables.insert_not_text("BYTES");
    let text = "[channel.orders]\ntransport = \"http\"\nrequire = \"${BYTES}\"\n";
    let document = Document::parse("polywire.toml", text, &variables);
    assert_eq!(
        wrong(&document),
        "polywire.toml:3:12: \"require\" in [channel.orders]: environment variable BYTES is not valid UTF-8\n\
         POLYWIRE_CHANNEL_ORDERS_TRANSPORT: value is not valid UTF-8"
    );
}
