use super::{environment, parse, read, wrong};
use crate::config::Document;

/// Each text and everything that is wrong with it.
const CASES: &[(&str, &str)] = &[
    // Nothing.
    ("", ""),
    (
        "[service]\nname = \"shop\"\n[channel.orders]\ntransport = \"http\"\n",
        "",
    ),
    // Unknown names.
    (
        "[channel.orders]\ntransport = \"http\"\n\n  trasport = \"http\"\n",
        "polywire.toml:4:3: unknown key \"trasport\" in [channel.orders]: did you mean \"transport\"? valid keys: contract, need, require, timeout, transport",
    ),
    (
        "[service]\ncolour = 1\n",
        "polywire.toml:2:1: unknown key \"colour\" in [service]: valid keys: name",
    ),
    (
        "[chanel.orders]\ntransport = \"http\"\n",
        "polywire.toml:1:2: unknown section [chanel]: did you mean [channel]? valid sections: channel, service, transport",
    ),
    (
        "name = \"shop\"\n",
        "polywire.toml:1:1: unknown key \"name\" at the top level: valid sections: channel, service, transport",
    ),
    (
        "[transport.http.tls]\ncrt = \"a\"\n",
        "polywire.toml:2:1: unknown key \"crt\" in [transport.http.tls]: did you mean \"cert\"? valid keys: cert",
    ),
    (
        "[transport.\"a b\"]\n\"c d\" = 1\n",
        "polywire.toml:2:1: unknown key \"c d\" in [transport.\"a b\"]: valid keys: compress, connections, hosts, listen, max_body, ratio, tls, token, type, url",
    ),
    // Wrong types.
    (
        "[service]\nname = 5\n",
        "polywire.toml:2:8: \"name\" in [service] is integer 5: expected a name: a lower-case letter, then lower-case letters, digits, \".\", \"_\" or \"-\", at most 100",
    ),
    (
        "[transport.x]\ncompress = \"true\"\n",
        "polywire.toml:2:12: \"compress\" in [transport.x] is string \"true\": expected true or false, without quotes",
    ),
    (
        "[transport.x]\nconnections = [1, { a = 2.5 }]\n",
        "polywire.toml:2:15: \"connections\" in [transport.x] is array [1, { a = 2.5 }]: expected an integer from 1 to 64",
    ),
    (
        "[transport.x]\nurl = 2020-01-01\n",
        "polywire.toml:2:7: \"url\" in [transport.x] is date-time 2020-01-01: expected a string",
    ),
    (
        "[channel.x]\ntransport = true\n",
        "polywire.toml:2:13: \"transport\" in [channel.x] is boolean true: expected one of \"amqp\", \"http\", \"memory\"",
    ),
    (
        "[channel]\norders = \"http\"\n",
        "polywire.toml:2:10: \"orders\" in [channel] is string \"http\": expected a table [channel.orders]",
    ),
    (
        "[transport.x]\ntls = false\n",
        "polywire.toml:2:7: \"tls\" in [transport.x] is boolean false: expected a table [transport.x.tls]",
    ),
    (
        "[channel.x]\ntransport = \"http\"\nrequire = [\"^1\", 2,\n  3]\n",
        "polywire.toml:3:18: item 2 of \"require\" in [channel.x] is integer 2: expected a string\n\
         polywire.toml:4:3: item 3 of \"require\" in [channel.x] is integer 3: expected a string",
    ),
    // Wrong values.
    (
        "[channel.x]\ntransport = \"htp\"\n",
        "polywire.toml:2:13: \"transport\" in [channel.x] is string \"htp\": did you mean \"http\"? expected one of \"amqp\", \"http\", \"memory\"",
    ),
    (
        "[service]\nname = \"Shop\"\n",
        "polywire.toml:2:8: \"name\" in [service] is string \"Shop\": expected a name: a lower-case letter, then lower-case letters, digits, \".\", \"_\" or \"-\", at most 100",
    ),
    (
        "[transport.x]\nlisten = \"localhost:80\"\n",
        "polywire.toml:2:10: \"listen\" in [transport.x] is string \"localhost:80\": expected an IP address and port such as \"127.0.0.1:7411\"",
    ),
    (
        "[transport.x]\nratio = \"half\"\n",
        "polywire.toml:2:9: \"ratio\" in [transport.x] is string \"half\": expected a number (invalid float literal)",
    ),
    (
        "[transport.x.tls]\ncert = \"\"\n",
        "polywire.toml:2:8: \"cert\" in [transport.x.tls] is string \"\": expected a path",
    ),
    // Out of range.
    (
        "[transport.x]\nconnections = 70000\n",
        "polywire.toml:2:15: \"connections\" in [transport.x] is integer 70000: expected an integer from 1 to 64",
    ),
    (
        "[transport.x]\nconnections = 99999999999999999999\n",
        "polywire.toml:2:15: \"connections\" in [transport.x] is integer 99999999999999999999: expected an integer from 1 to 64",
    ),
    (
        "[channel.x]\ntransport = \"http\"\ntimeout = \"2h\"\n",
        "polywire.toml:3:11: \"timeout\" in [channel.x] is string \"2h\": expected a duration such as \"10s\", from 1s to 1m",
    ),
    (
        "[channel.x]\ntransport = \"http\"\ntimeout = 10\n",
        "polywire.toml:3:11: \"timeout\" in [channel.x] is integer 10: expected a duration such as \"10s\", from 1s to 1m",
    ),
    (
        "[transport.x]\nmax_body = \"2MB\"\n",
        "polywire.toml:2:12: \"max_body\" in [transport.x] is string \"2MB\": expected a size in bytes or such as \"64KiB\", from 1B to 1MiB",
    ),
    (
        "[transport.x]\nmax_body = \"2MiB\"\n",
        "polywire.toml:2:12: \"max_body\" in [transport.x] is string \"2MiB\": expected a size in bytes or such as \"64KiB\", from 1B to 1MiB",
    ),
    // Missing.
    (
        "[service]\n [channel.orders]\n",
        "polywire.toml:2:2: missing key \"transport\" in [channel.orders]: expected one of \"amqp\", \"http\", \"memory\"",
    ),
    // References.
    (
        "[transport.x]\nurl = \"amqp://${AMQP_HOST}/\"\n",
        "polywire.toml:2:15: \"url\" in [transport.x]: environment variable AMQP_HOST is not set: set it, or give a default: ${AMQP_HOST:-...}",
    ),
    (
        "[transport.x]\nhosts = [\"a\", \"${HOTS}\"]\n",
        "polywire.toml:2:16: \"hosts\" in [transport.x]: environment variable HOTS is not set: did you mean HOST? or give a default: ${HOTS:-...}",
    ),
    (
        "[transport.x]\nurl = \"${HOST\"\n",
        "polywire.toml:2:8: \"url\" in [transport.x]: \"${HOST\" is no reference to an environment variable: write ${NAME} or ${NAME:-default}, or $${ for the text ${",
    ),
    // Syntax.
    (
        "[channel.orders]\ntransport = http\ntimeout = 10s\n",
        "polywire.toml:2:13: http is not quoted: write \"http\"\n\
         polywire.toml:3:11: 10s is not quoted: write \"10s\"",
    ),
    (
        "[transport.x]\ntoken = hunter2\nurl =\n",
        "polywire.toml:2:9: text has to be in double quotes\n\
         polywire.toml:3:6: value is missing: write it after the =, text in double quotes",
    ),
    (
        "[service]\nname = \"shop\"\nname = \"mall\"\n",
        "polywire.toml:3:1: \"name\" is set twice, first on line 2: keep one",
    ),
    (
        "[service]\nname = \"shop\"\n\n[transport.x]\n[service]\n",
        "polywire.toml:5:2: \"service\" is set twice, first on line 1: keep one",
    ),
    (
        "[transport.x]\ntls = { cert = \"a\", cert = \"b\" }\n",
        "polywire.toml:2:21: \"cert\" is set twice, first on line 2: keep one",
    ),
    // Everything at once, syntax and meaning, in order.
    (
        "[service]\nname = \"Shop\"\nname = 1\n[channel.a]\ntransport = htp\ntimeout = 1\n[channel.b]\ntrasport = \"x\"\n[extra]\n",
        "polywire.toml:2:8: \"name\" in [service] is string \"Shop\": expected a name: a lower-case letter, then lower-case letters, digits, \".\", \"_\" or \"-\", at most 100\n\
         polywire.toml:3:1: \"name\" is set twice, first on line 2: keep one\n\
         polywire.toml:5:13: htp is not quoted: write \"htp\"\n\
         polywire.toml:6:11: \"timeout\" in [channel.a] is integer 1: expected a duration such as \"10s\", from 1s to 1m\n\
         polywire.toml:7:1: missing key \"transport\" in [channel.b]: expected one of \"amqp\", \"http\", \"memory\"\n\
         polywire.toml:8:1: unknown key \"trasport\" in [channel.b]: did you mean \"transport\"? valid keys: contract, need, require, timeout, transport\n\
         polywire.toml:9:2: unknown section [extra]: valid sections: channel, service, transport",
    ),
];

