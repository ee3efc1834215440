//! A rolling deployment: versions 1.4 and 1.5 behind one address that hands connections to each in turn.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use polywire_core::contract::{Requirement, Retry};
use polywire_core::{CallError, Channel, ErrorKind, Policy, Session};
use polywire_http::HttpConfig;
use support::*;
use tokio::net::{TcpListener, TcpStream};

/// A load balancer that knows connections only.
async fn balance(replicas: [SocketAddr; 2]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for turn in 0.. {
            let Ok((mut near, _)) = listener.accept().await else {
                return;
            };
            let replica = replicas[turn % 2];
            tokio::spawn(async move {
                if let Ok(mut far) = TcpStream::connect(replica).await {
                    let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_handler_runs_for_a_requirement_it_does_not_meet() {
    let (old, new) = (serve("1.4.0").await, serve("1.5.0").await);
    let address = balance([old.address, new.address]).await;
    // The balancer is as good as random under load, so the budget is what makes bad luck unlikely.
    let policy = Policy {
        skew_retries: 16,
        ..Policy::default()
    };
    let narrow = Session::new(
        consumer(consumer_config(address)).await,
        contract("1.5.0"),
        Requirement::parse_list(ORDERS, "^1.5").unwrap(),
        policy,
    )
    .unwrap();
    // One call alone: refused once at most, and the session knows that there is another replica.
    let _: Quote = narrow
        .request::<_, _, OrdersError>(QUOTE, &quote("version"))
        .await
        .unwrap();
    let wide = session(address, "1.2.0", "^1.2").await;
    let mut callers = Vec::new();
    for caller in 0..16 {
        let session = if caller % 2 == 0 {
            narrow.clone()
        } else {
            wide.clone()
        };
        callers.push(tokio::spawn(async move {
            let mut versions = Vec::new();
            for _ in 0..50 {
                let answer: Quote = session
                    .request::<_, _, OrdersError>(QUOTE, &quote("version"))
                    .await
                    .unwrap();
                versions.push(answer.item);
            }
            (caller, versions)
        }));
    }
    let mut narrow_calls = 0;
    for caller in callers {
        let (caller, versions) = caller.await.unwrap();
        if caller % 2 == 0 {
            assert!(
                versions.iter().all(|version| version == "1.5.0"),
                "{versions:?}"
            );
            narrow_calls += versions.len();
        }
    }
    let (old, new) = (
        old.seen.calls.load(Ordering::SeqCst),
        new.seen.calls.load(Ordering::SeqCst),
    );
    // Each call ran once, and those of ^1.5 on 1.5 only.
    assert_eq!(old + new, 801, "every call ran exactly once");
    assert!(new >= narrow_calls, "{new} on 1.5, {narrow_calls} for ^1.5");
}

/// A consumer that knows both.
async fn consumer_of(replicas: [&Served; 2]) -> Arc<dyn Channel> {
    let urls = replicas.map(|replica| format!("http://{}", replica.address).parse().unwrap());
    consumer(HttpConfig {
        urls: urls.to_vec(),
        ..HttpConfig::default()
    })
    .await
}

#[tokio::test]
async fn another_url_is_asked_when_one_refuses() {
    let (old, new) = (serve("1.4.0").await, serve("1.5.0").await);
    let channel = consumer_of([&old, &new]).await;
    let session = session_over(channel, "1.5.0", "^1.5");
    for _ in 0..20 {
        let answer: Quote = session
            .request::<_, _, OrdersError>(QUOTE, &quote("version"))
            .await
            .unwrap();
        assert_eq!(answer.item, "1.5.0");
    }
    assert_eq!(old.seen.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn events_come_from_every_url() {
    let (one, other) = (serve("1.4.0").await, serve("1.4.0").await);
    let channel = consumer_of([&one, &other]).await;
    let mut billing = session_over(channel, "1.4.0", "^1.2")
        .subscribe::<Quote>(SHIPPED, "billing")
        .await
        .unwrap();
    one.ship("1.4.0", "a").await;
    other.ship("1.4.0", "b").await;
    let mut items = Vec::new();
    for _ in 0..2 {
        let delivery = tokio::time::timeout(std::time::Duration::from_secs(10), billing.next())
            .await
            .unwrap()
            .unwrap();
        items.push(delivery.event.item.clone());
        delivery.ack().await.unwrap();
    }
    items.sort();
    assert_eq!(items, ["a", "b"]);
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_unavailable_and_named() {
    let served = serve("1.4.0").await;
    let address = served.address;
    served.channel.close().await.unwrap();
    let session = session(address, "1.4.0", "^1.2").await;
    let error = refusal_of(&session, "hat").await;
    assert_eq!(
        (error.kind(), error.retry(), error.dispatched()),
        (
            ErrorKind::Unavailable,
            Retry::Later,
            polywire_core::Dispatched::No
        )
    );
    let text = format!("call orders.quote: cannot connect to http://{address}: ");
    assert!(error.to_string().starts_with(&text), "{error}");
    assert!(
        error
            .to_string()
            .ends_with("; start the provider there or correct url"),
        "{error}"
    );
}

#[tokio::test]
async fn a_connection_that_breaks_under_a_call_may_have_run_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 64];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await;
        }
    });
    let session = session(address, "1.4.0", "^1.2").await;
    let error = refusal_of(&session, "hat").await;
    assert_eq!(
        (error.kind(), error.dispatched()),
        (ErrorKind::Unavailable, polywire_core::Dispatched::Maybe)
    );
    let text =
        format!("call orders.quote: the connection to http://{address} broke before the answer: ");
    assert!(error.to_string().starts_with(&text), "{error}");
}

/// Answers every connection with one text.
async fn impostor(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut buffer).await;
                let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes()).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn answers_of_others_are_told_from_ours() {
    for (answer, kind, message) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            ErrorKind::Integrity,
            "answered 200 OK without the version it spoke: it is no provider of ours",
        ),
        (
            "HTTP/1.1 302 Found\r\nlocation: https://login.example\r\ncontent-length: 0\r\n\r\n",
            ErrorKind::Config,
            "answered 302 Found to \"https://login.example\", and redirects are not followed: set url to where the provider is",
        ),
        (
            "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 5\r\n\r\noops!",
            ErrorKind::Unavailable,
            "answered 502 Bad Gateway without a problem document, so no provider of ours: \"oops!\"",
        ),
        (
            "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n",
            ErrorKind::Overloaded,
            "answered 429",
        ),
        (
            "SSH-2.0-OpenSSH_9.2\r\n",
            ErrorKind::Unavailable,
            "answered with something that is not the HTTP expected",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontract-version: one\r\ncontent-length: 2\r\n\r\n{}",
            ErrorKind::Integrity,
            "header contract-version is no version",
        ),
    ] {
        let address = impostor(answer).await;
        let session = session(address, "1.4.0", "^1.2").await;
        let error = refusal_of(&session, "hat").await;
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(message), "{error}");
        if kind == ErrorKind::Overloaded {
            assert_eq!(error.wait(), Some(std::time::Duration::from_secs(7)));
        }
    }
}

