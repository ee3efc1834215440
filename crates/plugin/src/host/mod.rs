//! One plugin in this process: which release serves each major, the queues of its commands and events, and what keeps it
//! current.

mod config;
mod demand;
mod keeper;
mod look;
mod metrics;
mod overrun;
mod resident;
mod roster;
mod subscribe;
mod switch;
mod waiting;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use polywire_contract::{Name, Offer, Offered};
use polywire_core::{
    Error, ErrorKind, Exchange, Health, Letters, Message, Overflow, Receipt, Reply, Result, Workers,
};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use config::HostConfig;
pub use keeper::{Deployment, Keeper};
pub use overrun::Overrun;

use crate::native::{Generation, Loader, Outside};
use demand::{State, Wanted};
use metrics::Figures;
use overrun::Watchdog;
use resident::Resident;
use roster::Roster;
use switch::{HostServices, Runner, Switch, unrequired};

/// One plugin in this process.
///
/// Several majors of its contract may be resident at once, each served by one release. A call that runs stays with the release
/// that it was let into; what comes later goes to the one that was installed last.
pub struct PluginHost {
    config: HostConfig,
    switch: Arc<Switch>,
    loader: Loader,
    /// What the roster is made from, under the lock of whoever changes it.
    parts: Mutex<Parts>,
    wanted: Mutex<Wanted>,
    state: Mutex<State>,
    figures: Figures,
    /// Where calls may not overrun.
    watchdog: Option<Watchdog>,
    workers: tokio::sync::Mutex<Workers>,
    /// Ends subscriptions.
    stopped: CancellationToken,
}

#[derive(Default)]
struct Parts {
    residents: BTreeMap<u64, Arc<Resident>>,
    /// What releases offer that are deployed, and loaded when somebody wants them.
    known: BTreeMap<u64, Vec<Offered>>,
    /// Who serves, where that is another than this process.
    instance: Option<String>,
}

impl Parts {
    fn roster(&self, config: &HostConfig) -> Roster {
        let instance = self.instance.as_deref().or(config.instance.as_deref());
        let residents = self.residents.clone();
        Roster::new(&config.contract, instance, residents, &self.known)
    }
}

impl PluginHost {
    /// A host in which nothing is installed yet, made inside the runtime that its commands run on.
    ///
    /// # Errors
    /// `Internal` when the thread on which generations end cannot be started.
    pub fn new(config: HostConfig) -> Result<Arc<Self>> {
        let roster = Parts::default().roster(&config);
        let switch = Arc::new(Switch {
            contract: config.contract.clone(),
            roster: ArcSwap::from_pointee(roster),
            exchange: Exchange::new(config.bounds.clone(), Overflow::Wait),
            changed: watch::Sender::new(0),
            unmapped: 0.into(),
            retired: 0.into(),
        });
        let directory = config.directory.clone();
        let outside = directory.zip(Handle::try_current().ok());
        let services = Arc::new(HostServices {
            switch: switch.clone(),
            outside: outside.map(|(directory, runtime)| Outside { directory, runtime }),
        });
        let loader = Loader::new(config.limits.clone(), services)
            .map_err(|error| Error::new(ErrorKind::Internal, error.to_string()))?;
        let workers = switch.exchange.work(Runner(switch.clone()))?;
        let watchdog = match config.overrun {
            Overrun::Fence => None,
            Overrun::Abort => Some(Watchdog::start()?),
        };
        Ok(Arc::new(Self {
            config,
            switch,
            loader,
            parts: Mutex::default(),
            wanted: Mutex::default(),
            state: Mutex::default(),
            figures: Figures::default(),
            watchdog,
            workers: tokio::sync::Mutex::new(workers),
            stopped: CancellationToken::new(),
        }))
    }

    /// What loads the libraries that are installed here.
    #[must_use]
    pub fn loader(&self) -> &Loader {
        &self.loader
    }

    /// The contract that is served.
    #[must_use]
    pub fn contract(&self) -> &Name {
        &self.config.contract
    }

    /// What is offered: by what is installed, and by what would be loaded when it is wanted.
    #[must_use]
    pub fn offer(&self) -> Arc<Offer> {
        self.switch.roster.load().offer().clone()
    }

