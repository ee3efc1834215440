use polywire_core::config::{Document, Environment};

use super::*;

fn read(text: &str) -> Result<AmqpConfig, String> {
    let document = Document::parse("polywire.toml", text, &Environment::new());
    let root = document.root();
    let section = root.section_or_empty("transport").section_or_empty("amqp");
    let config = AmqpConfig::read(&section, "shop");
    document.finish().map_err(|mistakes| mistakes.to_string())?;
    config.ok_or_else(|| "no config, and no mistake".to_owned())
}

#[test]
fn defaults_and_a_cluster() {
    let config = read(
        "[transport.amqp]\nurl = [\"amqp://u:p@a/%2fshop\", \"amqp://u:p@[::1]:5673/%2fshop?heartbeat=3\"]\n",
    )
    .unwrap();
    assert_eq!(config.urls.len(), 2);
    assert_eq!(config.urls[0].uri().vhost, "/shop");
    assert_eq!(config.urls[1].uri().authority.host, "::1");
    assert_eq!(config.urls[1].uri().query.heartbeat, Some(3));
    assert_eq!(config.queue_type, QueueType::Quorum);
    assert_eq!(config.connection_name, "shop");
}

#[test]
fn passwords_are_never_shown() {
    let url: BrokerUrl = "amqp://user:hunter2@host/%2f".parse().unwrap();
    assert_eq!(url.to_string(), "amqp://user:***@host/%2f");
    assert!(!format!("{url:?}").contains("hunter2"));
    let error = "amqp://user:hunter2@/".parse::<BrokerUrl>().unwrap_err();
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    let error = read("[transport.amqp]\nurl = \"http://user:hunter2@host\"\n").unwrap_err();
    assert!(!error.contains("hunter2"), "{error}");
    assert!(
        error.contains("is no broker url: Invalid AMQP scheme: http"),
        "{error}"
    );
}

#[test]
fn what_contradicts_is_a_mistake() {
    for (text, expected) in [
        ("", "url"),
        (
            "url = \"amqp://h/?auth_mechanism=external\"",
            "needs a client certificate, and so amqps",
        ),
        (
            "url = \"amqp://h/?auth_mechanism=anonymous\"",
            "auth_mechanism=ANONYMOUS is not spoken",
        ),
        ("url = \"amqp://h\"\nqueue_type = \"mirrored\"", "quorum"),
        (
            "url = \"amqp://h\"\n[transport.amqp.tls]\nca = \"ca.pem\"",
            "certificates without an amqps url",
        ),
        (
            "url = \"amqps://h\"\n[transport.amqp.tls]\ncert = \"c.pem\"",
            "needs key too",
        ),
        ("url = \"amqp://h\"\nprefecht = 3", "prefecht"),
    ] {
        let error = read(&format!("[transport.amqp]\n{text}\n")).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
