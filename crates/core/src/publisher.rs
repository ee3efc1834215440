//! Publishing an event once per offered track.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use polywire_contract::{Name, Status, Track, Version};
use tokio::time::timeout_at;

use crate::admission::too_large;
use crate::channel::Channel;
use crate::codec;
use crate::error::{Error, ErrorKind, Result};
use crate::message::{Head, Kind, Message, MessageId, Receipt};
use crate::options::{CallOptions, after};
use crate::service::Service;
use crate::stamp::Stamp;
use crate::versions::{EventAdapter, EventType};

/// Publishes the events of one contract version, on its own track and on every other offered track that has an adapter.
#[derive(Clone, Debug)]
pub struct Publisher {
    channel: Arc<dyn Channel>,
    targets: Arc<[Target]>,
    options: Option<Arc<CallOptions>>,
    timeout: Duration,
}

#[derive(Clone)]
struct Target {
    stamp: Arc<Stamp>,
    events: Vec<Name>,
    /// For a track other than the publisher's own.
    adapters: Option<Vec<EventAdapter>>,
}

impl Publisher {
    /// A publisher of the events of `contract`, which the service must offer.
    ///
    /// # Errors
    /// `Config` when the service does not offer the version, or when another offered track has an event of the same name
    /// and no adapter says how to render it.
    pub fn new(
        channel: Arc<dyn Channel>,
        service: &Service,
        contract: &polywire_contract::Contract,
        timeout: Duration,
    ) -> Result<Self> {
        let own_track = Track::of(contract.version());
        let own_events = events(contract);
        if service.stamp(contract.version()).is_none() {
            return Err(Error::new(
                ErrorKind::Config,
                format!(
                    "publisher of {} {}: the service offers {}",
                    contract.name(),
                    contract.version(),
                    service.offer().header_text()
                ),
            ));
        }
        let mut targets = Vec::new();
        for (served, stamp) in service.served() {
            if served.offered.status == Status::Withdrawn {
                continue;
            }
            let track = Track::of(&stamp.version);
            if track == own_track {
                // Within a track one message, at the version of its publisher.
                if stamp.version == *contract.version() {
                    targets.push(Target {
                        stamp: stamp.clone(),
                        events: own_events.clone(),
                        adapters: None,
                    });
                }
                continue;
            }
            let adapters: Vec<EventAdapter> = service
                .adapters()
                .iter()
                .filter(|adapter| adapter.from == own_track && adapter.to == track)
                .cloned()
                .collect();
            let shared: Vec<Name> = events(&served.contract)
                .into_iter()
                .filter(|event| own_events.contains(event))
                .collect();
            if let Some(event) = shared
                .iter()
                .find(|event| !adapters.iter().any(|adapter| adapter.event == **event))
            {
                return Err(Error::new(
                    ErrorKind::Config,
                    format!(
                        "event {event:?} of {} is offered on {own_track} and {track}, and nothing renders it from {own_track} to {track}: add Versions::adapt_event",
                        contract.name(),
                        event = event.as_str(),
                    ),
                ));
            }
            if !shared.is_empty() {
                targets.push(Target {
                    stamp: stamp.clone(),
                    events: shared,
                    adapters: Some(adapters),
                });
            }
        }
        Ok(Self {
            channel,
            targets: targets.into(),
            options: None,
            timeout,
        })
    }

    /// The same publisher with options for what it publishes.
    #[must_use]
    pub fn with(&self, options: CallOptions) -> Self {
        Self {
            options: Some(Arc::new(options)),
            ..self.clone()
        }
    }

    /// Publishes a typed event once per offered track, under one id. Called by generated publishers.
    ///
    /// # Errors
    /// As [`Channel::publish`]. Publishing again under the same id is safe: subscribers tell it by its id.
    pub async fn publish<E: EventType>(&self, event: &E::Payload) -> Result<Receipt> {
        self.publish_bytes(E::NAME, codec::encode(event)?).await
    }

    /// Publishes an encoded event, as [`publish`](Self::publish).
    ///
    /// # Errors
    /// As [`Channel::publish`], and `Unroutable` for an event that no offered version declares.
    pub async fn publish_bytes(&self, event: Name, body: Bytes) -> Result<Receipt> {
        let mut messages = Vec::with_capacity(self.targets.len());
        let id = CallOptions::or_none(self.options.as_deref()).message_id();
        for target in self
            .targets
            .iter()
            .filter(|target| target.events.contains(&event))
        {
            messages.push(self.message(target, &event, &id, &body)?);
        }
        if messages.len() > 1 {
            let versions = messages
                .iter()
                .filter_map(|message| message.head.stamp.as_ref());
            let copies: Arc<[Version]> = versions.map(|stamp| stamp.version.clone()).collect();
            for message in &mut messages {
                message.head.copies = Some(copies.clone());
            }
        }
        let Some(first) = messages.first() else {
            return Err(Error::new(
                ErrorKind::Unroutable,
                format!("no offered version declares an event {:?}", event.as_str()),
            ));
        };
        let what = {
            let contract = first.head.contract.clone();
            move || format!("publish {contract}.{event}")
        };
        let deadline = first.head.deadline.unwrap_or_else(|| after(self.timeout));
        timeout_at(deadline, self.all(messages))
            .await
            .unwrap_or_else(|_| {
                Err(Error::new(
                    ErrorKind::DeadlineExceeded,
                    "not taken before the deadline; it may be published on some track",
                ))
            })
            .map_err(|error| error.attempting(what()))
    }

    /// Publishes on every track at once; the last receipt stands for all.
    async fn all(&self, messages: Vec<Message>) -> Result<Receipt> {
        let messages = match <[Message; 1]>::try_from(messages) {
            Ok([only]) => return self.channel.publish(only).await,
            Err(messages) => messages,
        };
        let published = messages
            .into_iter()
            .map(|message| self.channel.publish(message));
        let receipts = join_all(published).await.into_iter();
        receipts
            .reduce(Result::and)
            .unwrap_or_else(|| Err(Error::new(ErrorKind::Unroutable, "no track took the event")))
    }

    fn message(
        &self,
        target: &Target,
        event: &Name,
        id: &MessageId,
        body: &Bytes,
    ) -> Result<Message> {
        let adapter = target
            .adapters
            .as_ref()
            .and_then(|adapters| adapters.iter().find(|adapter| adapter.event == *event));
        let body = match adapter {
            Some(adapter) => (adapter.render)(body)?,
            None => body.clone(),
        };
        let limit = self.channel.capability().max_payload;
        if body.len() > limit {
            return Err(too_large(body.len(), limit)
                .attempting(format!("publish {}.{event}", target.stamp.contract)));
        }
        let contract = target.stamp.contract.clone();
        let mut head = Head::with_id(id.clone(), Kind::Event, contract, event.clone());
        CallOptions::or_none(self.options.as_deref()).apply(&mut head, self.timeout, None);
        head.stamp = Some(target.stamp.clone());
        Ok(Message::new(head, body))
    }
}

fn events(contract: &polywire_contract::Contract) -> Vec<Name> {
    let events = contract
        .interactions()
        .iter()
        .filter(|interaction| Kind::from(interaction.kind) == Kind::Event);
    events.map(|interaction| interaction.name.clone()).collect()
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("version", &self.stamp.version)
            .field("events", &self.events)
            .finish_non_exhaustive()
    }
}
