//! A reader such as the crate's own and a third party's, against texts right and wrong.

mod environment;
mod hostile;
mod mistakes;
mod printing;
mod reading;

use super::{Document, Environment, Section};
use std::time::Duration;

fn parse(text: &str) -> Document {
    Document::parse("polywire.toml", text, &Environment::new())
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().copied().collect()
}

/// Everything wrong with a document after it was read, a line each.
fn wrong(document: &Document) -> String {
    read(document);
    document
        .finish()
        .map_or_else(|mistakes| mistakes.to_string(), |()| String::new())
}

/// Reads a whole file, each kind of value at least once.
fn read(document: &Document) {
    let root = document.root();
    let service = root.section_or_empty("service");
    service.identifier("name");
    service.finish();
    for channel in root.section_or_empty("channel").sections() {
        read_channel(&channel);
    }
    for transport in root.section_or_empty("transport").sections() {
        read_transport(&transport);
    }
    root.finish();
}

fn read_channel(channel: &Section) {
    channel.identifier("contract");
    channel.list_separated_by("require", ';');
    let transport = channel.one_of("transport", &["amqp", "http", "memory"]);
    channel.require("transport", transport);
    channel.duration("timeout", seconds(1)..=seconds(60));
    if let Some(need) = channel.section("need") {
        need.one_of("trust", &["trusted", "untrusted"]);
        need.finish();
    }
    channel.finish();
}

fn read_transport(transport: &Section) {
    transport.string("type");
    transport.string("url");
    transport.secret("token");
    transport.bool("compress");
    transport.integer("connections", 1..=64_u16);
    transport.size("max_body", 1..=1 << 20);
    transport.address("listen");
    transport.parse::<f64>("ratio", "a number");
    transport.list("hosts");
    let tls = transport.section_or_empty("tls");
    tls.path("cert");
    tls.finish();
    transport.finish();
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
