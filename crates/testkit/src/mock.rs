//! A channel with two ends for tests of layers, sessions and publishers.
//!
//! The code under test holds the channel; the test holds the [`Handle`], awaits each verb and answers it. Nothing
//! sleeps, and nothing is answered that the test did not answer.
//!
//! ```
//! use polywire_core::{Channel, Head, Kind, Message, Error, ErrorKind};
//! use polywire_testkit::mock;
//! # use polywire_core::contract::Name;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (channel, mut handle) = mock::pair();
//! let head = Head::new(Kind::Operation, Name::from_static("orders"), Name::from_static("quote"));
//! let call = tokio::spawn(async move { channel.call(Message::new(head, "{}".into())).await });
//!
//! let (message, answer) = handle.call().await?;
//! assert_eq!(message.head.interaction.as_str(), "quote");
//! answer.send(Err(Error::new(ErrorKind::Unavailable, "nobody there")));
//! assert_eq!(call.await?.unwrap_err().kind(), ErrorKind::Unavailable);
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use polywire_contract::{Name, Offer};
use polywire_core::{
    Capability, Channel, Deliveries, Dispatched, Error, ErrorKind, Health, Letters, Message,
    Receipt, Reply, Result, Service, Subscription, Support, Trust,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

/// How long a handle waits for a verb before it calls the test failed.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How many verbs may wait to be seen by the handle.
const WAITING: usize = 1024;

/// A verb that the code under test called, with the way to answer it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verb {
    /// [`Channel::discover`].
    Discover(Name, Answer<Offer>),
    /// [`Channel::call`].
    Call(Message, Answer<Reply>),
    /// [`Channel::send`].
    Send(Message, Answer<Receipt>),
    /// [`Channel::publish`].
    Publish(Message, Answer<Receipt>),
    /// [`Channel::subscribe`].
    Subscribe(Subscription, Answer<Deliveries>),
    /// [`Channel::serve`].
    Serve(Arc<Service>, Answer<()>),
    /// [`Channel::drain`].
    Drain(Answer<()>),
    /// [`Channel::close`].
    Close(Answer<()>),
}

impl Verb {
    const fn name(&self) -> &'static str {
        match self {
            Self::Discover(..) => "discover",
            Self::Call(..) => "call",
            Self::Send(..) => "send",
            Self::Publish(..) => "publish",
            Self::Subscribe(..) => "subscribe",
            Self::Serve(..) => "serve",
            Self::Drain(..) => "drain",
            Self::Close(..) => "close",
        }
    }
}

/// Another verb came than the test awaits, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unexpected(String);

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unexpected {}

/// The way to answer one verb. Dropped unanswered, the verb ends with `Unavailable`, its fate open.
pub struct Answer<T>(oneshot::Sender<Result<T>>);

impl<T> Answer<T> {
    /// Answers; `false` when the code under test does not wait any more.
    pub fn send(self, result: Result<T>) -> bool {
        self.0.send(result).is_ok()
    }

