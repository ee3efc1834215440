//! Groups: what arrives for each is kept, and handed to its members.

mod keeper;
mod provider;
mod recall;
mod registration;
mod spool;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use futures_util::stream;
use parking_lot::Mutex;
use polywire_core::contract::{Name, Version};
use polywire_core::{Deliveries, ErrorKind, MessageId, Result, Subscription, Token};
use tokio::task::JoinHandle;

use super::hooks::Hooks;
use super::place::Place;
use crate::clock::Clock;
use crate::inbox::{Inbox, Member, Queue, QueueName, QueueTerms};
use crate::seal::Keyring;
use crate::signature::Algorithm;
use crate::store::Store;
use keeper::Keeper;
use provider::Provider;
use registration::{Asked, Registrations, hook_id};
use spool::Spool;

/// The groups of a consumer.
pub(crate) struct Groups {
    hooks: Arc<Hooks>,
    place: Arc<Place>,
    clock: Arc<dyn Clock>,
    inbox: Inbox,
    store: Arc<dyn Store>,
    keyring: Keyring,
    lease: std::time::Duration,
    sign: Vec<Algorithm>,
    kept: Mutex<HashMap<QueueName, Arc<Kept>>>,
    /// Groups that were registered before and have not had a member here yet.
    recalled: Mutex<HashMap<QueueName, Arc<Spool>>>,
}

/// A group that has had a member here; it goes on being delivered to.
struct Kept {
    hook_id: String,
    asked: Asked,
    provider: Provider,
    keeping: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(keeping) = self.keeping.lock().take() {
            keeping.abort();
        }
    }
}

/// What a consumer's configuration says of its subscriptions.
pub(crate) struct GroupOptions {
    pub(crate) lease: std::time::Duration,
    pub(crate) sign: Vec<Algorithm>,
}

impl Groups {
    pub(crate) fn new(
        hooks: Arc<Hooks>,
        place: Arc<Place>,
        clock: Arc<dyn Clock>,
        (inbox, store): (Inbox, Arc<dyn Store>),
        keyring: Keyring,
        options: GroupOptions,
    ) -> Self {
        Self {
            hooks,
            place,
            clock,
            inbox,
            store,
            keyring,
            lease: options.lease,
            sign: options.sign,
            kept: Mutex::default(),
            recalled: Mutex::default(),
        }
    }

    /// Joins a group, and subscribes it where it is not. A provider that is not there is asked again and again.
    pub(crate) async fn subscribe(
        self: &Arc<Self>,
        subscription: Subscription,
    ) -> Result<Deliveries> {
        let alone = subscription.group.is_none();
        let name = name(&subscription)?;
        let asked = Asked {
            name: name.clone(),
            requirement: subscription.requirement.clone(),
            event: subscription.event.clone(),
            group: subscription.group.clone(),
        };
        let queue = self.inbox.open(&name, terms(&asked)).await?;
        // A member first, so that nothing arrives in a queue that nobody looks at.
        let member = self.inbox.join(&queue, subscription.prefetch)?;
        let known = self.kept.lock().get(&name).cloned();
        if known.is_none() {
            self.keep(asked, queue, subscription.token).await?;
        }
        let leaving = alone.then(|| Leaving {
            groups: self.clone(),
            name,
        });
        Ok(Deliveries::new(stream::unfold(
            (member, leaving),
            |(mut member, leaving): (Member, Option<Leaving>)| async move {
                let next = member.next().await?;
                Some((next, (member, leaving)))
            },
        )))
    }

    async fn keep(&self, asked: Asked, queue: Queue, token: Option<Token>) -> Result<()> {
        let name = &asked.name;
        let recalled = self.recalled.lock().remove(name);
        let spool = match &recalled {
            // The one that its hook has.
            Some(spool) => spool.clone(),
            None => Arc::new(self.spool(&asked, queue)),
        };
        let hook_id = hook_id(name);
        let hook = self.hooks.open(&hook_id, spool.clone());
        let provider = Provider {
            place: self.place.clone(),
            token,
            lease: self.lease,
            sign: self.sign.clone(),
        };
        let keeper = Keeper {
            asked: asked.clone(),
            hook_id: hook_id.clone(),
            hook,
            spool,
            registrations: self.registrations(),
            provider: provider.clone(),
            place: self.place.clone(),
            clock: self.clock.clone(),
            since: self.clock.now(),
        };
        let registered = match keeper.register().await {
            Ok(registered) => Some(registered),
            // Nobody is there yet: the keeper goes on asking.
            Err(error) if error.kind() == ErrorKind::Unavailable => None,
            Err(error) => {
                match recalled {
                    Some(spool) => drop(self.recalled.lock().insert(name.clone(), spool)),
                    None => self.hooks.close(&hook_id),
                }
                return Err(error);
            }
        };
        let kept = Arc::new(Kept {
            hook_id,
            asked: asked.clone(),
            provider,
            keeping: Mutex::new(Some(tokio::spawn(keeper.run(registered)))),
        });
        let before = self.kept.lock().insert(name.clone(), kept);
        // Two subscribed at once: the hook is the same, and one keeper is enough.
        drop(before);
        Ok(())
    }

