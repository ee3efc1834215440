//! lapin as one writes it by hand: confirms pipelined, acks one by one or by fifties, calls by direct reply-to.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::QueueType;
use super::work::Party;
use crate::payload::{Order, Quote};

/// How deliveries are acked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acks {
    /// `delivery.ack().await`, as in lapin's examples.
    Each,
    /// `multiple`, every fifty.
    Fifties,
}

const PREFETCH: u16 = 64;
const KEY: &str = "v1.placed";
const REPLIES: &str = "amq.rabbitmq.reply-to";

/// What an event, a request and its reply say in headers with Polywire; here it stands for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Headers {
    /// None: nothing but the content type.
    None,
    /// As many and as long as Polywire's.
    Same,
}

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const ID: &str = "0198f0a2b3c4d5e6f708192a3b4c5d6e";

const EVENT: &[(&str, &str)] = &[
    ("contract", "orders"),
    ("contract-version", "1.4.0"),
    ("contract-digest", DIGEST),
    ("contract-instance", "orders-0123456789"),
    ("cloudEvents_specversion", "1.0"),
    ("cloudEvents_id", ID),
    ("cloudEvents_source", "/orders"),
    ("cloudEvents_type", "orders.v1.placed"),
    ("cloudEvents_traceparent", TRACE),
];
const REQUEST: &[(&str, &str)] = &[
    ("contract", "orders"),
    ("contract-require", "^1.4"),
    ("contract-digest", DIGEST),
    ("traceparent", TRACE),
];
const REPLY: &[(&str, &str)] = &[
    ("contract", "orders"),
    ("contract-version", "1.4.0"),
    ("contract-offer", "1.4.0"),
    ("contract-digest", DIGEST),
    ("contract-instance", "orders-0123456789"),
];

impl Headers {
    fn on(self, properties: BasicProperties, texts: &[(&str, &str)]) -> BasicProperties {
        if self == Self::None {
            return properties;
        }
        let mut table = FieldTable::default();
        for (key, value) in texts {
            table.insert((*key).into(), AMQPValue::LongString((*value).into()));
        }
        properties
            .with_headers(table)
            .with_type("placed".into())
            .with_message_id(ID.into())
    }
}

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Vec<u8>>>>>;
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// One connection to publish and call on, one to consume and serve on.
pub(super) struct Bare {
    order: Order,
    acks: Acks,
    headers: Headers,
    events: ShortString,
    requests: ShortString,
    publishing: Channel,
    consuming: Connection,
    calling: Channel,
    waiting: Waiting,
    next: AtomicU64,
    _connection: Connection,
}

impl Bare {
    /// Declares its queues and serves calls.
    pub(super) async fn start(
        url: &str,
        queue_type: QueueType,
        acks: Acks,
        headers: Headers,
        order: Order,
    ) -> Result<Self> {
        let connect = || Connection::connect(url, ConnectionProperties::default());
        let (connection, consuming) = (connect().await?, connect().await?);
        let publishing = connection.create_channel().await?;
        publishing
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        let name = |what: &str| {
            ShortString::from(
                format!("bare.{what}.{queue_type:?}.{acks:?}.{headers:?}").to_lowercase(),
            )
        };
        let (events, requests) = (name("events"), name("requests"));
        declare(&publishing, &events, queue_type).await?;
        // As with Polywire, events go to an exchange, for any number of groups.
        publishing
            .exchange_declare(
                events.clone(),
                ExchangeKind::Topic,
                ExchangeDeclareOptions::default(),
                FieldTable::default(),
            )
            .await?;
        publishing
            .queue_bind(
                events.clone(),
                events.clone(),
                KEY.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
        // As with Polywire, what a caller waits for is never on disk.
        declare(&publishing, &requests, QueueType::Classic).await?;
        serve(consuming.create_channel().await?, requests.clone(), headers).await?;
        let calling = connection.create_channel().await?;
        let waiting = Waiting::default();
        collect(&calling, waiting.clone()).await?;
        Ok(Self {
            order,
            acks,
            headers,
            events,
            requests,
            publishing,
            consuming,
            calling,
            waiting,
            next: AtomicU64::new(0),
            _connection: connection,
        })
    }

    async fn acked(&self, channel: &Channel, delivery: &Delivery, count: usize) -> Result<()> {
        match self.acks {
            Acks::Each => {
                delivery.ack(BasicAckOptions::default()).await?;
            }
            Acks::Fifties if count.is_multiple_of(50) => {
                let options = BasicAckOptions { multiple: true };
                channel.basic_ack(delivery.delivery_tag, options).await?;
            }
            Acks::Fifties => {}
        }
        Ok(())
    }
}

async fn declare(channel: &Channel, name: &ShortString, queue_type: QueueType) -> Result<()> {
    let text = match queue_type {
        QueueType::Quorum => "quorum",
        QueueType::Classic => "classic",
    };
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString(text.into()));
    arguments.insert("x-expires".into(), AMQPValue::LongInt(600_000));
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(name.clone(), options, arguments)
        .await?;
    Ok(())
}

