//! What is logged, by us and by the libraries underneath: a process of its own, as there is one log per process.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use polywire_core::{CallOptions, Channel, ErrorKind, Token};
use polywire_testkit::sample::interaction;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use support::stage::{session, within};

const SECRET: &str = "a-token-that-nobody-may-read";

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock()).into_owned()
    }
}

/// The broker returns a call for which there is no provider, and the client library would log it whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_in_no_log_even_of_a_call_that_the_broker_returns() {
    let log = Log::default();
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::DEBUG)
        .with_writer(log.clone())
        .init();
    let channel = support::transport(&support::config().unwrap())
        .unwrap()
        .open();
    let session = session(&channel, "^1.4", Duration::from_secs(20))
        .with(CallOptions::new().token(Token::new(SECRET)));
    let call = session.call(interaction::ECHO, "{}".into());
    let error = within("a refusal", call).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    channel.close().await.unwrap();

    let text = log.text();
    assert!(text.contains("connected to the broker"), "{text}");
    let leaked: Vec<&str> = text
        .lines()
        .filter(|line| line.contains(SECRET) || line.contains("returned us a message"))
        .collect();
    assert!(leaked.is_empty(), "{leaked:#?}");
}
