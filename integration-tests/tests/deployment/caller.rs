//! A caller that keeps calling, and counts how it is answered.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use polywire::core::MessageId;
use polywire::{CallError, CallOptions, Error, ErrorKind};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Link;
use super::contract::v1_4;
use super::replica::FLOOR;
use super::support::{soon, wire};

/// How a caller was answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answered {
    pub(crate) calls: usize,
    /// The ids of accepted commands.
    pub(crate) commands: Vec<MessageId>,
    /// Errors by kind.
    pub(crate) errors: BTreeMap<&'static str, u64>,
    pub(crate) last_error: Option<String>,
}

impl Answered {
    pub(crate) fn errors(&self, kind: ErrorKind) -> u64 {
        self.errors.get(kind.code()).copied().unwrap_or_default()
    }
}

/// A caller under way.
pub(crate) struct Caller {
    answered: watch::Receiver<Answered>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    pub(crate) changes: Arc<Mutex<Vec<String>>>,
}

impl Caller {
    /// Starts to call whoever is behind the address, requiring at least one minor version.
    pub(crate) async fn start(link: &Link, floor: u64) -> Self {
        let wire = wire(&format!(
            "[channel.counter]\nrequire = \"^1.{floor}\"\n{}",
            link.config()
        ));
        let counter: v1_4::CounterClient = wire.connect("counter").await.unwrap();
        let changes = Arc::<Mutex<Vec<String>>>::default();
        let (mut changed, noted) = (counter.session().changes(), changes.clone());
        tokio::spawn(async move {
            while let Ok(change) = changed.recv().await {
                noted.lock().unwrap().push(format!("{change:?}"));
            }
        });
        let counter = counter.with(
            CallOptions::new()
                .metadata(FLOOR, &floor.to_string())
                .unwrap(),
        );
        let (answers, answered) = watch::channel(Answered::default());
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            while !*stopped.borrow() {
                let called = counter.count().await.map_err(|error| match error {
                    CallError::App(never) => match never {},
                    CallError::Wire(error) => error,
                });
                answers.send_modify(|answers| {
                    note(answers, called, |answers, _| answers.calls += 1);
                });
                let noted = counter.note().await;
                answers.send_modify(|answers| {
                    note(answers, noted, |answers, receipt| {
                        answers.commands.push(receipt.id);
                    });
                });
                // Nobody there answers at once, and others want to run too.
                tokio::task::yield_now().await;
            }
            wire.close().await.unwrap();
        });
        Self {
            answered,
            stop,
            task,
            changes,
        }
    }

    /// How it was answered up to now.
    pub(crate) fn answered(&self) -> Answered {
        self.answered.borrow().clone()
    }

    /// How many of its calls were answered up to now.
    pub(crate) fn calls(&self) -> usize {
        self.answered.borrow().calls
    }

    /// Waits until it was answered in some way.
    pub(crate) async fn until(&mut self, what: &str, condition: impl FnMut(&Answered) -> bool) {
        let waited = soon(what, self.answered.wait_for(condition)).await;
        waited.unwrap();
    }

    /// Waits for so many more answered calls and commands.
    pub(crate) async fn served(&mut self, more: usize) {
        let (calls, commands) = {
            let answered = self.answered.borrow();
            (answered.calls + more, answered.commands.len() + more)
        };
        self.until("answers", |answered| {
            answered.calls >= calls && answered.commands.len() >= commands
        })
        .await;
    }

    /// Waits for so many more accepted commands.
    pub(crate) async fn noted(&mut self, more: usize) {
        let commands = self.answered.borrow().commands.len() + more;
        self.until("accepted commands", |answered| {
            answered.commands.len() >= commands
        })
        .await;
    }

    /// Waits for so many more refusals.
    pub(crate) async fn refused(&mut self, more: u64) {
        let before = self.answered().errors(ErrorKind::NoMatch);
        self.until("refusals", |answered| {
            answered.errors(ErrorKind::NoMatch) >= before + more
        })
        .await;
    }

    pub(crate) async fn stop(self) -> Answered {
        self.stop.send_replace(true);
        soon("the last call", self.task).await.unwrap();
        self.answered.borrow().clone()
    }
}

fn note<T>(answers: &mut Answered, result: Result<T, Error>, count: impl FnOnce(&mut Answered, T)) {
    match result {
        Ok(found) => count(answers, found),
        Err(error) => {
            *answers.errors.entry(error.kind().code()).or_default() += 1;
            answers.last_error = Some(format!("{error:?}"));
        }
    }
}