fn json() -> BasicProperties {
    BasicProperties::default().with_content_type("application/json".into())
}

/// Answers each request in a task of its own.
async fn serve(channel: Channel, requests: ShortString, headers: Headers) -> Result<()> {
    let options = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let mut consumer = channel
        .basic_consume(requests, "server".into(), options, FieldTable::default())
        .await?;
    tokio::spawn(async move {
        while let Some(Ok(request)) = consumer.next().await {
            let channel = channel.clone();
            tokio::spawn(async move { answer(&channel, &request, headers).await });
        }
    });
    Ok(())
}

async fn answer(channel: &Channel, request: &Delivery, headers: Headers) -> Result<()> {
    let order: Order = serde_json::from_slice(&request.data)?;
    let body = serde_json::to_vec(&order.quote())?;
    let to = request.properties.reply_to().clone().ok_or("no reply_to")?;
    let id = request.properties.correlation_id().clone();
    let properties = headers.on(json(), REPLY);
    let properties = properties.with_correlation_id(id.ok_or("no correlation_id")?);
    let options = BasicPublishOptions::default();
    channel
        .basic_publish(ShortString::default(), to, options, &body, properties)
        .await?;
    Ok(())
}

/// Hands replies to those who wait.
async fn collect(channel: &Channel, waiting: Waiting) -> Result<()> {
    let options = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let mut replies = channel
        .basic_consume(
            REPLIES.into(),
            "replies".into(),
            options,
            FieldTable::default(),
        )
        .await?;
    tokio::spawn(async move {
        while let Some(Ok(reply)) = replies.next().await {
            let id = reply.properties.correlation_id().as_ref();
            let waiter = id
                .and_then(|id| id.as_str().parse().ok())
                .and_then(|id: u64| waiting.lock().remove(&id));
            if let Some(waiter) = waiter {
                let _ = waiter.send(reply.data);
            }
        }
    });
    Ok(())
}

impl Party for Bare {
    type Error = Box<dyn Error + Send + Sync>;

    async fn publish(&self) -> Result<()> {
        let body = serde_json::to_vec(&self.order)?;
        let properties = self.headers.on(json(), EVENT).with_delivery_mode(2);
        let confirm = self
            .publishing
            .basic_publish(
                self.events.clone(),
                KEY.into(),
                BasicPublishOptions::default(),
                &body,
                properties,
            )
            .await?;
        match confirm.await? {
            Confirmation::Ack(None) => Ok(()),
            other => Err(format!("not confirmed: {other:?}").into()),
        }
    }

    async fn consume(&self, count: usize) -> Result<Duration> {
        let channel = self.consuming.create_channel().await?;
        channel
            .basic_qos(PREFETCH, BasicQosOptions::default())
            .await?;
        let options = BasicConsumeOptions::default();
        let mut consumer = channel
            .basic_consume(
                self.events.clone(),
                "reader".into(),
                options,
                FieldTable::default(),
            )
            .await?;
        let (mut begin, mut last) = (None, 0);
        for number in 1..=count {
            let delivery = consumer.next().await.ok_or("the consumer ended early")??;
            begin.get_or_insert_with(Instant::now);
            let _: Order = serde_json::from_slice(&delivery.data)?;
            last = delivery.delivery_tag;
            self.acked(&channel, &delivery, number).await?;
        }
        let elapsed = begin.map_or(Duration::ZERO, |begin| begin.elapsed());
        if self.acks == Acks::Fifties && !count.is_multiple_of(50) {
            let options = BasicAckOptions { multiple: true };
            channel.basic_ack(last, options).await?;
        }
        let options = BasicCancelOptions::default();
        channel.basic_cancel("reader".into(), options).await?;
        channel.close(200, "done".into()).await?;
        Ok(elapsed)
    }

    async fn call(&self) -> Result<()> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (waiter, reply) = oneshot::channel();
        self.waiting.lock().insert(id, waiter);
        let body = serde_json::to_vec(&self.order)?;
        let properties = self
            .headers
            .on(json(), REQUEST)
            .with_reply_to(REPLIES.into())
            .with_correlation_id(id.to_string().into());
        self.calling
            .basic_publish(
                ShortString::default(),
                self.requests.clone(),
                BasicPublishOptions::default(),
                &body,
                properties,
            )
            .await?;
        let _: Quote = serde_json::from_slice(&reply.await?)?;
        Ok(())
    }
}
