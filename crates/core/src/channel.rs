//! The one trait that every transport implements.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use polywire_contract::{Name, Offer, Requirement};

use crate::capability::Capability;
use crate::delivery::Deliveries;
use crate::error::{Error, ErrorKind, Result};
use crate::letters::Letters;
use crate::message::{Message, Receipt, Reply, Token};
use crate::service::Service;

/// What a subscriber asks for.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The contract whose event it is.
    pub contract: Name,
    /// The event.
    pub event: Name,
    /// Members of one group compete for its messages and share what it missed; `None` is a group of one that ends with the stream.
    pub group: Option<Name>,
    /// The versions that the subscriber understands.
    pub requirement: Requirement,
    /// How many deliveries may be unsettled in this member's hands, from 1.
    pub prefetch: usize,
    /// The signed token of who subscribes.
    pub token: Option<Token>,
}

/// Whether a channel does its work right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Ready,
    /// It does not, for this reason, and tries to recover.
    Degraded(String),
    /// It finishes what runs and takes nothing new.
    Draining,
    /// It is closed.
    Closed,
}

/// A named link to a contract over some transport: messages in and out, at both ends of the link.
///
/// A transport only carries: negotiation, deadlines, size limits and authentication are enforced by
/// [`crate::Session`] before a message reaches a channel and by [`Service`] after it left one. A verb that the
/// [`Capability`] does not claim answers with [`unsupported`].
///
/// Wrong: a transport that answers `call` from a handler it found by name. Right: it builds a [`Message`] from its
/// wire, gives it to [`Service::admit`], and only reads the body and dispatches when that agrees.
#[async_trait]
pub trait Channel: Send + Sync + fmt::Debug + 'static {
    /// What this channel can do.
    ///
    /// # Behavior
    /// Constant for the life of the channel. The conformance suite tests each claim, and each refusal.
    fn capability(&self) -> &Capability;

    /// Whether it works right now, for readiness probes.
    ///
    /// # Behavior
    /// Cheap and local: it reports what the channel has noticed, it does not ask the far side.
    fn health(&self) -> Health;

    /// What the far side offers of a contract, where that can be asked.
    ///
    /// # Errors
    /// `Unavailable` when nobody answers, `Unsupported` without the capability.
    ///
    /// # Cancel safety
    /// Safe: asking has no effect.
    async fn discover(&self, contract: &Name) -> Result<Offer>;

    /// Request-reply.
    ///
    /// # Behavior
    /// Carries the head whole, the deadline as remaining time, and returns the reply with the stamp of whoever
    /// spoke. An application error is a [`Reply`] whose outcome is `Failed`. A head with `attempt` above 1 prefers
    /// another replica than the attempt before, over a new connection if that is what it takes.
    ///
    /// # Errors
    /// Those of the far side's admission as it decided them, `Unavailable` when nobody is reached. Each says whether
    /// the handler may have run.
    ///
    /// # Cancel safety
    /// Dropping the future cancels the handler, as far as the transport can tell it.
    async fn call(&self, message: Message) -> Result<Reply>;

    /// Sends a command; returns when the transport has taken responsibility for it.
    ///
    /// # Behavior
    /// What was accepted is handled, retried by the policy, or set aside as a dead letter. A full queue waits until
    /// the deadline.
    ///
    /// # Errors
    /// `NoMatch` when nobody offers a version that fits and the transport can know; `Overloaded` when the queue
    /// stayed full; `Unavailable` when responsibility could not be handed over.
    ///
    /// # Cancel safety
    /// When the future is dropped the command may or may not have been taken.
    async fn send(&self, message: Message) -> Result<Receipt>;

    /// Publishes one event on the track of its stamp; returns when the transport has taken responsibility.
    ///
    /// # Behavior
    /// Every group of that track gets it at least once, whether a member is there or not. A slow group delays
    /// others only by the bound of its queue.
    ///
    /// # Errors
    /// `Overloaded` when a bound stayed reached until the deadline, `Unavailable` as for [`send`](Self::send).
    ///
    /// # Cancel safety
    /// As for [`send`](Self::send).
    async fn publish(&self, message: Message) -> Result<Receipt>;

    /// Joins a group of an event.
    ///
    /// # Behavior
    /// Works before any provider is there, and across its restarts. When it returns, whatever is published later
    /// reaches the group.
    ///
    /// # Errors
    /// `NoMatch` when the offer is known and has nothing that fits; `Unsupported` without the capability.
    ///
    /// # Cancel safety
    /// Dropping the stream leaves the group; unsettled deliveries return to it.
    async fn subscribe(&self, subscription: Subscription) -> Result<Deliveries>;

    /// Serves a contract: calls and commands that arrive are admitted and dispatched until drained.
    ///
    /// # Behavior
    /// Returns once the service can be reached. Serving a contract again replaces its service without a gap.
    ///
    /// # Errors
    /// `Config` when it cannot listen, `Closed` after [`drain`](Self::drain).
    ///
    /// # Cancel safety
    /// Not serving when the future was dropped.
    async fn serve(&self, service: Arc<Service>) -> Result<()>;

    /// Where consumers reach what is served here, spelled as their configuration takes it.
    ///
    /// # Behavior
    /// `None` before [`serve`](Self::serve), and for a transport whose consumers need no address of the provider. With
    /// it a provider on port 0 can tell which port that became.
    async fn address(&self) -> Option<String> {
        None
    }

    /// The shelves of dead and parked messages that this end can reach, if any.
    fn letters(&self) -> Option<Arc<dyn Letters>>;

    /// Stops intake, finishes what runs, settles what is held.
    ///
    /// # Behavior
    /// New work is refused with `Closed` here and `Unavailable` at the far side; a reply under way still goes out;
    /// accepted commands are finished. Subscriptions end, and what their members hold can still be settled. Idempotent.
    /// Bounded by whoever calls it.
    ///
    /// # Errors
    /// `Closed` when [`close`](Self::close) cut it short.
    async fn drain(&self) -> Result<()>;

    /// Lets go of everything. Idempotent, also while another verb waits: that one ends with `Closed`.
    async fn close(&self) -> Result<()>;
}

/// The answer to a verb that a channel does not have.
#[must_use]
pub fn unsupported(transport: &str, verb: &str, instead: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("{transport} has no {verb}: {instead}"),
    )
}
