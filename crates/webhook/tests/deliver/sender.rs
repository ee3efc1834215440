//! The client for addresses that others chose.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Version};
use polywire_webhook::deliver::{SendLimits, Sender, SenderOptions, Sent};
use polywire_webhook::guard::{GuardedConnector, Policy};
use polywire_webhook::schedule::{Answer, Failure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::certificate::Certificate;
use crate::sink::{Sink, dripping, full, huge, status, with};
use crate::world::{Here, SOON, sender};

const LIMITS: SendLimits = SendLimits {
    deadline: SOON,
    body: 16,
};

async fn get(sender: &Sender, url: &str, limits: SendLimits) -> Sent {
    let target = sender.target(url).unwrap();
    let body = Bytes::from_static(b"hello");
    sender
        .send(&target, Method::POST, HeaderMap::new(), body, limits)
        .await
}

fn code(sent: &Sent) -> u16 {
    sent.answer
        .code()
        .unwrap_or_else(|| panic!("{:?}", sent.answer))
}

#[tokio::test]
async fn an_answer_comes_with_its_headers_and_no_more_body_than_asked_for() {
    let sink = Sink::start(async |seen| match seen.path.as_str() {
        "/short" => full(200, "a challenge"),
        "/exact" => full(200, "0123456789abcdef"),
        "/long" => full(422, "0123456789abcdefg"),
        "/huge" => huge(),
        _ => with(429, "retry-after", "7"),
    })
    .await;
    let sender = sender(SenderOptions::default());
    for (path, expected, body, whole) in [
        ("short", 200, "a challenge", true),
        ("exact", 200, "0123456789abcdef", true),
        ("long", 422, "0123456789abcdef", false),
        ("huge", 200, "xxxxxxxxxxxxxxxx", false),
    ] {
        let sent = get(&sender, &format!("{}/{path}", sink.url), LIMITS).await;
        assert_eq!(
            (code(&sent), sent.body, sent.whole),
            (expected, body.into(), whole)
        );
    }
    let sent = get(&sender, &sink.url, LIMITS).await;
    let retry_after = Some(Duration::from_secs(7));
    assert_eq!(
        sent.answer,
        Answer::Status {
            code: 429,
            retry_after
        }
    );
    assert_eq!(sent.headers["retry-after"], "7");
    assert_eq!(sink.seen()[0].body, "hello");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_not_followed() {
    let other = Sink::accepting().await;
    let location = other.url.clone();
    let sink = Sink::start(move |_| {
        let location = location.clone();
        async move { with(307, "location", &location) }
    })
    .await;
    let sent = get(&sender(SenderOptions::default()), &sink.url, LIMITS).await;
    assert_eq!((code(&sent), other.count()), (307, 0));
}

#[tokio::test]
async fn one_deadline_is_over_everything() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let sink = Sink::start(async |seen| match seen.path.as_str() {
        "/drip" => dripping(Duration::from_millis(5)),
        _ => std::future::pending().await,
    })
    .await;
    let sender = sender(SenderOptions::default());
    let limits = SendLimits {
        deadline: Duration::from_millis(300),
        body: 4096,
    };
    for url in [
        format!("{}/drip", sink.url),
        format!("{}/never", sink.url),
        // It takes connections and says nothing: to plain text, and to what would encrypt it.
        format!("http://127.0.0.1:{port}/"),
        format!("https://127.0.0.1:{port}/"),
    ] {
        let sent = get(&sender, &url, limits).await;
        assert_eq!(sent.answer, Answer::Failed(Failure::Timeout), "{url}");
        assert!(
            sent.took >= limits.deadline && sent.took < SOON,
            "{:?}",
            sent.took
        );
    }
    // The connection's own bound, shorter than the request's.
    let options = SenderOptions {
        connect: Duration::from_millis(200),
        ..SenderOptions::default()
    };
    let sent = get(
        &crate::world::sender(options),
        &format!("https://127.0.0.1:{port}/"),
        LIMITS,
    )
    .await;
    assert_eq!(sent.answer, Answer::Failed(Failure::Timeout));
}

#[tokio::test]
async fn failures_are_told_apart_and_say_no_address() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed_port = closed.local_addr().unwrap().port();
    drop(closed);
    let rude = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rude_port = rude.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let answers: [&[u8]; 3] = [
            b"",
            b"SSH-2.0-OpenSSH_9.6\r\n",
            b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        ];
        for answer in answers {
            let (mut stream, _) = rude.accept().await.unwrap();
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer).await;
        }
    });
    let sender = sender(SenderOptions::default());
    let sent = get(&sender, &format!("http://127.0.0.1:{closed_port}/"), LIMITS).await;
    assert_eq!(sent.answer, Answer::Failed(Failure::Connect));
    let certificate = Certificate::new();
    let encrypted = Sink::encrypted(certificate.server, async |_| status(204)).await;
    let sent = get(&sender, &encrypted.url, LIMITS).await;
    assert_eq!(
        sent.answer,
        Answer::Failed(Failure::Tls),
        "nobody vouches for it"
    );
    let plain = Sink::accepting().await;
    let sent = get(&sender, &plain.url.replace("http:", "https:"), LIMITS).await;
    assert_eq!(
        sent.answer,
        Answer::Failed(Failure::Tls),
        "it speaks plain text"
    );
    for _ in 0..3 {
        let sent = get(&sender, &format!("http://127.0.0.1:{rude_port}/"), LIMITS).await;
        assert_eq!(sent.answer, Answer::Failed(Failure::Broken));
    }
    serving.await.unwrap();

    // The name is public, what it leads to is not.
    let strict = GuardedConnector::new(Policy::default(), Here, SOON);
    let strict = Sender::new(strict, SenderOptions::default()).unwrap();
    let sent = get(&strict, "https://hooks.example.com/", LIMITS).await;
    assert_eq!(sent.answer, Answer::Failed(Failure::Refused));
    assert_eq!(sent.answer.to_string(), "refused");
    assert!(strict.target("http://hooks.example.com/").is_err());
}

