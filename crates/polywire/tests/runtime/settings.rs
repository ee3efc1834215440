use std::sync::Arc;

use polywire::config::{Environment, Section};
use polywire::{Polywire, Transport, TransportFactory, core};

use crate::recorder::Recorder;

fn mistakes_with(text: &str, environment: Environment) -> Vec<String> {
    let builder = Polywire::builder()
        .config_text("polywire.toml", text)
        .environment(environment);
    let report = builder.transport(Recorder::default()).unwrap().check();
    report.mistakes.iter().map(ToString::to_string).collect()
}

fn mistakes(text: &str) -> Vec<String> {
    mistakes_with(text, Environment::new())
}

#[track_caller]
fn assert_mistakes(text: &str, expected: &[&str]) {
    let expected: Vec<String> = expected
        .iter()
        .map(|line| format!("polywire.toml:{line}"))
        .collect();
    assert_eq!(mistakes(text), expected, "{text}");
}

#[test]
fn nothing_configured_is_no_mistake() {
    assert_mistakes("", &[]);
    assert_mistakes("[service]\n[channel]\n[transport]\n", &[]);
}

#[test]
fn sections_and_keys() {
    assert_mistakes(
        "[chanel.orders]\ntransport = \"memory\"\n",
        &[
            "1:2: unknown section [chanel]: did you mean [channel]? valid sections: channel, service, transport",
        ],
    );
    assert_mistakes(
        "[channel.orders]\ntransport = \"memory\"\ntrasnport = \"memory\"\n",
        &[
            "3:1: unknown key \"trasnport\" in [channel.orders]: did you mean \"transport\"? valid keys: contract, max_duration, \
           max_in_flight, max_payload, max_timeout, need, prefetch, require, retries, skew_retries, timeout, token, transport",
        ],
    );
    assert_mistakes(
        "[service]\nnmae = \"shop\"\n",
        &[
            "2:1: unknown key \"nmae\" in [service]: did you mean \"name\"? valid keys: auth, drain_timeout, instance, name",
        ],
    );
    assert_mistakes(
        "[channel.orders]\ntransport = \"memory\"\nneed = { trsut = \"trusted\" }\n",
        &[
            "3:10: unknown key \"trsut\" in [channel.orders.need]: did you mean \"trust\"? valid keys: call, discover, durable, \
           max_payload, ordered_by_key, publish, resume, send, subscribe, trust",
        ],
    );
}

#[test]
fn transports() {
    assert_mistakes(
        "[channel.orders]\ntransport = \"memroy\"\n",
        &[&format!(
            "2:13: unknown transport \"memroy\": did you mean \"memory\"? valid: {}auto, {}memory, {}recorder{}",
            amqp(),
            http(),
            plugin(),
            webhook()
        )],
    );
    assert_mistakes(
        "[channel.orders]\ntransport = \"local\"\n[transport.local]\ntype = \"memroy\"\n",
        &[&format!(
            "4:8: unknown transport \"memroy\": did you mean \"memory\"? valid: {}{}memory, {}recorder{}",
            amqp(),
            http(),
            plugin(),
            webhook()
        )],
    );
    assert_mistakes(
        "[channel.orders]\ntransport = \"recodrer\"\n[transport.recodrer]\nfails = 1\n",
        &[&format!(
            "3:1: no transport is called \"recodrer\": did you mean [transport.recorder]? name its type with type = \"...\", valid: {}{}memory, {}recorder{}",
            amqp(),
            http(),
            plugin(),
            webhook()
        )],
    );
    assert_mistakes(
        "[channel.orders]\ntransport = \"recorder\"\n[transport.recorder]\nfals = 1\n",
        &[
            "3:1: missing key \"fails\" in [transport.recorder]: expected an integer from 0 to 100",
            "4:1: unknown key \"fals\" in [transport.recorder]: did you mean \"fails\"? valid keys: fails, type",
        ],
    );
}

