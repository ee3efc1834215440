//! A replica that counts whom its handlers ran for.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use polywire::{Context, Polywire, Versions};

use super::contract::{v1_4, v1_5};

/// The metadata entry in which callers say their floor, apart from anything that is negotiated.
pub(crate) const FLOOR: &str = "floor";

/// How often handlers ran, by the minor version that their caller needs at least.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ran(Arc<Mutex<BTreeMap<u64, u64>>>);

impl Ran {
    fn count(&self, cx: &Context) -> u64 {
        let floor = cx
            .metadata()
            .get(FLOOR)
            .and_then(|floor| floor.parse().ok())
            .unwrap_or(u64::MAX);
        let mut ran = self.0.lock().unwrap();
        *ran.entry(floor).or_default() += 1;
        ran.values().sum()
    }

    /// How often handlers ran for callers that need at least this minor version.
    pub(crate) fn of(&self, floor: u64) -> u64 {
        self.0
            .lock()
            .unwrap()
            .get(&floor)
            .copied()
            .unwrap_or_default()
    }

    /// How often handlers ran for callers that need a higher minor version than this replica has.
    pub(crate) fn wrong(&self, own: u64) -> u64 {
        self.0
            .lock()
            .unwrap()
            .iter()
            .filter(|(floor, _)| **floor > own)
            .map(|(_, times)| times)
            .sum()
    }
}

impl v1_4::Counter for Ran {
    async fn count(&self, cx: &Context) -> Result<v1_4::Counted, Infallible> {
        Ok(v1_4::Counted {
            calls: self.count(cx),
        })
    }

    async fn note(&self, cx: &Context) -> Result<(), Infallible> {
        self.count(cx);
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
        self.count(cx);
        Ok(())
    }
}

/// A running replica.
pub(crate) struct Replica {
    pub(crate) minor: u64,
    pub(crate) ran: Ran,
    pub(crate) wire: Polywire,
    pub(crate) address: String,
}

impl Replica {
    /// Starts a replica of one minor version on a free port.
    pub(crate) async fn start(name: &str, minor: u64) -> Self {
        let text = format!(
            "[service]\nname = \"counter\"\ninstance = \"{name}\"\n[channel.counter]\ntransport = \"http\"\n[transport.http]\nlisten = \"127.0.0.1:0\"\n"
        );
        let wire = super::wire(&text);
        let ran = Ran::default();
        let versions = match minor {
            4 => Versions::new().serve(v1_4::CounterServer::new(ran.clone())),
            _ => Versions::new().serve(v1_5::CounterServer::new(ran.clone())),
        };
        let provided = wire.provide("counter", versions).await.unwrap();
        let address = provided.address().await.unwrap();
        let address = address.strip_prefix("http://").unwrap().to_owned();
        Self {
            minor,
            ran,
            wire,
            address,
        }
    }

    /// Finishes what runs, then ends.
    pub(crate) async fn stop(&self) {
        super::soon("draining", self.wire.drain()).await.unwrap();
        self.wire.close().await.unwrap();
    }
}
