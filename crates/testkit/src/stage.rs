//! What a case is given: a world, and short ways to serve and to connect in it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use polywire_contract::{Name, Requirement};
use polywire_core::{
    Capability, Channel, Deliveries, Delivery, Head, Kind, Letter, Letters, Message, MessageId,
    Policy, Publisher, Result, Service, Session, Shelf, Subscription, Versions,
};
use tokio::time::timeout;

use crate::factory::{Facilities, World, WorldOptions};
use crate::failure::{Checked, Failure, check_eq};
use crate::sample::{CONTRACT, Edition, Probe, Sample, interaction};

/// A world, and short ways to serve and to connect in it.
pub(crate) struct Stage {
    world: Box<dyn World>,
    options: WorldOptions,
    patience: Duration,
    facilities: Facilities,
    further: Mutex<Vec<Arc<dyn Channel>>>,
}

/// A service that is served, and what its handlers did.
pub(crate) struct Served {
    pub(crate) probe: Probe,
    pub(crate) service: Arc<Service>,
    pub(crate) channel: Arc<dyn Channel>,
    patience: Duration,
}

impl Stage {
    pub(crate) fn new(
        world: Box<dyn World>,
        options: WorldOptions,
        patience: Duration,
        facilities: Facilities,
    ) -> Self {
        Self {
            world,
            options,
            patience,
            facilities,
            further: Mutex::default(),
        }
    }

    pub(crate) fn facilities(&self) -> Facilities {
        self.facilities
    }

    pub(crate) fn options(&self) -> &WorldOptions {
        &self.options
    }

    pub(crate) fn capability(&self) -> Capability {
        self.world.capability()
    }

    pub(crate) fn provider(&self) -> Arc<dyn Channel> {
        self.world.provider()
    }

    pub(crate) fn consumer(&self) -> Arc<dyn Channel> {
        self.world.consumer()
    }

    pub(crate) async fn another_provider(&self) -> Checked<Arc<dyn Channel>> {
        let channel = self.world.another_provider().await?;
        self.further.lock().push(channel.clone());
        Ok(channel)
    }

    pub(crate) async fn another_consumer(&self) -> Checked<Arc<dyn Channel>> {
        let channel = self.world.another_consumer().await?;
        self.further.lock().push(channel.clone());
        Ok(channel)
    }

    /// Ends the provider and starts it again, serving those versions. One that is not durable is drained first: what it
    /// accepted has no other place.
    pub(crate) async fn serve_again(&self, editions: &[Edition]) -> Checked<Served> {
        if !self.capability().durable {
            self.within("the end of draining", self.provider().drain())
                .await??;
        }
        let channel = self
            .within("a restart", self.world.restart_provider())
            .await??;
        let probe = self.probe();
        let service = self.service(editions, &probe)?;
        self.serve_on(channel, service, probe).await
    }

    /// Waits for something, within the suite's patience.
    pub(crate) async fn within<T>(
        &self,
        what: &str,
        future: impl Future<Output = T> + Send,
    ) -> Checked<T> {
        timeout(self.patience, future)
            .await
            .map_err(|_| Failure::new(format!("{what} did not happen within {:?}", self.patience)))
    }

    pub(crate) fn probe(&self) -> Probe {
        Probe::new(self.patience)
    }

    /// A service of those versions, not served yet.
    pub(crate) fn service(&self, editions: &[Edition], probe: &Probe) -> Checked<Service> {
        let mut versions = Versions::new();
        for edition in editions {
            versions = versions.serve(Sample::new(*edition, probe)?);
        }
        Ok(Service::new(versions)?.with_instance("replica-1"))
    }

    /// Serves those versions at the provider's end.
    pub(crate) async fn serve(&self, editions: &[Edition]) -> Checked<Served> {
        let probe = self.probe();
        let service = self.service(editions, &probe)?;
        self.serve_on(self.provider(), service, probe).await
    }

    /// Serves a service at an end.
    pub(crate) async fn serve_on(
        &self,
        channel: Arc<dyn Channel>,
        service: Service,
        probe: Probe,
    ) -> Checked<Served> {
        let service = Arc::new(service);
        self.within("serving", channel.serve(service.clone()))
            .await??;
        Ok(Served {
            probe,
            service,
            channel,
            patience: self.patience,
        })
    }

    /// A session at the consumer's end for a client of that version, which requires at least it.
    pub(crate) fn session(&self, edition: Edition) -> Checked<Session> {
        self.session_on(self.consumer(), edition, &format!("^{}", edition.text()))
    }

    /// A session at the consumer's end for a client of that version with other ranges.
    pub(crate) fn requiring(&self, edition: Edition, ranges: &str) -> Checked<Session> {
        self.session_on(self.consumer(), edition, ranges)
    }

