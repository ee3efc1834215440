//! Encrypted connections, and logins by certificate.

use std::time::Duration;

use polywire_amqp::{AmqpConfig, AmqpTransport, TlsConfig};
use polywire_core::{Channel, Health};
use polywire_test_broker::{Broker, Options, Tls};
use polywire_testkit::sample::{Edition, interaction};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio::task::block_in_place;

use crate::support::stage::{provider, session, until};

/// The user whom the client's certificate names.
const USER: &str = "storefront";

/// A folder with an authority, and its certificates for the broker and for a user.
fn certificates() -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority
        .distinguished_name
        .push(DnType::CommonName, "test authority");
    let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    write("ca.pem", issuer.pem());
    for (name, common_name) in [("server", "localhost"), ("client", USER)] {
        let key = KeyPair::generate().unwrap();
        let hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(hosts).unwrap();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        write(
            &format!("{name}.pem"),
            params.signed_by(&key, &issuer).unwrap().pem(),
        );
        write(&format!("{name}.key"), key.serialize_pem());
    }
    folder
}

/// Both the broker and the client show a certificate of the configured authority; with EXTERNAL it is the login as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_checked_and_can_be_the_login() {
    let folder = certificates();
    let path = |name: &str| folder.path().join(name);
    let options = Options::new()
        .plugin("rabbitmq_auth_mechanism_ssl")
        .conf("auth_mechanisms.1 = PLAIN")
        .conf("auth_mechanisms.2 = EXTERNAL")
        .conf("ssl_cert_login_from = common_name")
        .tls(Tls {
            ca: path("ca.pem"),
            certificate: path("server.pem"),
            key: path("server.key"),
            verify_peer: true,
        });
    let broker = block_in_place(|| Broker::start(&options)).unwrap();
    block_in_place(|| broker.ctl(&["add_user", USER, "unused"])).unwrap();
    block_in_place(|| broker.ctl(&["set_permissions", USER, ".*", ".*", ".*"])).unwrap();
    let port = broker.tls_port().unwrap();
    let whole = TlsConfig {
        ca: Some(path("ca.pem")),
        cert: Some(path("client.pem")),
        key: Some(path("client.key")),
    };
    let config = |url: String, tls: &TlsConfig| {
        let mut config = AmqpConfig::new(vec![url.parse().unwrap()]);
        config.tls = Some(tls.clone());
        config
    };
    let mut providers = Vec::new();
    for url in [
        format!("amqps://guest:guest@localhost:{port}/%2f"),
        format!("amqps://127.0.0.1:{port}/%2f?auth_mechanism=external"),
    ] {
        let provider = provider(&config(url, &whole), &[Edition::V1_4]).await;
        session(&provider.channel, "^1.4", Duration::from_secs(20))
            .call(interaction::ECHO, r#"{"text":"a"}"#.into())
            .await
            .unwrap();
        providers.push(provider);
    }
    let users =
        block_in_place(|| broker.ctl(&["list_connections", "user", "auth_mechanism", "ssl"]))
            .unwrap();
    let expected = [USER, "EXTERNAL", "true"];
    assert!(
        users
            .lines()
            .any(|line| line.split_whitespace().eq(expected)),
        "{users}"
    );
    let strangers = [
        // Nobody known signed the broker's certificate.
        TlsConfig {
            ca: None,
            ..whole.clone()
        },
        // The broker wants one of ours.
        TlsConfig {
            cert: None,
            key: None,
            ..whole.clone()
        },
    ];
    for tls in strangers {
        let url = format!("amqps://guest:guest@localhost:{port}/%2f");
        let channel = AmqpTransport::new(config(url, &tls)).unwrap().open();
        until("a failed attempt", || matches!(channel.health(), Health::Degraded(why) if why.contains("cannot connect to amqps://"))).await;
        assert_ne!(channel.health(), Health::Ready);
    }
}
