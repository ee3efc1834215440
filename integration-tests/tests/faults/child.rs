//! A consumer in a process of its own, which can be killed, and whose memory can be measured.
//!
//! The process is this test binary, asked for the test that begins with [`asked`].

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tokio::time::sleep;

use polywire::core::MessageId;

use crate::consumers::Handled;
use crate::contract::{GROUP, LoadClient};
use crate::support::{say, soon, wire};

/// The test that is a consumer when it is asked for one.
const TEST: &str = "killed::what_a_killed_consumer_holds_is_handled_by_others";
const CONFIG: &str = "CONSUMER_UNDER_TEST_CONFIG";
const LIMIT: &str = "CONSUMER_UNDER_TEST_LIMIT";
const PAUSE: &str = "CONSUMER_UNDER_TEST_PAUSE";

/// What it says of an event, before its id and the attempt.
const HANDLED: &str = "handled";

/// What a consumer does with its events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// After how many it begins one that it never ends.
    pub(crate) limit: usize,
    /// How long each takes.
    pub(crate) pause: Duration,
}

/// The process.
pub(crate) struct Child {
    process: tokio::process::Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Child {
    /// Starts it, and waits until it has subscribed.
    pub(crate) async fn start(config: &str, manner: Manner) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", TEST])
            .env(CONFIG, config)
            .env(LIMIT, manner.limit.to_string())
            .env(PAUSE, manner.pause.as_micros().to_string())
            // It ends with its input, which ends with this process.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut child = Self { process, lines };
        child.says("subscribed", &Handled::default()).await;
        child
    }

    /// Waits until it says a word, and notes what it has handled until then. Returns what follows the word.
    pub(crate) async fn says(&mut self, word: &str, handled: &Handled) -> String {
        let said = async {
            loop {
                let line = self.line().await;
                match line.split_once(' ') {
                    Some((HANDLED, rest)) => note(rest, handled),
                    Some((said, rest)) if said == word => return rest.to_owned(),
                    _ => {}
                }
            }
        };
        soon(word, said).await
    }

    /// Waits until it has handled so many in all.
    #[cfg(target_os = "linux")]
    pub(crate) async fn handles(&mut self, count: usize, handled: &Handled) {
        soon("handled events", async {
            while handled.count() < count {
                let line = self.line().await;
                if let Some((HANDLED, rest)) = line.split_once(' ') {
                    note(rest, handled);
                }
            }
        })
        .await;
    }

    async fn line(&mut self) -> String {
        match self.lines.next_line().await.unwrap() {
            Some(line) => line,
            None => panic!("the consumer's process ended"),
        }
    }

    /// Ends it at once: it gets no chance to let go of anything.
    pub(crate) async fn kill(mut self) {
        self.process.kill().await.unwrap();
    }

    /// The process.
    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> u32 {
        self.process.id().unwrap()
    }
}

fn note(rest: &str, handled: &Handled) {
    let (id, attempt) = rest.split_once(' ').unwrap();
    handled.note(MessageId::parse(id).unwrap(), attempt.parse().unwrap());
}

fn number(variable: &str) -> u64 {
    std::env::var(variable).unwrap().parse().unwrap()
}

/// In the other process: consumes until its input ends, and says what it handles. Returns whether this is that process.
pub(crate) async fn asked() -> bool {
    let Ok(config) = std::env::var(CONFIG) else {
        return false;
    };
    let limit = usize::try_from(number(LIMIT)).unwrap();
    let pause = Duration::from_micros(number(PAUSE));
    let mut input = tokio::io::stdin();
    tokio::select! {
        () = consume(&config, limit, pause) => {}
        _ = input.read_u8() => {}
    }
    true
}

async fn consume(config: &str, limit: usize, pause: Duration) {
    let wire = wire(config);
    let client: LoadClient = wire.connect("load").await.unwrap();
    let mut events = soon("subscribing", client.happened(GROUP)).await.unwrap();
    say("subscribed -");
    let mut count = 0;
    while let Some(delivery) = events.next().await {
        let id = delivery.head().id.clone();
        if count == limit {
            say(&format!("holds {id}"));
            std::future::pending::<()>().await;
        }
        if !pause.is_zero() {
            sleep(pause).await;
        }
        say(&format!("{HANDLED} {id} {}", delivery.head().attempt));
        // After a lost connection this is an error, and the event comes again.
        let _ = delivery.ack().await;
        count += 1;
    }
}