#[tokio::test]
async fn answers_beyond_the_bound_are_not_read() {
    let served = serve("1.4.0").await;
    let config = HttpConfig {
        max_payload: 1000,
        ..consumer_config(served.address)
    };
    let session = session_over(consumer(config).await, "1.4.0", "^1.2");
    let error = refusal_of(&session, "large").await;
    assert_eq!(
        (error.kind(), error.dispatched()),
        (ErrorKind::TooLarge, polywire_core::Dispatched::Yes)
    );
    assert!(
        error
            .message()
            .ends_with("at most 1000 are taken; raise max_payload"),
        "{error}"
    );
}

/// Whoever connects while a provider starts is refused by nobody or answered: never told that the contract is unknown.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_provider_that_starts_is_never_half_there() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    drop(taken);
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let callers: Vec<_> = (0..4)
        .map(|_| {
            let stopped = stopped.clone();
            tokio::spawn(async move {
                let session = session(address, "1.4.0", "^1.4").await;
                let mut answered = 0;
                while !*stopped.borrow() {
                    match session
                        .request::<_, Quote, OrdersError>(QUOTE, &quote("item"))
                        .await
                    {
                        Ok(_) => answered += 1,
                        Err(CallError::Wire(error)) => {
                            let kinds = [ErrorKind::Unavailable, ErrorKind::Closed];
                            assert!(kinds.contains(&error.kind()), "{error:?}");
                            tokio::task::yield_now().await;
                        }
                        Err(error) => panic!("{error}"),
                    }
                }
                answered
            })
        })
        .collect();
    let config = HttpConfig {
        listen: Some(address),
        ..HttpConfig::default()
    };
    for _ in 0..30 {
        let served = serve_with("1.4.0", config.clone()).await;
        served.seen.until(&served.seen.calls, 20).await;
        served.channel.drain().await.unwrap();
        served.channel.close().await.unwrap();
    }
    stop.send_replace(true);
    for caller in callers {
        assert!(caller.await.unwrap() > 0);
    }
}
