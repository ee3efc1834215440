//! Polywire over AMQP: stamped, negotiated and traced, with every default but the type of the queues.

use std::sync::Arc;
use std::time::{Duration, Instant};

use polywire_amqp::{AmqpConfig, AmqpTransport, BrokerUrl, QueueType};
use polywire_core::{
    CallError, Channel, Error, ErrorKind, NoError, Publisher, Result, Service, Session, Transport,
    codec,
};

use super::work::Party;
use crate::contract::{Orders, PLACED, QUOTE, contract, session};
use crate::payload::{Order, Quote};

const GROUP: &str = "bench";
const PATIENCE: Duration = Duration::from_secs(60);

/// A provider and a consumer, each over a transport of its own.
pub(super) struct Polywire {
    order: Order,
    publisher: Publisher,
    session: Session,
    _provider: (AmqpTransport, Arc<dyn Channel>),
    _consumer: AmqpTransport,
}

impl Polywire {
    /// Serves and joins a group, so that its queue is there.
    pub(super) async fn start(
        url: &BrokerUrl,
        queue_type: QueueType,
        order: Order,
    ) -> Result<Self> {
        let transport = || {
            AmqpTransport::new(AmqpConfig {
                queue_type,
                namespace: Some(format!("bench.{queue_type:?}").to_lowercase()),
                expire_unused: Some(Duration::from_secs(600)),
                ..AmqpConfig::new(vec![url.clone()])
            })
        };
        let (provider, consumer) = (transport()?, transport()?);
        let contract = contract()
            .map_err(|error| Error::new(ErrorKind::Config, error.to_string()).caused_by(error))?;
        let served = provider.channel("orders").await?;
        let service = Arc::new(Service::new(Orders::new(contract.clone()))?);
        served.serve(service.clone()).await?;
        let publisher = Publisher::new(served.clone(), &service, &contract, PATIENCE)?;
        let session = session(consumer.channel("orders").await?, contract)?;
        drop(session.subscribe::<Order>(PLACED, GROUP).await?);
        Ok(Self {
            order,
            publisher,
            session,
            _provider: (provider, served),
            _consumer: consumer,
        })
    }
}

impl Party for Polywire {
    type Error = CallError<NoError>;

    async fn publish(&self) -> std::result::Result<(), Self::Error> {
        let body = codec::encode(&self.order)?;
        self.publisher.publish_bytes(PLACED, body).await?;
        Ok(())
    }

    async fn consume(&self, count: usize) -> std::result::Result<Duration, Self::Error> {
        let mut group = self.session.subscribe::<Order>(PLACED, GROUP).await?;
        let mut begin = None;
        for _ in 0..count {
            let Some(placed) = group.next().await else {
                let ended = Error::new(ErrorKind::Closed, "the subscription ended early");
                return Err(ended.into());
            };
            begin.get_or_insert_with(Instant::now);
            placed.ack().await?;
        }
        Ok(begin.map_or(Duration::ZERO, |begin| begin.elapsed()))
    }

    async fn call(&self) -> std::result::Result<(), Self::Error> {
        let _: Quote = self.session.request(QUOTE, &self.order).await?;
        Ok(())
    }
}