#[tokio::test]
async fn http2_is_spoken_where_the_other_end_chooses_it() {
    for (protocols, version) in [
        (vec![b"h2".to_vec(), b"http/1.1".to_vec()], Version::HTTP_2),
        (vec![b"http/1.1".to_vec()], Version::HTTP_11),
        (vec![], Version::HTTP_11),
    ] {
        let mut certificate = Certificate::new();
        certificate.server.alpn_protocols = protocols;
        let mut tls = certificate.client();
        // What an operator's own certificates say of protocols is not theirs to say.
        tls.alpn_protocols = vec![b"spdy/1".to_vec()];
        let sink = Sink::encrypted(certificate.server, async |_| full(200, "yes")).await;
        let sender = sender(SenderOptions {
            tls: Some(tls),
            ..SenderOptions::default()
        });
        for _ in 0..3 {
            let sent = get(&sender, &sink.url, LIMITS).await;
            assert_eq!((code(&sent), sent.body), (200, Bytes::from_static(b"yes")));
        }
        assert!(sink.seen().iter().all(|seen| seen.version == version));
        assert_eq!(sink.connections(), 1, "it is used again");
        drop(sink);
    }
}

#[tokio::test]
async fn unused_connections_are_few_and_short_lived() {
    let together = std::sync::Arc::new(tokio::sync::Barrier::new(8));
    let sink = Sink::start(move |_| {
        let together = together.clone();
        async move {
            together.wait().await;
            status(204)
        }
    })
    .await;
    let sender = sender(SenderOptions {
        idle: 2,
        idle_for: Duration::from_millis(100),
        ..SenderOptions::default()
    });
    let all = (0..8).map(|_| get(&sender, &sink.url, LIMITS));
    for sent in futures_util::future::join_all(all).await {
        assert_eq!(code(&sent), 204);
    }
    crate::world::eventually("two are kept", async || {
        (sink.connections() <= 2).then_some(())
    })
    .await;
    crate::world::eventually("none is", async || (sink.connections() == 0).then_some(())).await;
}
