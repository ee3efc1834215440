//! Peers that mean no good: malformed requests, slow ones, and far too many.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::time::Duration;

use polywire_http::HttpConfig;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use support::raw::{post, posted, read};
use support::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

const HAT: &str = r#"{"item":"hat"}"#;
const SOON: Duration = Duration::from_secs(20);

/// Connections are counted for the whole process, so one test runs at a time.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The TCP sockets of this process. Other files come and go: each test that waits for its turn has a runtime already.
fn connections() -> usize {
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].map(|path| {
        // A machine without IPv6 has one table.
        std::fs::read_to_string(path).unwrap_or_default()
    });
    let inodes: HashSet<&str> = tables
        .iter()
        .flat_map(|table| table.lines().skip(1))
        .filter_map(|line| line.split_ascii_whitespace().nth(9))
        .collect();
    let files = std::fs::read_dir("/proc/self/fd").unwrap();
    files
        // A file may be closed between the listing and the reading.
        .filter_map(|file| std::fs::read_link(file.ok()?.path()).ok())
        .filter(|target| {
            let target = target.to_string_lossy();
            let inode = target
                .strip_prefix("socket:[")
                .and_then(|rest| rest.strip_suffix(']'));
            inode.is_some_and(|inode| inodes.contains(inode))
        })
        .count()
}

