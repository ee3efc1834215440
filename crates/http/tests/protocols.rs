//! HTTP/2 and TLS.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::PathBuf;
use std::time::Duration;

use polywire_core::{CallError, ErrorKind, Group};
use polywire_http::{HttpConfig, Protocol, TlsConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use support::*;
use tempfile::TempDir;

/// An authority, and certificates of it for a server on this machine and for a client.
struct Authority {
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { folder };
        std::fs::write(authority.path("ca.pem"), issuer.pem()).unwrap();
        for name in ["server", "client"] {
            let key = KeyPair::generate().unwrap();
            let params =
                CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])
                    .unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            std::fs::write(authority.path(&format!("{name}.pem")), certificate.pem()).unwrap();
            std::fs::write(authority.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
        }
        authority
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn server(&self) -> TlsConfig {
        TlsConfig {
            cert: Some(self.path("server.pem")),
            key: Some(self.path("server.key")),
            ..TlsConfig::default()
        }
    }

    fn client(&self) -> TlsConfig {
        TlsConfig {
            ca: Some(self.path("ca.pem")),
            ..TlsConfig::default()
        }
    }
}

async fn everything(served: &Served, consumer_config: HttpConfig) {
    let session = session_over(consumer(consumer_config).await, "1.4.0", "^1.2");
    let whole = Quote {
        item: "hat".to_owned(),
        fill: "x".repeat(1024 * 1024),
    };
    assert_eq!(
        session
            .request::<_, Quote, OrdersError>(QUOTE, &whole)
            .await
            .unwrap(),
        whole
    );
    let sent = Quote {
        item: "hat".to_owned(),
        fill: "x".repeat(96 * 1024),
    };
    let calls = (0..20).map(|_| session.request::<_, Quote, OrdersError>(QUOTE, &sent));
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap(), sent);
    }
    let error = session
        .request::<_, Quote, OrdersError>(QUOTE, &quote("none"))
        .await
        .unwrap_err();
    assert!(matches!(error, CallError::App(_)), "{error}");
    session.command(CANCEL, &quote("a")).await.unwrap();
    served.seen.until(&served.seen.commands, 1).await;
    let mut events = session
        .subscribe::<Quote>(SHIPPED, Group::alone())
        .await
        .unwrap();
    served.ship("1.4.0", "a").await;
    let delivery = tokio::time::timeout(Duration::from_secs(10), events.next())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(delivery.event.item, "a");
    delivery.ack().await.unwrap();
    let narrow = session_over(session.channel().clone(), "1.5.0", "^1.5");
    let error = narrow
        .request::<_, Quote, OrdersError>(QUOTE, &quote("hat"))
        .await
        .unwrap_err();
    assert_eq!(error.wire().unwrap().kind(), ErrorKind::NoMatch);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_without_tls() {
    for listened in [Protocol::Auto, Protocol::Http2] {
        let served = serve_with(
            "1.4.0",
            HttpConfig {
                protocol: listened,
                ..local()
            },
        )
        .await;
        everything(
            &served,
            HttpConfig {
                protocol: Protocol::Http2,
                ..consumer_config(served.address)
            },
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_with_either_version() {
    let authority = Authority::new();
    let served = serve_with(
        "1.4.0",
        HttpConfig {
            tls: Some(authority.server()),
            ..local()
        },
    )
    .await;
    let url = served.channel.address().await.unwrap();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    for protocol in [Protocol::Auto, Protocol::Http1, Protocol::Http2] {
        let config = HttpConfig {
            urls: vec![url.parse().unwrap()],
            protocol,
            tls: Some(authority.client()),
            ..HttpConfig::default()
        };
        everything(&served, config).await;
    }
}

#[tokio::test]
async fn unknown_authorities_are_refused_on_both_ends() {
    let authority = Authority::new();
    let tls = TlsConfig {
        client_ca: Some(authority.path("ca.pem")),
        ..authority.server()
    };
    let served = serve_with(
        "1.4.0",
        HttpConfig {
            tls: Some(tls),
            ..local()
        },
    )
    .await;
    let url = served.channel.address().await.unwrap();
    let config = |tls| HttpConfig {
        urls: vec![url.parse().unwrap()],
        tls,
        ..HttpConfig::default()
    };
    let certified = TlsConfig {
        client_cert: Some(authority.path("client.pem")),
        client_key: Some(authority.path("client.key")),
        ..authority.client()
    };
    everything(&served, config(Some(certified))).await;
    let calls = served.seen.calls.load(std::sync::atomic::Ordering::SeqCst);
    for (tls, why) in [
        (None, "invalid peer certificate: UnknownIssuer"),
        (Some(authority.client()), ""),
    ] {
        let session = session_over(consumer(config(tls)).await, "1.4.0", "^1.2");
        let error = refusal_of(&session, "hat").await;
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.message().contains(why), "{error}");
    }
    assert_eq!(
        served.seen.calls.load(std::sync::atomic::Ordering::SeqCst),
        calls
    );
}

#[tokio::test]
async fn unusable_files_are_named() {
    let authority = Authority::new();
    std::fs::write(authority.path("empty.pem"), "nothing").unwrap();
    let tls = TlsConfig {
        cert: Some(authority.path("empty.pem")),
        ..authority.server()
    };
    let transport = polywire_http::HttpTransport::new(
        HttpConfig {
            tls: Some(tls),
            ..local()
        },
        false,
    )
    .unwrap();
    let channel = polywire_core::Transport::channel(&transport, "orders")
        .await
        .unwrap();
    let service = polywire_core::Service::new(Orders::new("1.4.0")).unwrap();
    let error = channel
        .serve(std::sync::Arc::new(service))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = format!(
        "tls file {} cannot be used: it holds no certificate in PEM form",
        authority.path("empty.pem").display()
    );
    assert_eq!(error.to_string(), text);
}