    /// Installs a generation that was loaded by other means than a [`Keeper`], as one that is linked into this program: it serves
    /// what is offered, in place of whatever has served, and is let in for ever.
    pub fn install(&self, generation: &Arc<Generation>, offer: &Offer) {
        let mut by_major: BTreeMap<u64, Vec<Offered>> = BTreeMap::new();
        for offered in offer.versions() {
            let own = by_major.entry(offered.version.major).or_default();
            own.push(offered.clone());
        }
        let mut parts = self.parts.lock();
        parts.residents = by_major
            .into_iter()
            .map(|(major, offered)| (major, self.resident(generation, None, offered)))
            .collect();
        parts.instance = offer.instance().map(str::to_owned);
        self.turn(&parts);
    }

    /// Lets go of everything that is installed, and gives up the calls that are under way.
    pub fn clear(&self) {
        let mut parts = self.parts.lock();
        let old = std::mem::take(&mut *parts);
        self.turn(&parts);
        for resident in old.residents.values() {
            resident.cut();
        }
    }

    /// Waits until the commands that were taken and can be run have been.
    ///
    /// # Errors
    /// `Closed` when the host was closed meanwhile.
    pub async fn finish(&self) -> Result<()> {
        let mut workers = self.workers.lock().await;
        workers.finish().await;
        *workers = self.switch.exchange.work(Runner(self.switch.clone()))?;
        Ok(())
    }

    fn turn(&self, parts: &Parts) {
        self.switch.turn(parts.roster(&self.config));
    }

    fn resident(
        &self,
        generation: &Arc<Generation>,
        deployed: Option<resident::Deployed>,
        offered: Vec<Offered>,
    ) -> Arc<Resident> {
        let contract = &self.config.contract;
        let resident = Resident::new(
            generation.clone(),
            deployed,
            (contract, offered),
            self.config.workers,
        );
        let resident = Arc::new(resident);
        self.figures.follow(&resident);
        if let Some(watchdog) = &self.watchdog {
            watchdog.watch(&resident);
        }
        resident
    }

    /// Calls an operation.
    ///
    /// # Errors
    /// `NoMatch`, `Unavailable` when nothing is deployed, when what is deployed cannot be loaded and when its deployment window
    /// has passed, and those of the plugin.
    pub async fn call(&self, message: Message) -> Result<Reply> {
        let Message { head, body } = message;
        let requirement = head.requirement.as_ref().ok_or_else(unrequired)?;
        let route = self
            .loaded(requirement, &head.interaction, head.deadline)
            .await
            .inspect_err(|_| self.figures.unserved())?;
        let Some(place) = &route.place else {
            self.figures.unserved();
            return Err(self.nobody(Some(route.major()), Some(&head.interaction)));
        };
        Ok(route.reply(place.call(&head, body).await?))
    }

    /// Takes a command. One that comes before anything is deployed waits for it.
    ///
    /// # Errors
    /// `NoMatch` when what is deployed has no version that fits, `Overloaded`, `Closed`.
    pub async fn send(&self, message: Message) -> Result<Receipt> {
        let requirement = message.head.requirement.as_ref().ok_or_else(unrequired)?;
        let command = &message.head.interaction;
        let roster = self.switch.roster.load_full();
        let stamp = if roster.offer().versions().is_empty() {
            self.want_later(requirement, command);
            None
        } else {
            let route = roster.route(requirement, command)?;
            self.want(&route, requirement, command);
            Some(route.stamp.clone())
        };
        let receipt = self.switch.exchange.send(message, None).await?;
        Ok(Receipt::new(receipt.id, stamp))
    }

    /// Whether what is wanted is served.
    #[must_use]
    pub fn health(&self) -> Health {
        if let Some(trouble) = self.state.lock().trouble(None) {
            return Health::Degraded(trouble.to_owned());
        }
        let roster = self.switch.roster.load();
        for (major, resident) in roster.residents() {
            if let Err(expired) = resident.check() {
                return Health::Degraded(expired.message().to_owned());
            }
            let stuck = resident.stuck();
            if stuck >= self.config.max_stuck {
                let text = format!(
                    "{stuck} calls of major {major} were given up and still run in the plugin"
                );
                return Health::Degraded(text);
            }
        }
        Health::Ready
    }

    /// The shelves of its commands and events.
    #[must_use]
    pub fn letters(&self) -> Arc<dyn Letters> {
        self.switch.exchange.letters()
    }

    /// Takes nothing new and finishes the commands that were taken and can be run.
    pub async fn drain(&self) {
        self.switch.exchange.refuse_new();
        self.stopped.cancel();
        self.workers.lock().await.finish().await;
    }

    /// Lets go of everything.
    pub fn close(&self) {
        self.switch.exchange.close();
        self.stopped.cancel();
        self.clear();
    }
}

impl fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginHost")
            .field("config", &self.config)
            .field("switch", &self.switch)
            .finish_non_exhaustive()
    }
}
