//! Questions about the offer, and notices that a call is given up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::ShortString;
use polywire_contract::Name;
use polywire_core::{Result, Service};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::reply::reply;
use super::running::Running;
use crate::broker::Broker;
use crate::client::{ASK, CANCEL};
use crate::consume::{Gone, Plan, Source};

/// How long an answer may take to be sent.
const LIMIT: Duration = Duration::from_secs(5);
/// How many questions are taken at once.
const PREFETCH: usize = 64;

/// Attaches to a queue of our own, where all questions about a contract arrive.
pub(super) async fn source(
    broker: &Arc<Broker>,
    gone: &Arc<Gone>,
    contract: &Name,
) -> Result<Source> {
    let queue = broker.plans.names.own_queue("contracts.control")?;
    let plan = Plan {
        queue: queue.clone(),
        declare: {
            let (broker, contract) = (broker.clone(), contract.clone());
            Box::new(move || broker.plans.control(&contract, &queue))
        },
        exclusive: true,
    };
    let mut source = Source::new(broker.clone(), gone.clone(), vec![plan], PREFETCH);
    source.attach().await?;
    Ok(source)
}

pub(super) async fn pump(
    mut source: Source,
    broker: Arc<Broker>,
    service: Arc<Service>,
    running: Arc<Running>,
    stop: CancellationToken,
) {
    // Offers have no other members than texts, so this cannot fail.
    let offer = Bytes::from(serde_json::to_vec(&**service.offer()).unwrap_or_default());
    loop {
        let work = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            work = source.next() => work,
        };
        let Ok(work) = work else { break };
        let properties = &work.delivery.properties;
        match properties.kind().as_ref().map(ShortString::as_str) {
            Some(ASK) => {
                if let Some(to) = properties.reply_to().clone() {
                    let answer = BasicProperties::default()
                        .with_content_type("application/json".into())
                        .with_type(ASK.into())
                        .with_correlation_id(
                            properties.correlation_id().clone().unwrap_or_default(),
                        );
                    reply(&broker, to, (answer, offer.clone()), Instant::now() + LIMIT).await;
                }
            }
            Some(CANCEL) => running.give_up(properties),
            other => tracing::debug!(?other, "an unknown question was ignored"),
        }
        if let Err(error) = work.acks.ack(work.delivery.delivery_tag) {
            tracing::debug!(%error, "a question comes again");
        }
    }
}
