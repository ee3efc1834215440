use super::{environment, parse, read, wrong};
use crate::config::Document;

#[test]
fn prints_what_is_in_force_and_where_from() {
    let text = r#"# shop
[service]
name = "shop"

[channel.orders]
transport = "http"
need = { trust = "trusted" }
require = ["^1.2", "^2"]

[transport.http]
url = "http://u:hunter2@a"
connections = 4
token = "hunter2"
hosts = ["${HOST}", "plain"]
"#;
    let environment = environment(&[
        ("HOST", "hunter2"),
        ("POLYWIRE_CHANNEL_ORDERS_TRANSPORT", "memory"),
        ("POLYWIRE_TRANSPORT_HTTP_CONNECTIONS", "8"),
        ("POLYWIRE_TRANSPORT_HTTP_TLS_CERT", "cert.pem"),
        ("POLYWIRE_CHANNEL_BILLS_TRANSPORT", "memory"),
    ]);
    let document = Document::parse("polywire.toml", text, &environment);
    assert_eq!(wrong(&document), "");
    let printed = document.redacted();
    assert_eq!(
        printed,
        r#"[service]
name = "shop"  # polywire.toml:3

[channel.orders]
transport = "memory"  # POLYWIRE_CHANNEL_ORDERS_TRANSPORT
require = ["^1.2", "^2"]  # polywire.toml:8

[channel.orders.need]
trust = "trusted"  # polywire.toml:7

[channel.bills]
transport = "memory"  # POLYWIRE_CHANNEL_BILLS_TRANSPORT

[transport.http]
url = "http://u:***@a"  # polywire.toml:11
connections = 8  # POLYWIRE_TRANSPORT_HTTP_CONNECTIONS
token = "***"  # polywire.toml:13
hosts = ["***", "***"]  # polywire.toml:14

[transport.http.tls]
cert = "cert.pem"  # POLYWIRE_TRANSPORT_HTTP_TLS_CERT
"#
    );
    let again = parse(&printed);
    assert_eq!(wrong(&again), "");
}

#[test]
fn no_print_shows_a_secret() {
    let text = r#"
[transport.x]
token = ["hunter2"]
password = "hunter2"
connections = "${COUNT}"
ratio = "${COUNT}"
compress = "${COUNT}"
listen = "amqp://guest:hunter2@host"
hosts = [1, "${COUNT}"]
url = { password = "hunter2" }
max_body = "${COUNT}"
tls = { token = hunter2 }
type = amqp://guest:hunter2@host
[channel.x]
transport = "${WORD}"
"#;
    let environment = environment(&[("COUNT", "hunter2"), ("WORD", "htpp")]);
    let document = Document::parse("polywire.toml", text, &environment);
    read(&document);
    let transport = document
        .root()
        .section_or_empty("transport")
        .section_or_empty("x");
    transport.mistake("ratio", "cannot use hunter2 here");
    transport.mistake("password", "\"hunter2\" is too short");
    transport.mistake("url", "cannot reach amqp://guest:hunter2@host");
    let mistakes = document.finish().unwrap_err();
    let all = format!(
        "{mistakes}\n{mistakes:?}\n{}\n{}",
        serde_json::to_string(&mistakes).unwrap(),
        document.redacted()
    );
    assert!(!all.contains("hunter2"), "{all}");
    assert!(
        !all.contains("htpp") && !all.contains("did you mean \"http\""),
        "{all}"
    );
    for line in [
        "polywire.toml:3:9: \"token\" in [transport.x] is array ***: expected a string",
        "polywire.toml:4:12: \"***\" is too short",
        "polywire.toml:5:15: \"connections\" in [transport.x] is string ***: expected an integer from 1 to 64",
        "polywire.toml:6:9: cannot use *** here",
        "polywire.toml:6:9: \"ratio\" in [transport.x] is string ***: expected a number",
        "polywire.toml:8:10: \"listen\" in [transport.x] is string \"amqp://guest:***@host\": expected an IP address and port such as \"127.0.0.1:7411\"",
        "polywire.toml:10:7: cannot reach amqp://guest:***@host",
        "polywire.toml:12:17: text has to be in double quotes",
        "polywire.toml:10:7: \"url\" in [transport.x] is table { password = *** }: expected a string",
        "polywire.toml:15:13: \"transport\" in [channel.x] is string ***: expected one of \"amqp\", \"http\", \"memory\"",
    ] {
        assert!(
            mistakes.to_string().lines().any(|shown| shown == line),
            "{line}\n{mistakes}"
        );
    }
}

#[test]
fn what_secret_reads_is_hidden_whatever_its_name() {
    let document = parse("[transport.x]\nwords = \"hunter2\"\n");
    let section = document
        .root()
        .section_or_empty("transport")
        .section_or_empty("x");
    section.secret("words");
    assert_eq!(
        document.redacted(),
        "[transport.x]\nwords = \"***\"  # polywire.toml:2\n"
    );
}