#[test]
fn channels_without_a_transport() {
    assert_mistakes(
        "[channel.orders]\n",
        &[&format!(
            "1:1: no transport for [channel.orders] and none is configured: write transport = \"memory\", or one of {}{}memory, {}recorder{} with its table [transport.NAME]",
            amqp(),
            http(),
            plugin(),
            webhook()
        )],
    );
    assert_mistakes(
        "[channel.orders]\n[transport.recorder]\nfails = 0\n[transport.memory]\n",
        &[
            "1:1: no transport for [channel.orders] and 2 are configured: write transport = \"recorder\", or one of recorder, memory, or \"auto\" for the first that fits",
        ],
    );
    // What is wrong with the only table is enough.
    assert_mistakes(
        "[channel.orders]\n[transport.recorder]\n",
        &["2:1: missing key \"fails\" in [transport.recorder]: expected an integer from 0 to 100"],
    );
}

#[test]
fn needs() {
    assert_mistakes(
        "[channel.orders]\ntransport = \"memory\"\nneed = { trust = \"untrusted\", durable = true }\n[transport.recorder]\nfails = 0\n",
        &[
            "3:18: transport \"memory\" does not give \"trust\" of [channel.orders.need]: needs untrusted, has trusted; no configured transport gives all that is needed",
            "3:41: transport \"memory\" does not give \"durable\" of [channel.orders.need]: needs yes, has no; no configured transport gives all that is needed",
        ],
    );
    assert_mistakes(
        "[channel.orders]\ntransport = \"memory\"\n[channel.orders.need]\ntrust = \"untrusted\"\n[transport.recorder]\nfails = 0\n",
        &[
            "4:9: transport \"memory\" does not give \"trust\" of [channel.orders.need]: needs untrusted, has trusted; all that is needed is given by recorder",
        ],
    );
    assert_mistakes(
        "[channel.orders]\ntransport = \"auto\"\nneed = { durable = true }\n[transport.recorder]\nfails = 0\n[transport.memory]\n",
        &[
            "2:13: no configured transport gives what [channel.orders] needs: recorder (durable: needs yes, has no), memory (durable: needs yes, has no)",
        ],
    );
    assert_mistakes(
        "[channel.orders]\ntransport = \"memory\"\nneed = { call = \"natvie\" }\n",
        &[
            "3:17: \"call\" in [channel.orders.need] is string \"natvie\": did you mean \"native\"? expected one of \"native\", \"emulated\"",
        ],
    );
}

#[test]
fn requirements_and_names() {
    let lines = mistakes(
        "[channel.orders]\ntransport = \"memory\"\nrequire = [\"^1.2\", \"1.2\", \"^^\"]\n",
    );
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|line| line == "polywire.toml:3:11: bare version \"1.2\": write \"^1.2\""),
        "{lines:?}"
    );
    let lines = mistakes("[channel.orders]\ntransport = \"memory\"\nrequire = []\n");
    assert_eq!(
        lines,
        [
            "polywire.toml:3:11: requirement on contract \"orders\" has no range: give at least one, such as \"^1.2\""
        ]
    );
    let lines = mistakes("[channel.Orders]\ntransport = \"memory\"\n");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("polywire.toml:1:1: "), "{lines:?}");
    assert!(
        lines[0].ends_with("; name the contract of this channel with contract = \"...\""),
        "{lines:?}"
    );
    assert_mistakes(
        "[channel.Orders]\ncontract = \"orders\"\ntransport = \"memory\"\n",
        &[],
    );
}

#[test]
fn values_out_of_range() {
    assert_mistakes(
        "[service]\ndrain_timeout = \"0s\"\ninstance = \"a b\"\n[channel.orders]\ntransport = \"recorder\"\nmax_payload = \"1MiB\"\nretries = 11\n\
         timeout = 10\ntoken = \"two words\"\n[transport.recorder]\nfails = 0\n",
        &[
            "2:17: \"drain_timeout\" in [service] is string \"0s\": expected a duration such as \"10s\", from 1ms to 1h",
            "3:12: instance of 3 bytes: expected 1 to 100 printable ASCII characters without spaces",
            "6:15: max_payload of 1048576 bytes: transport \"recorder\" carries at most 1024; raise max_payload in its table or lower this one",
            "7:11: \"retries\" in [channel.orders] is integer 11: expected an integer from 0 to 10",
            "8:11: \"timeout\" in [channel.orders] is integer 10: expected a duration such as \"10s\", from 1ms to 1d",
            "9:9: token of 9 bytes: expected 1 to 8192 printable ASCII characters",
        ],
    );
}