    /// What takes the events of a group.
    fn spool(&self, asked: &Asked, queue: Queue) -> Spool {
        Spool {
            inbox: self.inbox.clone(),
            queue,
            contract: asked.requirement.contract().clone(),
            event: asked.event.clone(),
            requirement: asked.requirement.clone(),
            clock: self.clock.clone(),
            order: Mutex::default(),
        }
    }

    fn registrations(&self) -> Registrations {
        Registrations {
            store: self.store.clone(),
            keyring: self.keyring.clone(),
        }
    }

    /// Ends a group of one for good.
    async fn end(&self, name: &QueueName) -> Result<()> {
        let Some(kept) = self.kept.lock().remove(name) else {
            return Ok(());
        };
        self.hooks.close(&kept.hook_id);
        if let Some(keeping) = kept.keeping.lock().take() {
            keeping.abort();
        }
        let registrations = self.registrations();
        if let Some(registration) = registrations.read(name).await?
            && let Some(id) = registration.id()
        {
            kept.provider.delete(id).await?;
        }
        registrations.forget(name).await
    }

    /// Lets go of every group; each goes on at the next start, and before that at another process of it.
    pub(crate) async fn close(&self) {
        for (name, _) in self.recalled.lock().drain() {
            self.hooks.close(&hook_id(&name));
        }
        let all: Vec<Arc<Kept>> = self.kept.lock().drain().map(|(_, kept)| kept).collect();
        for kept in all {
            if let Some(keeping) = kept.keeping.lock().take() {
                keeping.abort();
            }
            if let Err(error) = self.leave(&kept).await {
                tracing::debug!(%error, "the hook of a group was not given up");
            }
            self.hooks.close(&kept.hook_id);
        }
    }

    /// Says that this hook goes, so that another process of the group puts its own in its place.
    async fn leave(&self, kept: &Kept) -> Result<()> {
        let registrations = self.registrations();
        let own = self.place.hook(&kept.hook_id).await?;
        if let Some(registration) = registrations.read(&kept.asked.name).await?
            && registration.sink() == own
        {
            registrations.change(&registration, Some(""), None).await?;
        }
        Ok(())
    }
}

/// A group of one ends with its stream.
struct Leaving {
    groups: Arc<Groups>,
    name: QueueName,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let (groups, name) = (self.groups.clone(), self.name.clone());
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            // Its lease ends it, when this does not.
            if let Err(error) = groups.end(&name).await {
                tracing::debug!(%error, group = %name, "a subscription was not ended");
            }
        });
    }
}

/// What a group's queue is for.
fn terms(asked: &Asked) -> QueueTerms {
    let requirement = asked.requirement.clone();
    let group = asked.group.clone();
    QueueTerms {
        group: group.unwrap_or(Name::from_static("alone")),
        version: requirement
            .floor()
            .cloned()
            .unwrap_or(Version::new(0, 0, 0)),
        requested: requirement,
        interactions: vec![asked.event.clone()],
    }
}

/// Members that require the same tracks of an event under one name are one group.
fn name(subscription: &Subscription) -> Result<QueueName> {
    let mut tracks = subscription.requirement.tracks();
    tracks.sort();
    tracks.dedup();
    let tracks: Vec<String> = tracks.iter().map(ToString::to_string).collect();
    let group = match &subscription.group {
        Some(group) => group.to_string(),
        None => format!("alone {}", MessageId::random()),
    };
    format!(
        "{}/{}/{group}/{}",
        subscription.contract,
        subscription.event,
        tracks.join(",")
    )
    .parse()
}

impl fmt::Debug for Groups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Groups")
            .field("kept", &self.kept.lock().len())
            .finish_non_exhaustive()
    }
}
