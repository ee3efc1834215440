//! A service of `orders`, whose commands do as their text says.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use polywire_core::contract::{Contract, InteractionInfo, Name};
use polywire_core::{Answer, Caller, Context, Empty, Outcome, Provider, Result, Service, Versions};
use polywire_webhook::inbox::Arrived;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::world::{ORDERS, SOON, event};

/// What a handler was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) text: String,
    pub(crate) attempt: u32,
    pub(crate) version: String,
    /// The caller's subject.
    pub(crate) subject: Option<String>,
}

/// What the handlers were given, and what they wait for.
pub(crate) struct Orders {
    contract: Arc<Contract>,
    pub(crate) seen: watch::Sender<Vec<Seen>>,
    /// What the handlers of `wait` wait for.
    pub(crate) gate: Semaphore,
    callers: Mutex<BTreeMap<String, Caller>>,
}

struct Version(Arc<Orders>);

impl Orders {
    pub(crate) fn new(version: &'static str) -> Arc<Self> {
        let contract = Contract::builder("orders", version)
            .command::<Empty, ()>(InteractionInfo::new("cancel"))
            .build();
        Arc::new(Self {
            contract: Arc::new(contract.unwrap()),
            seen: watch::Sender::new(Vec::new()),
            gate: Semaphore::new(0),
            callers: Mutex::default(),
        })
    }

    pub(crate) fn service(self: &Arc<Self>) -> Arc<Service> {
        let versions = Versions::new().serve(Version(self.clone()));
        Arc::new(Service::new(versions).unwrap())
    }

    pub(crate) fn caller(&self, text: &str) -> Option<Caller> {
        self.callers.lock().get(text).cloned()
    }

    /// What was seen, as soon as it is so much.
    pub(crate) async fn until(&self, count: usize) -> Vec<Seen> {
        let mut seen = self.seen.subscribe();
        let enough = seen.wait_for(|seen| seen.len() >= count);
        let seen = timeout(SOON / 3, enough).await.expect("commands in time");
        let mut seen = seen.unwrap().clone();
        seen.sort();
        seen
    }
}

impl Provider for Version {
    fn contract(&self) -> Result<Arc<Contract>> {
        Ok(self.0.contract.clone())
    }

    fn handle<'a>(&'a self, cx: &'a Context, body: Bytes) -> BoxFuture<'a, Result<Answer>> {
        let text = String::from_utf8(body.to_vec()).unwrap();
        let failed = |retryable| Outcome::Failed {
            code: Name::from_static("sold_out"),
            retryable,
        };
        let outcome = match text.as_str() {
            "busy" => failed(true),
            "refuse" => failed(false),
            _ => Outcome::Done,
        };
        async move {
            if text.starts_with("wait") {
                self.0.gate.acquire().await.unwrap().forget();
            }
            let caller = cx.caller().clone();
            let subject = caller.subject().map(str::to_owned);
            self.0.callers.lock().insert(text.clone(), caller);
            let seen = Seen {
                text,
                attempt: cx.attempt(),
                version: cx.version().to_string(),
                subject,
            };
            self.0.seen.send_modify(|all| all.push(seen));
            Ok(Answer {
                outcome,
                body: Bytes::from_static(b"{}"),
            })
        }
        .boxed()
    }
}

/// A command whose text is its id.
pub(crate) fn command(text: &str, requires: &str) -> Arrived {
    assert_eq!(ORDERS.as_str(), "orders");
    Arrived {
        interaction: Name::from_static("cancel"),
        headers: vec![
            ("kind".into(), "command".into()),
            ("requires".into(), requires.into()),
        ],
        ..event(text)
    }
}
