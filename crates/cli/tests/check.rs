//! The real command on real files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

use std::path::Path;
use std::process::Command;

struct Folder(tempfile::TempDir);

impl Folder {
    fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("polywire.toml"), config).unwrap();
        Self(folder)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// The command in this folder, with no variable of this process that could mean it.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polywire"));
        command.args(arguments).current_dir(self.path()).env_clear();
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, &[])
    }

    fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        Ran::of(command)
    }
}

#[derive(Debug, PartialEq)]
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn of(mut command: Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

const GOOD: &str = r#"[service]
name = "storefront"

[channel.orders]
require = ["^2.0", "^1.2"]
transport = "auto"
need = { trust = "untrusted" }

[channel.billing]
transport = "local"

[transport.local]
type = "memory"

[transport.http]
url = "http://127.0.0.1:7411"
"#;

#[test]
fn channels_and_transports_are_printed() {
    let ran = Folder::with(GOOD).run(&["check"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let expected = "\
channel  contract  requires              needs             transport  why
billing  billing   the client's version  -                 local      named by \"transport\"
orders   orders    ^2.0; ^1.2            trust: untrusted  http       the first that gives all that is needed; not local (trust: needs untrusted, has trusted)

transport  type    trust      call    send    publish   subscribe  discover  ordered_by_key  resume  durable  max_payload
local      memory  trusted    native  native  native    native     yes       yes             yes     no       2097152
http       http    untrusted  native  native  emulated  emulated   yes       yes             yes     no       2097152
";
    assert_eq!(ran.out, expected);
}

#[test]
fn the_file_may_be_named() {
    let folder = Folder::with(GOOD);
    std::fs::rename(
        folder.path().join("polywire.toml"),
        folder.path().join("shop.toml"),
    )
    .unwrap();
    let named = folder.run(&["check", "shop.toml"]);
    assert_eq!(named.code, Some(0), "{named:?}");
    let by_variable = folder.run_with(&["check"], &[("POLYWIRE_CONFIG", "shop.toml")]);
    assert_eq!(by_variable, named);
}

#[test]
fn the_environment_counts() {
    let folder = Folder::with(GOOD);
    let ran = folder.run_with(
        &["check"],
        &[("POLYWIRE_CHANNEL_BILLING_TRANSPORT", "http")],
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.out
            .contains("billing  billing   the client's version  -                 http "),
        "{}",
        ran.out
    );
    let ran = folder.run_with(
        &["check"],
        &[("POLYWIRE_CHANNEL_BILLING_TRANSPROT", "http")],
    );
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.err.starts_with(
            "POLYWIRE_CHANNEL_BILLING_TRANSPROT: sets no key in [channel.billing]: did you mean POLYWIRE_CHANNEL_BILLING_TRANSPORT? valid keys: "
        ),
        "{}",
        ran.err
    );
}

/// One of every kind of mistake.
const BAD: &str = r#"[service]
drain_timeout = 30

[channel.orders]
trasport = "http"
transport = "htpp"
require = "1.2"

[channel.billing]
transport = "memory"
need = { trust = "untrusted" }

[channel.crm]
transport = "http"
token = "${CRM_TOKEN}"

[transport.http]
url = "http://127.0.0.1:7411"

[transprot.amqp]
"#;

const MISTAKES: [&str; 8] = [
    "polywire.toml:2:17: \"drain_timeout\" in [service] is integer 30: expected a duration such as \"10s\", from 1ms to 1h",
    "polywire.toml:5:1: unknown key \"trasport\" in [channel.orders]: did you mean \"transport\"? valid keys: contract, max_duration, \
     max_in_flight, max_payload, max_timeout, need, prefetch, require, retries, skew_retries, timeout, token, transport",
    "polywire.toml:6:13: unknown transport \"htpp\": did you mean \"http\"? valid: amqp, auto, http, memory, plugin, webhook",
    "polywire.toml:7:11: bare version \"1.2\": write \"^1.2\"",
    "polywire.toml:11:18: transport \"memory\" does not give \"trust\" of [channel.billing.need]: needs untrusted, has trusted; all that is needed is given by http",
    "polywire.toml:15:10: \"token\" in [channel.crm]: environment variable CRM_TOKEN is not set: set it, or give a default: ${CRM_TOKEN:-...}",
    "polywire.toml:20:2: unknown section [transprot]: did you mean [transport]? valid sections: channel, service, transport",
    "7 mistakes",
];

#[test]
fn all_mistakes_are_told_at_once() {
    let ran = Folder::with(BAD).run(&["check"]);
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.err.lines().collect::<Vec<_>>(), MISTAKES);
    let expected = "\
channel  contract  requires              needs             transport  why
billing  billing   the client's version  trust: untrusted  -          refused: memory (trust: needs untrusted, has trusted)
crm      crm       the client's version  -                 http       named by \"transport\"
orders   orders    the client's version  -                 -

transport  type    trust      call    send    publish   subscribe  discover  ordered_by_key  resume  durable  max_payload
http       http    untrusted  native  native  emulated  emulated   yes       yes             yes     no       2097152
memory     memory  trusted    native  native  native    native     yes       yes             yes     no       2097152
";
    assert_eq!(ran.out, expected);
}

#[test]
fn scripts_read_json() {
    let ran = Folder::with(BAD).run(&["check", "--format", "json"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let mistakes = json["mistakes"].as_array().unwrap();
    assert_eq!(mistakes.len(), 7);
    assert_eq!(
        mistakes[2],
        serde_json::json!({
            "file": "polywire.toml",
            "line": 6,
            "column": 13,
            "key": "channel.orders.transport",
            "found": "\"htpp\"",
            "message": "unknown transport \"htpp\": did you mean \"http\"? valid: amqp, auto, http, memory, plugin, webhook",
            "suggestion": "http",
        })
    );
    assert_eq!(
        json["channels"][0]["candidates"][0]["lacks"],
        serde_json::json!(["trust: needs untrusted, has trusted"])
    );

    let good = Folder::with(GOOD).run(&["check", "--format", "json"]);
    assert_eq!((good.code, good.err.as_str()), (Some(0), ""));
    let json: serde_json::Value = serde_json::from_str(&good.out).unwrap();
    assert_eq!(json["mistakes"], serde_json::json!([]));
    assert_eq!(json["channels"][1]["transport"], "http");
    assert_eq!(json["channels"][1]["capability"]["publish"], "emulated");
}

#[test]
fn a_missing_file_is_one_mistake() {
    let folder = Folder::with("");
    let ran = folder.run(&["check", "none.toml"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    let lines: Vec<&str> = ran.err.lines().collect();
    assert!(
        lines[0].starts_with("none.toml: no such file in ")
            && lines[0].ends_with(": write one like:"),
        "{}",
        ran.err
    );
    assert_eq!(lines[1].trim(), "[channel.orders]");
    assert_eq!(lines.last(), Some(&"1 mistake"));
}

#[test]
fn an_empty_file_is_good() {
    let ran = Folder::with("").run(&["check"]);
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (Some(0), "polywire.toml: no channels\n", "")
    );
}

#[test]
fn secrets_are_never_printed() {
    let text = "[channel.orders]\ntransport = \"memory\"\ntoken = \"hunter2 hunter2\"\n[transport.http]\nurl = \"${URL}\"\n";
    for format in ["text", "json"] {
        let folder = Folder::with(text);
        let ran = folder.run_with(
            &["check", "--format", format],
            &[("URL", "ftp://user:hunter2@example.org")],
        );
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(
            !ran.out.contains("hunter2") && !ran.err.contains("hunter2"),
            "{ran:?}"
        );
    }
}

#[test]
fn a_broker_is_known_with_what_it_can_do_and_what_is_wrong_about_it() {
    let good = "[channel.orders]\ntransport = \"rabbit\"\nneed = { durable = true }\n\
        [transport.rabbit]\ntype = \"amqp\"\nurl = [\"amqp://127.0.0.1:5672/%2f\", \"amqp://127.0.0.1:5673/%2f\"]\n";
    let ran = Folder::with(good).run(&["check"]);
    let expected = "\
channel  contract  requires              needs         transport  why
orders   orders    the client's version  durable: yes  rabbit     named by \"transport\"

transport  type  trust    call      send    publish  subscribe  discover  ordered_by_key  resume  durable  max_payload
rabbit     amqp  trusted  emulated  native  native   native     yes       no              yes     yes      2097152
";
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (Some(0), expected, "")
    );

    let bad = "[channel.orders]\ntransport = \"amqp\"\nneed = { ordered_by_key = true }\n\
        [transport.amqp]\nurl = \"ampq://guest:hunter2@127.0.0.1:5672/%2f\"\nqueue_type = \"quorm\"\n";
    let ran = Folder::with(bad).run(&["check"]);
    let lines: Vec<&str> = ran.err.lines().collect();
    assert!(
        lines[0].starts_with(
            "polywire.toml:5:7: \"ampq://guest:***@127.0.0.1:5672/%2f\" is no broker url: "
        ),
        "{}",
        ran.err
    );
    let queue_type = "polywire.toml:6:14: \"queue_type\" in [transport.amqp] is string \"quorm\": did you mean \"quorum\"? \
        expected one of \"quorum\", \"classic\"";
    assert_eq!(lines[1..], [queue_type, "2 mistakes"]);
    let ran = Folder::with(&good.replace("durable", "ordered_by_key")).run(&["check"]);
    assert_eq!(
        ran.err.lines().next(),
        Some(
            "polywire.toml:3:27: transport \"rabbit\" does not give \"ordered_by_key\" of [channel.orders.need]: needs yes, has no; \
             no configured transport gives all that is needed"
        )
    );
}

#[test]
fn wrong_use_is_told_apart() {
    let folder = Folder::with(GOOD);
    for arguments in [
        &[][..],
        &["chekc"],
        &["check", "--format", "yaml"],
        &["check", "a", "b"],
    ] {
        let ran = folder.run(arguments);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (Some(2), ""),
            "{arguments:?} {ran:?}"
        );
    }
    let ran = folder.run(&["chekc"]);
    assert!(ran.err.contains("'check'"), "{}", ran.err);
}

#[test]
fn the_version_is_that_of_the_package() {
    let ran = Folder::with("").run(&["--version"]);
    assert_eq!(
        (ran.code, ran.out),
        (Some(0), format!("polywire {}\n", env!("CARGO_PKG_VERSION")))
    );
}