#[test]
fn every_mistake_names_place_value_and_way_out() {
    for (text, expected) in CASES {
        let document = Document::parse("polywire.toml", text, &environment(&[("HOST", "db")]));
        assert_eq!(&wrong(&document), expected, "\n{text}");
    }
}

#[test]
fn columns_count_characters() {
    let document = parse("[transport.x]\ntls = { \"ü€\" = 1 }\nhosts = [\"ß\", 1]\n");
    assert_eq!(
        wrong(&document),
        "polywire.toml:2:9: unknown key \"ü€\" in [transport.x.tls]: valid keys: cert\n\
         polywire.toml:3:15: item 2 of \"hosts\" in [transport.x] is integer 1: expected a string"
    );
}

#[test]
fn a_reader_reports_what_it_finds_wrong() {
    let document = parse("[channel.orders]\nrequire = \"1.2\"\ntransport = \"htp\"\n");
    let orders = document
        .root()
        .section_or_empty("channel")
        .section_or_empty("orders");
    orders.mistake("require", "bare version \"1.2\": write \"^1.2\"");
    orders.unknown_value("transport", "transport", "htp", ["http", "memory"]);
    orders.unknown_value("absent", "codec", "zip", []);
    let mistakes = document.finish().unwrap_err();
    assert_eq!(
        mistakes.to_string(),
        "polywire.toml:1:1: unknown codec \"zip\": valid: none\n\
         polywire.toml:2:11: bare version \"1.2\": write \"^1.2\"\n\
         polywire.toml:3:13: unknown transport \"htp\": did you mean \"http\"? valid: http, memory"
    );
    let last = mistakes.iter().last().unwrap();
    assert_eq!(last.file(), "polywire.toml");
    assert_eq!(
        (last.line(), last.column(), last.variable()),
        (Some(3), Some(13), None)
    );
    assert_eq!(last.key(), "channel.orders.transport");
    assert_eq!(
        (last.found(), last.suggestion()),
        (Some("\"htp\""), Some("http"))
    );
}