/// Waits until no more connections are open than there were.
async fn connections_return_to(before: usize) {
    let returned = async {
        while connections() > before {
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, returned)
        .await
        .unwrap_or_else(|_| panic!("{} connections are open, {before} were", connections()));
}

fn random_bytes(rng: &mut StdRng, most: usize) -> Vec<u8> {
    let length = rng.random_range(0..most);
    (0..length).map(|_| rng.random::<u8>()).collect()
}

/// A request that is wrong in some way.
fn malformed(rng: &mut StdRng) -> Vec<u8> {
    match rng.random_range(0..9) {
        0 => random_bytes(rng, 512),
        1 => {
            let mut request =
                posted("/orders/v1/quote", "contract-require: ^1.2\r\n", HAT).into_bytes();
            for _ in 0..rng.random_range(1..8) {
                let at = rng.random_range(0..request.len());
                request[at] = rng.random();
            }
            request
        }
        2 => {
            let request =
                posted("/orders/v1/quote", "contract-require: ^1.2\r\n", HAT).into_bytes();
            request[..rng.random_range(0..request.len())].to_vec()
        }
        3 => format!(
            "POST /orders/v1/quote HTTP/1.1\r\ncontent-length: {}\r\n\r\n{HAT}",
            rng.random::<u64>()
        )
        .into_bytes(),
        4 => {
            let garbage: String = random_bytes(rng, 200)
                .into_iter()
                .map(|byte| char::from(byte % 94 + 33))
                .collect();
            let header = [
                "contract-require",
                "contract-digest",
                "contract-timeout",
                "traceparent",
                "authorization",
                "contract-meta-x",
                "contract-message-id",
            ];
            posted(
                "/orders/v1/quote",
                &format!(
                    "{}: {garbage}\r\n",
                    header[rng.random_range(0..header.len())]
                ),
                HAT,
            )
            .into_bytes()
        }
        5 => posted(
            "/orders/v1/quote",
            &"x-many: 1\r\n".repeat(rng.random_range(50..300)),
            HAT,
        )
        .into_bytes(),
        6 => {
            let path: String = random_bytes(rng, 100)
                .into_iter()
                .map(|byte| char::from(byte % 94 + 33))
                .collect();
            format!("POST /{path} HTTP/1.1\r\ncontent-length: 0\r\n\r\n").into_bytes()
        }
        7 => format!(
            "POST /orders/v1/quote HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{HAT}",
            rng.random::<u32>()
        )
        .into_bytes(),
        _ => {
            let mut request = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
            request.extend(random_bytes(rng, 300));
            request
        }
    }
}

async fn attack(address: SocketAddr, seed: u64, requests: usize) {
    let mut rng = StdRng::seed_from_u64(seed);
    for _ in 0..requests {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            continue;
        };
        let _ = stream.write_all(&malformed(&mut rng)).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = timeout(SOON, stream.read_to_end(&mut answer))
            .await
            .expect("an answer, or the end, comes in time");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_malformed_requests_harm_nobody() {
    let _alone = ALONE.lock().await;
    let config = HttpConfig {
        max_payload: 64 * 1024,
        header_timeout: Duration::from_secs(2),
        body_timeout: Duration::from_secs(1),
        ..local()
    };
    let served = serve_with("1.4.0", config).await;
    let before = connections();
    let attacks: Vec<_> = (0..20)
        .map(|seed| tokio::spawn(attack(served.address, seed, 500)))
        .collect();
    let session = session(served.address, "1.4.0", "^1.2").await;
    let mut answered = 0;
    while attacks.iter().any(|attack| !attack.is_finished()) {
        let answer: Quote = timeout(
            SOON,
            session.request::<_, _, OrdersError>(QUOTE, &quote("hat")),
        )
        .await
        .unwrap()
        .unwrap();
        assert_eq!(answer, quote("hat"));
        answered += 1;
    }
    for attack in attacks {
        attack.await.unwrap();
    }
    assert!(answered > 0);
    drop(session);
    connections_return_to(before).await;
    assert_eq!(
        post(served.address, "/orders/v1/quote", "", HAT)
            .await
            .status,
        200
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_connections_hold_nobody_up() {
    let _alone = ALONE.lock().await;
    let config = HttpConfig {
        header_timeout: Duration::from_secs(2),
        body_timeout: Duration::from_secs(2),
        ..local()
    };
    let served = serve_with("1.4.0", config).await;
    let before = connections();
    let request = posted("/orders/v1/quote", "", HAT);
    let mut slow = Vec::new();
    for number in 0..1000 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        // Nothing, a part of the head, or a part of the payload.
        let sent = [0, 20, request.len() - 5][number % 3];
        stream.write_all(&request.as_bytes()[..sent]).await.unwrap();
        slow.push(stream);
    }
    let session = session(served.address, "1.4.0", "^1.2").await;
    let _: Quote = session
        .request::<_, _, OrdersError>(QUOTE, &quote("hat"))
        .await
        .unwrap();
    let mut times = Vec::new();
    for _ in 0..100 {
        let begin = Instant::now();
        let _: Quote = session
            .request::<_, _, OrdersError>(QUOTE, &quote("hat"))
            .await
            .unwrap();
        times.push(begin.elapsed());
    }
    times.sort_unstable();
    assert!(
        times[50] < Duration::from_millis(100),
        "the median call took {:?}",
        times[50]
    );
    // All are let go of, without their doing anything.
    for mut stream in slow {
        timeout(SOON, read(&mut stream))
            .await
            .expect("a slow connection is ended in time");
    }
    drop(session);
    connections_return_to(before).await;
}

#[tokio::test]
async fn connections_beyond_the_bound_wait() {
    let _alone = ALONE.lock().await;
    let config = HttpConfig {
        max_connections: 2,
        ..local()
    };
    let served = serve_with("1.4.0", config).await;
    let request = posted("/orders/v1/quote", "", HAT);
    let mut first = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(served.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(read(&mut stream).await.unwrap().status, 200);
        first.push(stream);
    }
    let mut waiting = TcpStream::connect(served.address).await.unwrap();
    waiting.write_all(request.as_bytes()).await.unwrap();
    assert!(
        timeout(Duration::from_millis(100), read(&mut waiting))
            .await
            .is_err(),
        "the third is not served yet"
    );
    drop(first.pop());
    assert_eq!(
        timeout(SOON, read(&mut waiting))
            .await
            .unwrap()
            .unwrap()
            .status,
        200
    );
}

#[tokio::test]
async fn idle_connections_are_closed_and_calls_go_on() {
    let _alone = ALONE.lock().await;
    let config = HttpConfig {
        idle_timeout: Duration::from_millis(200),
        header_timeout: Duration::from_millis(100),
        ..local()
    };
    let served = serve_with("1.4.0", config).await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    stream
        .write_all(posted("/orders/v1/quote", "", HAT).as_bytes())
        .await
        .unwrap();
    assert_eq!(read(&mut stream).await.unwrap().status, 200);
    let mut rest = Vec::new();
    timeout(SOON, stream.read_to_end(&mut rest))
        .await
        .expect("an idle connection is closed in time")
        .unwrap();
    assert!(rest.is_empty());
    let session = session(served.address, "1.4.0", "^1.2").await;
    for _ in 0..3 {
        let _: Quote = session
            .request::<_, _, OrdersError>(QUOTE, &quote("hat"))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn half_read_payloads_have_a_bound_together() {
    let _alone = ALONE.lock().await;
    let config = HttpConfig {
        max_buffered: 8 * 1024,
        ..local()
    };
    let served = serve_with("1.4.0", config).await;
    let large = format!(r#"{{"item":"{}"}}"#, "x".repeat(1024 * 1024));
    let answer = post(served.address, "/orders/v1/quote", "", &large).await;
    assert_eq!(answer.status, 429);
    assert_eq!(
        answer.json()["detail"],
        "payloads of more than 8192 bytes are half read here: retry later"
    );
    assert_eq!(
        post(served.address, "/orders/v1/quote", "", HAT)
            .await
            .status,
        200
    );
}
