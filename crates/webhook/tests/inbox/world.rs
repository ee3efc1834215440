//! A store to open again and again, and short words for what every case does.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use polywire_core::contract::{Name, Requirement, Version};
use polywire_core::{
    Bounds, Delivery, Error, ErrorKind, Head, Kind, Letter, MessageId, Result, Shelf,
};
use polywire_webhook::ManualClock;
use polywire_webhook::inbox::{
    Arrived, Inbox, InboxOptions, Member, Put, Queue, QueueTerms, Reader,
};
use polywire_webhook::record;
use polywire_webhook::store::Store;
use tokio::time::{interval, timeout};

/// How long a case may take.
pub(crate) const SOON: Duration = Duration::from_secs(60);
pub(crate) const ORDERS: Name = Name::from_static("orders");

/// Opens the same data again, as another process would.
#[async_trait]
pub(crate) trait Reopen: Send + Sync {
    async fn open(&self, clock: Option<ManualClock>) -> Arc<dyn Store>;
}

pub(crate) struct World(Box<dyn Reopen>);

impl World {
    pub(crate) fn new(reopen: impl Reopen + 'static) -> Self {
        Self(Box::new(reopen))
    }

    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        self.0.open(None).await
    }

    /// A store by a clock that stands.
    pub(crate) async fn store_at(&self, clock: &ManualClock) -> Arc<dyn Store> {
        self.0.open(Some(clock.clone())).await
    }

    /// An inbox as another process would have it, with the queue of `billing`.
    pub(crate) async fn billing(&self) -> (Inbox, Queue) {
        self.billing_within(bounds()).await
    }

    pub(crate) async fn billing_within(&self, bounds: Bounds) -> (Inbox, Queue) {
        let inbox = start(self.store().await, bounds, options());
        let queue = open(&inbox, "billing").await;
        (inbox, queue)
    }
}

pub(crate) fn start(store: Arc<dyn Store>, bounds: Bounds, options: InboxOptions) -> Inbox {
    Inbox::start(store, Arc::new(TextReader), bounds, options)
}

pub(crate) fn options() -> InboxOptions {
    InboxOptions::default().poll(Duration::from_millis(20))
}

pub(crate) fn bounds() -> Bounds {
    Bounds {
        max_attempts: 3,
        max_returns: 2,
        backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(4),
        command_workers: 8,
        ..Bounds::default()
    }
}

pub(crate) fn terms(group: &str) -> QueueTerms {
    let version = Version::new(1, 4, 0);
    QueueTerms {
        group: group.parse().unwrap(),
        requested: Requirement::caret(ORDERS, &version),
        version,
        interactions: vec![Name::from_static("shipped")],
    }
}

/// The queue of a group, which is opened.
pub(crate) async fn open(inbox: &Inbox, group: &str) -> Queue {
    let name = format!("orders/shipped/{group}").parse().unwrap();
    inbox.open(&name, terms(group)).await.unwrap()
}

/// A message whose text is its id.
pub(crate) fn event(text: &str) -> Arrived {
    Arrived {
        webhook_id: format!("delivery-{text}"),
        message_id: text.into(),
        interaction: Name::from_static("shipped"),
        version: Version::new(1, 4, 0),
        key: None,
        headers: vec![("content-type".into(), "text/plain".into())],
        body: Bytes::copy_from_slice(text.as_bytes()),
        caller: None,
    }
}

pub(crate) fn keyed(text: &str, key: &str) -> Arrived {
    Arrived {
        key: Some(key.into()),
        ..event(text)
    }
}

pub(crate) async fn put(inbox: &Inbox, queue: &Queue, arrived: Arrived) {
    assert_eq!(inbox.put(queue, arrived).await.unwrap(), Put::New);
}

pub(crate) async fn fill(inbox: &Inbox, queue: &Queue, texts: &[&str]) {
    for text in texts {
        put(inbox, queue, event(text)).await;
    }
}

pub(crate) async fn next(member: &mut Member) -> Delivery {
    timeout(SOON / 3, member.next())
        .await
        .expect("a message in time")
        .expect("a member that is not at its end")
}

/// That nothing comes cannot be awaited, only not seen for a while.
pub(crate) async fn nothing(member: &mut Member, within: Duration) {
    if let Ok(found) = timeout(within, member.next()).await {
        panic!("nothing was to come: {found:?}");
    }
}

pub(crate) const A_WHILE: Duration = Duration::from_millis(150);

pub(crate) fn text(delivery: &Delivery) -> String {
    String::from_utf8(delivery.body.to_vec()).unwrap()
}

/// The texts of the next messages in alphabetical order, each acknowledged.
pub(crate) async fn take(member: &mut Member, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    for _ in 0..count {
        let delivery = next(member).await;
        texts.push(text(&delivery));
        delivery.ack().await.unwrap();
    }
    texts.sort();
    texts
}

/// The letters on a shelf, as soon as there are so many.
pub(crate) async fn letters(inbox: &Inbox, shelf: Shelf, count: usize) -> Vec<Letter> {
    let mut again = interval(Duration::from_millis(5));
    let shelves = inbox.letters();
    let look = async {
        loop {
            again.tick().await;
            let found = shelves.list(shelf, 1000).await.unwrap();
            if found.len() == count {
                return found;
            }
        }
    };
    timeout(SOON / 3, look).await.expect("letters in time")
}

pub(crate) fn texts(letters: &[Letter]) -> Vec<String> {
    let text = |letter: &Letter| String::from_utf8(letter.body.to_vec()).unwrap();
    letters.iter().map(text).collect()
}

/// Reads text; what it is told by the headers is in the head.
#[derive(Debug)]
pub(crate) struct TextReader;

impl Reader for TextReader {
    fn read(&self, delivery: &record::Delivery) -> Result<(Head, Bytes)> {
        let body = delivery.body.clone().unwrap_or_default();
        if body == "unreadable" {
            return Err(Error::new(ErrorKind::InvalidPayload, "no text for people"));
        }
        assert_ne!(body, "harmful", "the reader fails on purpose");
        let header = |name: &str| {
            let mut headers = delivery.headers.iter();
            headers
                .find(|(found, _)| found == name)
                .map(|(_, value)| value.as_str())
        };
        assert_eq!(header("polywire-caller"), None, "not for the reader");
        let kind = match header("kind") {
            Some("command") => Kind::Command,
            _ => Kind::Event,
        };
        let id = MessageId::parse(&delivery.message_id)?;
        let mut head = Head::with_id(id, kind, ORDERS, delivery.interaction.clone());
        head.ordering_key.clone_from(&delivery.key);
        if let Some(ranges) = header("requires") {
            head.requirement = Requirement::parse_list(ORDERS, ranges).ok();
        }
        Ok((head, body))
    }
}