    pub(crate) fn session_on(
        &self,
        channel: Arc<dyn Channel>,
        edition: Edition,
        ranges: &str,
    ) -> Checked<Session> {
        let requirement = Requirement::parse_list(CONTRACT, ranges)?;
        let policy = Policy {
            // Longer than the suite waits, so that the suite says what did not happen.
            timeout: 2 * self.patience,
            ..Policy::default()
        };
        Ok(Session::new(
            channel,
            edition.contract()?,
            requirement,
            policy,
        )?)
    }

    /// A raw subscription to `happened` at the consumer's end.
    pub(crate) async fn subscribe(
        &self,
        ranges: &str,
        group: Option<&str>,
        prefetch: usize,
    ) -> Checked<Deliveries> {
        self.subscribe_on(&self.consumer(), ranges, group, prefetch)
            .await
    }

    pub(crate) async fn subscribe_on(
        &self,
        channel: &Arc<dyn Channel>,
        ranges: &str,
        group: Option<&str>,
        prefetch: usize,
    ) -> Checked<Deliveries> {
        let subscription = subscription(ranges, group, prefetch)?;
        Ok(self
            .within("subscribing", channel.subscribe(subscription))
            .await??)
    }

    /// The next delivery of a stream.
    pub(crate) async fn next(&self, deliveries: &mut Deliveries) -> Checked<Delivery> {
        self.within("a delivery", deliveries.next())
            .await?
            .ok_or_else(|| Failure::new("the stream ended while the channel is open"))
    }

    /// The shelves that either end can reach; an end that can set messages aside must let an operator find them.
    pub(crate) fn letters(&self) -> Checked<Arc<dyn Letters>> {
        let ends = [self.provider().letters(), self.consumer().letters()];
        let ends: Vec<_> = ends.into_iter().flatten().collect();
        if ends.is_empty() {
            return Err(Failure::new("neither end can reach the messages set aside"));
        }
        Ok(Arc::new(BothEnds(ends)))
    }

    /// Waits until that many messages stand on a shelf, and gives them.
    pub(crate) async fn shelved(&self, shelf: Shelf, count: usize) -> Checked<Vec<Letter>> {
        let letters = self.letters()?;
        let all = async {
            // A shelf tells nobody what is put on it, so it is looked at again and again, within a bound.
            let mut look = tokio::time::interval(Duration::from_millis(5));
            loop {
                look.tick().await;
                let found = letters.list(shelf, 1000).await?;
                if found.len() >= count {
                    return Ok::<_, Failure>(found);
                }
            }
        };
        let found = self
            .within(&format!("{count} letters on the {shelf} shelf"), all)
            .await??;
        check_eq!(found.len(), count, "letters on the {shelf} shelf");
        Ok(found)
    }

    /// Closes every end.
    pub(crate) async fn close(&self) -> Checked {
        let mut ends = std::mem::take(&mut *self.further.lock());
        ends.extend([self.consumer(), self.provider()]);
        for end in ends {
            self.within("closing an end after the case", end.close())
                .await??;
        }
        Ok(())
    }
}

/// The shelves of two ends, which may be the same ones.
struct BothEnds(Vec<Arc<dyn Letters>>);

#[async_trait]
impl Letters for BothEnds {
    async fn list(&self, shelf: Shelf, limit: usize) -> Result<Vec<Letter>> {
        let mut all: Vec<Letter> = Vec::new();
        for end in &self.0 {
            for letter in end.list(shelf, limit).await? {
                let same =
                    |known: &Letter| known.group == letter.group && known.head.id == letter.head.id;
                if !all.iter().any(same) {
                    all.push(letter);
                }
            }
        }
        Ok(all)
    }

    async fn replay(&self, shelf: Shelf, group: &str, id: &MessageId) -> Result<bool> {
        for end in &self.0 {
            if end.replay(shelf, group, id).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn discard(&self, shelf: Shelf, group: &str, id: &MessageId) -> Result<bool> {
        for end in &self.0 {
            if end.discard(shelf, group, id).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Served {
    /// A publisher of the events of one version of the service.
    pub(crate) fn publisher(&self, edition: Edition) -> Checked<Publisher> {
        let contract = edition.contract()?;
        Ok(Publisher::new(
            self.channel.clone(),
            &self.service,
            &contract,
            self.patience,
        )?)
    }
}

/// A message to the sample contract without a session's care.
pub(crate) fn bare(
    kind: Kind,
    interaction: Name,
    ranges: &str,
    body: impl Into<bytes::Bytes>,
) -> Checked<Message> {
    let mut head = Head::new(kind, CONTRACT, interaction);
    head.requirement = Some(Requirement::parse_list(CONTRACT, ranges)?);
    Ok(Message::new(head, body.into()))
}

/// A subscription to `happened`, without a token.
pub(crate) fn subscription(
    ranges: &str,
    group: Option<&str>,
    prefetch: usize,
) -> Checked<Subscription> {
    Ok(Subscription {
        contract: CONTRACT,
        event: interaction::HAPPENED,
        group: group.map(Name::try_from).transpose()?,
        requirement: Requirement::parse_list(CONTRACT, ranges)?,
        prefetch,
        token: None,
    })
}
