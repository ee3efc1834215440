//! A replica that counts whom its handlers ran for.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use polywire::core::MessageId;
use polywire::{Context, Polywire, Versions};

use super::Link;
use super::contract::{v1_4, v1_5};
use super::support::{soon, wire};

/// The metadata entry in which callers say their floor, apart from anything that is negotiated.
pub(crate) const FLOOR: &str = "floor";

/// What handlers ran for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ran(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    /// How often, by the minor version that the caller needs at least.
    floors: BTreeMap<u64, usize>,
    /// How often each command.
    commands: HashMap<MessageId, usize>,
}

impl Ran {
    fn count(&self, cx: &Context) -> u64 {
        let floor = cx
            .metadata()
            .get(FLOOR)
            .and_then(|floor| floor.parse().ok())
            .unwrap_or(u64::MAX);
        let floors = &mut self.0.lock().unwrap().floors;
        *floors.entry(floor).or_default() += 1;
        floors.values().sum::<usize>().try_into().unwrap()
    }

    fn note(&self, cx: &Context) {
        self.count(cx);
        let commands = &mut self.0.lock().unwrap().commands;
        *commands.entry(cx.id().clone()).or_default() += 1;
    }

    /// How often handlers ran for callers that need at least this minor version.
    pub(crate) fn of(&self, floor: u64) -> usize {
        let floors = &self.0.lock().unwrap().floors;
        floors.get(&floor).copied().unwrap_or_default()
    }

    /// How often handlers ran for callers that need a higher minor version than this replica has.
    pub(crate) fn wrong(&self, own: u64) -> usize {
        let floors = &self.0.lock().unwrap().floors;
        floors.range(own + 1..).map(|(_, times)| times).sum()
    }

    /// Adds up how often each command was handled.
    pub(crate) fn add_commands(&self, all: &mut HashMap<MessageId, usize>) {
        for (id, times) in &self.0.lock().unwrap().commands {
            *all.entry(id.clone()).or_default() += times;
        }
    }
}

impl v1_4::Counter for Ran {
    async fn count(&self, cx: &Context) -> Result<v1_4::Counted, Infallible> {
        Ok(v1_4::Counted {
            calls: self.count(cx),
        })
    }

    async fn note(&self, cx: &Context) -> Result<(), Infallible> {
        self.note(cx);
        Ok(())
    }
}

impl v1_5::Counter for Ran {
    async fn count(&self, cx: &Context) -> Result<v1_5::Counted, Infallible> {
        let by = cx
            .agreement()
            .instance
            .as_deref()
            .unwrap_or_default()
            .to_owned();
        Ok(v1_5::Counted {
            calls: self.count(cx),
            by,
        })
    }

    async fn note(&self, cx: &Context) -> Result<(), Infallible> {
        self.note(cx);
        Ok(())
    }
}

/// A running replica.
pub(crate) struct Replica {
    pub(crate) minor: u64,
    pub(crate) ran: Ran,
    pub(crate) wire: Polywire,
    /// Host and port, where callers need to know.
    pub(crate) address: Option<String>,
}

impl Replica {
    /// Starts a replica of one minor version.
    pub(crate) async fn start(name: &str, minor: u64, link: &Link) -> Self {
        let wire = wire(&format!(
            "[service]\nname = \"counter\"\ninstance = \"{name}\"\n[channel.counter]\n{}",
            link.config()
        ));
        let ran = Ran::default();
        let versions = match minor {
            4 => Versions::new().serve(v1_4::CounterServer::new(ran.clone())),
            _ => Versions::new().serve(v1_5::CounterServer::new(ran.clone())),
        };
        let provided = wire.provide("counter", versions).await.unwrap();
        let address = provided.address().await;
        let address = address.map(|url| url.strip_prefix("http://").unwrap().to_owned());
        Self {
            minor,
            ran,
            wire,
            address,
        }
    }

    /// Finishes what runs, then ends.
    pub(crate) async fn stop(&self) {
        soon("draining", self.wire.drain()).await.unwrap();
        self.wire.close().await.unwrap();
    }
}