#[test]
fn mistakes_serialize_for_machines() {
    let document = parse("[channel.x]\ntransport = \"htp\"\n");
    read(&document);
    let mistakes = document.finish().unwrap_err();
    assert_eq!(
        serde_json::to_value(&mistakes).unwrap(),
        serde_json::json!([{
            "file": "polywire.toml",
            "line": 2,
            "column": 13,
            "key": "channel.x.transport",
            "found": "\"htp\"",
            "message": "\"transport\" in [channel.x] is string \"htp\": did you mean \"http\"? expected one of \"amqp\", \"http\", \"memory\"",
            "suggestion": "http",
        }])
    );
}

#[test]
fn too_many_mistakes_are_counted() {
    let mut text = "[service]\n".to_owned();
    for n in 0..250 {
        text.push_str(&format!("zz{n} = {n}\n"));
    }
    let document = parse(&text);
    let shown = wrong(&document);
    assert_eq!(shown.lines().count(), 201);
    assert!(shown.ends_with("\nand 50 more"), "{shown}");
    assert_eq!(document.finish().unwrap_err().count(), 250);
}

#[test]
fn what_a_syntax_error_swallowed_is_not_missing() {
    let document = parse("[channel.orders]\ntransport \"http\"\n\n[channel.bills]\n");
    assert_eq!(
        wrong(&document),
        "polywire.toml:2:11: key with no value, expected `=`\n\
         polywire.toml:4:1: missing key \"transport\" in [channel.bills]: expected one of \"amqp\", \"http\", \"memory\""
    );
}
