//! Whether the provider that has a call is still there.
//!
//! A provider that is killed sends no reply, and the queue of its calls goes with it. The one sign is that nobody answers
//! for the contract any more.

use std::sync::Arc;
use std::time::Duration;

use lapin::BasicProperties;
use parking_lot::Mutex;
use polywire_contract::{Name, Retry};
use polywire_core::{Dispatched, Error, ErrorKind};
use quick_cache::sync::Cache;
use tokio::time::{Instant, sleep};

use super::Answer;
use super::offers::question;
use crate::broker::Broker;

/// How often a contract's providers are looked for while calls to it wait; as long as the shortest call that is looked after.
const LOOK: Duration = Duration::from_secs(1);
/// How many looks in a row must find nobody: a provider whose connection was lost is back sooner, and still replies.
const LOOKS: u32 = 4;
/// How long the answer to a look is waited for; the broker itself says at once that nobody is there.
const WAIT: Duration = Duration::from_millis(500);
/// How many contracts are looked after.
const CONTRACTS: usize = 1024;

/// The contracts whose providers were looked for lately.
pub(crate) struct Presence(Cache<Name, Arc<Mutex<Looked>>>);

#[derive(Default)]
struct Looked {
    last: Option<Instant>,
    missed: u32,
}

impl Default for Presence {
    fn default() -> Self {
        Self(Cache::new(CONTRACTS))
    }
}

impl Presence {
    fn of(&self, contract: &Name) -> Arc<Mutex<Looked>> {
        if let Some(looked) = self.0.get(contract) {
            return looked;
        }
        let looked = Arc::default();
        self.0.insert(contract.clone(), Arc::clone(&looked));
        looked
    }
}

/// Ends when no provider of a contract was there for a while.
pub(super) async fn gone(broker: &Broker, contract: &Name) -> Error {
    sleep(LOOK).await;
    let looked = broker.presence.of(contract);
    // What was missed before this call began is not its concern.
    let mut seen = 0;
    loop {
        if is_mine(&looked) {
            let found = look(broker, contract).await;
            let mut looked = looked.lock();
            match found {
                Some(true) => looked.missed = 0,
                Some(false) => looked.missed += 1,
                // Nobody can know while the broker itself is away.
                None => {}
            }
        }
        seen = if looked.lock().missed == 0 {
            0
        } else {
            seen + 1
        };
        if seen >= LOOKS {
            return Error::new(
                ErrorKind::Unavailable,
                format!(
                    "the provider of contract {:?} that had the call is gone; the handler may have run",
                    contract.as_str()
                ),
            )
            .retry_as(Retry::Later)
            .dispatched_as(Dispatched::Maybe);
        }
        sleep(LOOK).await;
    }
}

/// Whether it is for this caller to look now: of all that wait, one does.
fn is_mine(looked: &Mutex<Looked>) -> bool {
    let mut looked = looked.lock();
    let now = Instant::now();
    let due = looked
        .last
        .is_none_or(|last| now.duration_since(last) >= LOOK * 9 / 10);
    if due {
        // After a rest nothing is known.
        if looked
            .last
            .is_none_or(|last| now.duration_since(last) > LOOK * 3)
        {
            looked.missed = 0;
        }
        looked.last = Some(now);
    }
    due
}

/// Whether anybody is asked when a question about a contract is put; `None` when it cannot be put.
async fn look(broker: &Broker, contract: &Name) -> Option<bool> {
    let question = question(broker, contract, BasicProperties::default()).ok()?;
    let deadline = Instant::now() + WAIT;
    let mut asked = broker.calls.ask(question, deadline).await.ok()?;
    match asked.answer(deadline).await {
        Ok(Answer::NoRoute) => Some(false),
        Ok(Answer::Reply(..)) => Some(true),
        Err(error) if error.kind() == ErrorKind::DeadlineExceeded => Some(true),
        Err(_) => None,
    }
}
