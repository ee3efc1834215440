//! A provider that refuses what it is told to, and a config file over a broker that others use as well.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use polywire::core::MessageId;
use polywire::{Context, Polywire};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How long anything here may take.
pub(crate) const SOON: Duration = Duration::from_secs(30);

#[polywire::payload]
pub(crate) struct Cancel {
    pub(crate) order: String,
}

#[polywire::payload]
pub(crate) struct Shipped {
    pub(crate) order: String,
}

#[polywire::error]
pub(crate) enum OrdersError {
    /// the order is shipped
    AlreadyShipped,
    #[fallback]
    Other,
}

#[polywire::contract(name = "orders", version = "1.4.0")]
pub(crate) trait Orders {
    #[command]
    async fn cancel(&self, cx: &Context, command: Cancel) -> Result<(), OrdersError>;
    #[event]
    fn shipped(event: Shipped);
}

/// Refuses cancellations until it accepts them.
pub(crate) struct Provider {
    pub(crate) accepts: Arc<AtomicBool>,
    cancelled: UnboundedSender<String>,
}

impl Provider {
    pub(crate) fn new() -> (Self, UnboundedReceiver<String>) {
        let (cancelled, done) = unbounded_channel();
        let accepts = Arc::default();
        (Self { accepts, cancelled }, done)
    }
}

impl Orders for Provider {
    async fn cancel(&self, _: &Context, command: Cancel) -> Result<(), OrdersError> {
        if !self.accepts.load(Ordering::SeqCst) {
            return Err(OrdersError::AlreadyShipped);
        }
        self.cancelled
            .send(command.order)
            .map_err(|_| OrdersError::Other)
    }
}

/// A folder with a `polywire.toml` that shares nothing at the broker with any other test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let url = std::env::var("POLYWIRE_TEST_AMQP_URL").expect(
            "POLYWIRE_TEST_AMQP_URL is not set: run `cargo xtask test`, or `cargo xtask broker up` and export what it says",
        );
        let folder = tempfile::tempdir().unwrap();
        let namespace = format!("cli-{}", MessageId::random());
        let config = format!(
            "[channel.orders]\nrequire = \"^1.2\"\ntransport = \"amqp\"\n\
             [channel.local]\ntransport = \"memory\"\n\
             [transport.amqp]\nurl = \"{url}\"\nnamespace = \"{namespace}\"\nexpire_unused = \"60s\"\n"
        );
        std::fs::write(folder.path().join("polywire.toml"), config).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn wire(&self) -> Polywire {
        Polywire::load(self.path().join("polywire.toml")).unwrap()
    }

    /// The same with another requirement.
    pub(crate) fn wire_requiring(&self, require: &str) -> Polywire {
        let path = self.path().join("polywire.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("^1.2", require);
        let builder = Polywire::builder().config_text(path.to_str().unwrap(), text);
        builder.build().unwrap()
    }

    /// The command in this folder, split at spaces, with no variable of this process that could mean it.
    pub(crate) async fn run(&self, arguments: &str) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polywire"));
        command
            .arg("amqp")
            .args(arguments.split(' '))
            .current_dir(self.path())
            .env_clear();
        let run = tokio::task::spawn_blocking(move || command.output().unwrap());
        let output = tokio::time::timeout(SOON, run).await.unwrap().unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What is listed, once there is so much.
    pub(crate) async fn listed(&self, arguments: &str, count: usize) -> Vec<Value> {
        let until = Instant::now() + SOON;
        loop {
            let ran = self.run(&format!("{arguments} --format json")).await;
            assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
            let letters: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
            if letters.len() == count {
                return letters;
            }
            assert!(Instant::now() < until, "{count} expected: {letters:?}");
        }
    }
}

#[derive(Debug, PartialEq)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn good(out: &str) -> Self {
        Self {
            code: Some(0),
            out: out.to_owned(),
            err: String::new(),
        }
    }

    pub(crate) fn bad(out: &str, err: &str) -> Self {
        Self {
            code: Some(1),
            out: out.to_owned(),
            err: err.to_owned(),
        }
    }
}