    /// Resolves when the code under test stops waiting.
    pub async fn abandoned(&mut self) {
        self.0.closed().await;
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

/// The test's end of a mock channel.
#[derive(Debug)]
pub struct Handle {
    verbs: mpsc::Receiver<Verb>,
    health: Arc<Mutex<Health>>,
}

/// A mock channel that claims everything, and the test's end of it.
#[must_use]
pub fn pair() -> (Arc<dyn Channel>, Handle) {
    pair_with(Capability {
        trust: Trust::Trusted,
        call: Support::Native,
        send: Support::Native,
        publish: Support::Native,
        subscribe: Support::Native,
        discover: true,
        ordered_by_key: true,
        resume: true,
        durable: true,
        max_payload: 2 * 1024 * 1024,
    })
}

/// A mock channel that claims this, and the test's end of it.
#[must_use]
pub fn pair_with(capability: Capability) -> (Arc<dyn Channel>, Handle) {
    let (sender, verbs) = mpsc::channel(WAITING);
    let health = Arc::new(Mutex::new(Health::Ready));
    let mock = Mock {
        capability,
        verbs: sender,
        health: health.clone(),
    };
    (Arc::new(mock), Handle { verbs, health })
}

macro_rules! expect {
    ($($(#[$doc:meta])* $name:ident => $verb:ident($($payload:ident: $type:ty)?) answers $answer:ty;)+) => {
        impl Handle {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// When another verb comes, or none within [`PATIENCE`].
                pub async fn $name(&mut self) -> Result<($($type,)? Answer<$answer>), Unexpected> {
                    match self.next().await? {
                        Verb::$verb($($payload,)? answer) => Ok(($($payload,)? answer)),
                        other => Err(Unexpected(format!(
                            "expected {}, found {}",
                            stringify!($name),
                            other.name()
                        ))),
                    }
                }
            )+
        }
    };
}

expect! {
    /// The next verb, which is a call.
    call => Call(message: Message) answers Reply;
    /// The next verb, which sends a command.
    send => Send(message: Message) answers Receipt;
    /// The next verb, which publishes an event.
    publish => Publish(message: Message) answers Receipt;
    /// The next verb, which subscribes.
    subscribe => Subscribe(subscription: Subscription) answers Deliveries;
    /// The next verb, which asks for an offer.
    discover => Discover(contract: Name) answers Offer;
    /// The next verb, which serves.
    serve => Serve(service: Arc<Service>) answers ();
}

impl Handle {
    /// The next verb of any kind.
    ///
    /// # Errors
    /// When none comes within [`PATIENCE`], or the channel is gone.
    pub async fn next(&mut self) -> Result<Verb, Unexpected> {
        match timeout(PATIENCE, self.verbs.recv()).await {
            Ok(Some(verb)) => Ok(verb),
            Ok(None) => Err(Unexpected("the channel was dropped".to_owned())),
            Err(_) => Err(Unexpected(format!("no verb within {PATIENCE:?}"))),
        }
    }

    /// A verb that is there already, if any: to show that nothing more was sent.
    pub fn try_next(&mut self) -> Option<Verb> {
        self.verbs.try_recv().ok()
    }

    /// Sets what [`Channel::health`] says.
    pub fn set_health(&self, health: Health) {
        *self.health.lock() = health;
    }
}

#[derive(Debug)]
struct Mock {
    capability: Capability,
    verbs: mpsc::Sender<Verb>,
    health: Arc<Mutex<Health>>,
}

impl Mock {
    async fn ask<T>(&self, verb: impl FnOnce(Answer<T>) -> Verb + Send) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let gone = || Error::new(ErrorKind::Closed, "the mock's handle is gone");
        self.verbs
            .send(verb(Answer(answer)))
            .await
            .map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| {
            Err(
                Error::new(ErrorKind::Unavailable, "the mock's test did not answer")
                    .dispatched_as(Dispatched::Maybe),
            )
        })
    }
}

#[async_trait]
impl Channel for Mock {
    fn capability(&self) -> &Capability {
        &self.capability
    }

    fn health(&self) -> Health {
        self.health.lock().clone()
    }

    async fn discover(&self, contract: &Name) -> Result<Offer> {
        let contract = contract.clone();
        self.ask(|answer| Verb::Discover(contract, answer)).await
    }

    async fn call(&self, message: Message) -> Result<Reply> {
        self.ask(|answer| Verb::Call(message, answer)).await
    }

    async fn send(&self, message: Message) -> Result<Receipt> {
        self.ask(|answer| Verb::Send(message, answer)).await
    }

    async fn publish(&self, message: Message) -> Result<Receipt> {
        self.ask(|answer| Verb::Publish(message, answer)).await
    }

    async fn subscribe(&self, subscription: Subscription) -> Result<Deliveries> {
        self.ask(|answer| Verb::Subscribe(subscription, answer))
            .await
    }

    async fn serve(&self, service: Arc<Service>) -> Result<()> {
        self.ask(|answer| Verb::Serve(service, answer)).await
    }

    fn letters(&self) -> Option<Arc<dyn Letters>> {
        None
    }

    async fn drain(&self) -> Result<()> {
        self.ask(Verb::Drain).await
    }

    async fn close(&self) -> Result<()> {
        self.ask(Verb::Close).await
    }
}