#[test]
fn timeouts_fit_together() {
    assert_mistakes(
        "[channel.orders]\ntransport = \"memory\"\ntimeout = \"20s\"\nmax_timeout = \"10s\"\n",
        &["3:11: timeout of 20s and max_timeout of 10s: lower the first or raise the second"],
    );
}

/// A transport whose factory gives up without a word.
struct Mute;

impl TransportFactory for Mute {
    fn name(&self) -> &'static str {
        "mute"
    }

    fn summary(&self) -> &'static str {
        "makes nothing"
    }

    fn build(&self, _: &Section, _: &core::Environment) -> Option<Arc<dyn Transport>> {
        None
    }
}

#[test]
fn a_transport_that_is_not_made_is_a_mistake() {
    let check = |text: &str| {
        let builder = Polywire::builder().config_text("polywire.toml", text);
        let report = builder
            .environment(Environment::new())
            .transport(Mute)
            .unwrap()
            .check();
        report
            .mistakes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let why = "transport type \"mute\" made nothing of this table and does not say why";
    assert_eq!(
        check("[channel.orders]\n[transport.mute]\n"),
        [format!("polywire.toml:2:1: {why}")]
    );
    assert_eq!(
        check("[channel.orders]\ntransport = \"mute\"\n"),
        [format!("polywire.toml:1:1: {why}")]
    );
}

#[test]
fn variables() {
    let environment = Environment::new()
        .with("POLYWIRE_CHANNEL_ORDERS_TRASNPORT", "memory")
        .with("POLYWIRE_CHANNEL_ORDERS_REQUIRE", "1.2");
    let lines = mistakes_with(
        "[channel.orders]\ntransport = \"memory\"\ntoken = \"${SHOP_TOKEN}\"\n",
        environment,
    );
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(
        lines[0],
        "polywire.toml:3:10: \"token\" in [channel.orders]: environment variable SHOP_TOKEN is not set: set it, or give a default: ${SHOP_TOKEN:-...}"
    );
    assert_eq!(
        lines[1],
        "POLYWIRE_CHANNEL_ORDERS_REQUIRE: bare version \"1.2\": write \"^1.2\""
    );
    assert!(
        lines[2].starts_with("POLYWIRE_CHANNEL_ORDERS_TRASNPORT: sets no key in [channel.orders]: did you mean POLYWIRE_CHANNEL_ORDERS_TRANSPORT?"),
        "{lines:?}"
    );
}

#[cfg(not(feature = "jwt"))]
#[test]
fn tokens_need_a_feature() {
    assert_mistakes(
        "[service.auth]\nalgorithms = [\"HS256\"]\n",
        &[
            "1:1: [service.auth] is not part of this program: build it with the feature \"jwt\" of polywire, or remove the table",
        ],
    );
}

/// What lists of transports begin with, where this build has it.
fn amqp() -> &'static str {
    if cfg!(feature = "amqp") { "amqp, " } else { "" }
}

/// The plugin transport in a list of names, when this build has it.
fn plugin() -> &'static str {
    if cfg!(feature = "plugin") {
        "plugin, "
    } else {
        ""
    }
}

/// What lists of transports end with, where this build has it.
fn webhook() -> &'static str {
    if cfg!(feature = "webhook") {
        ", webhook"
    } else {
        ""
    }
}

/// The HTTP transport in a list of names, when this build has it.
fn http() -> &'static str {
    if cfg!(feature = "http") { "http, " } else { "" }
}
