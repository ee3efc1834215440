//! A store that does not answer for a while.

#![allow(dead_code, reason = "each test target uses its own part")]

use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use polywire_core::{Error, ErrorKind, Result};
use polywire_webhook::record::Settlement;
use tokio::time::Instant;

use crate::watched::{Ask, Between};

/// Fails while it is down, and remembers when it was asked.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    down: bool,
    /// Carries out what it is asked to settle, and then says that it has failed.
    mute: bool,
    asked: Vec<(Ask, Instant)>,
    settled: Vec<bool>,
}

impl Outage {
    pub(crate) fn begin(&self) {
        let mut inside = self.0.lock();
        inside.down = true;
        inside.asked.clear();
    }

    pub(crate) fn end(&self) {
        let mut inside = self.0.lock();
        inside.down = false;
        inside.mute = false;
    }

    pub(crate) fn mute(&self) {
        self.0.lock().mute = true;
    }

    /// How often it was asked for something while it was down.
    pub(crate) fn count(&self, ask: Ask) -> usize {
        self.times(ask).len()
    }

    fn times(&self, ask: Ask) -> Vec<Instant> {
        let inside = self.0.lock();
        let asked = inside.asked.iter().filter(|(asked, _)| *asked == ask);
        asked.map(|(_, at)| *at).collect()
    }

    /// That it was left alone for longer each time: at least so long the first time.
    pub(crate) fn was_left_alone(&self, ask: Ask, first: Duration) {
        let times = self.times(ask);
        assert!(times.len() > 2, "{ask:?}: {times:?}");
        let mut least = first;
        for (one, next) in times.iter().zip(&times[1..]) {
            let waited = *next - *one;
            assert!(waited >= least, "{ask:?} after {waited:?}, not {least:?}");
            least *= 2;
        }
    }

    /// Whether each settlement was carried out, in their order.
    pub(crate) fn settled(&self) -> Vec<bool> {
        self.0.lock().settled.clone()
    }
}

fn failed() -> Error {
    Error::new(ErrorKind::Unavailable, "the disk is full")
}

#[async_trait]
impl Between for Outage {
    async fn before(&self, asked: Ask) -> Result<()> {
        let mut inside = self.0.lock();
        if !inside.down {
            return Ok(());
        }
        inside.asked.push((asked, Instant::now()));
        Err(failed())
    }

    async fn after(&self, asked: Ask) -> Result<()> {
        if asked == Ask::Settle && self.0.lock().mute {
            return Err(failed());
        }
        Ok(())
    }

    fn settled(&self, _: &[Settlement], settled: &[bool]) {
        self.0.lock().settled.extend(settled);
    }
}
