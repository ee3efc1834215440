use std::time::Duration;

use parking_lot::Mutex;

use super::{Attempt, Window};
use crate::fetch::Reader;
use crate::format::{Ack, Index, InstanceId, PluginName};
use crate::refusal::Refusal;

/// What proves that the repository is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A durable write of the own acknowledgement. It forces the repository to answer, where a read may be answered by a copy.
    Write,
    /// The publisher's signed word, for repositories that cannot be written to. It takes clocks that agree to within `skew`, by
    /// which the window may be longer; and no acknowledgement tells the deployer who runs what.
    Beacon {
        /// By how much the publisher's clock may be ahead.
        skew: Duration,
    },
}

/// The contacts of one consumer with one plugin's index.
#[derive(Debug)]
pub struct Contact {
    reader: Reader,
    plugin: PluginName,
    instance: InstanceId,
    proof: Proof,
    ack: Option<Ack>,
}

impl Contact {
    /// Contacts by one consumer, whose name no other consumer has.
    #[must_use]
    pub fn new(reader: Reader, plugin: PluginName, instance: InstanceId, proof: Proof) -> Self {
        Self {
            reader,
            plugin,
            instance,
            proof,
            ack: None,
        }
    }

    /// What the next contact acknowledges; nothing before the first. What runs and what failed is written into it, and another
    /// contact made at once, so that the deployer knows.
    pub fn ack(&mut self) -> Option<&mut Ack> {
        self.ack.as_mut()
    }

    /// Makes a contact and tells the window. It blocks for as long as the repository does; the window is not locked meanwhile.
    ///
    /// # Errors
    /// [`Refusal`]: the contact failed, and nothing was renewed.
    pub fn make(&mut self, window: &Mutex<Window>) -> Result<Index, Refusal> {
        let attempt = window.lock().begin();
        let proven = self.prove(attempt, window);
        if proven.is_err() {
            window.lock().failed(attempt);
        }
        proven
    }

    /// Takes the acknowledgement back, when the consumer ends in order and runs nothing any more.
    ///
    /// # Errors
    /// [`Refusal::Unreachable`]: then it goes by its age.
    pub fn leave(self) -> Result<(), Refusal> {
        match self.proof {
            Proof::Write => self.reader.fetcher().leave(&self.plugin, &self.instance),
            Proof::Beacon { .. } => Ok(()),
        }
    }

    fn prove(&mut self, attempt: Attempt, window: &Mutex<Window>) -> Result<Index, Refusal> {
        if let Proof::Write = self.proof {
            self.acknowledge(window)?;
        }
        let index = self.reader.index(&self.plugin)?;
        match self.proof {
            Proof::Write => window.lock().contacted(attempt, &index),
            Proof::Beacon { skew } => {
                let most = window.lock().length();
                let age = self.reader.beacon(&index, most, skew)?;
                window.lock().contacted_by_word(attempt, &index, age);
            }
        }
        if let Some(ack) = &mut self.ack {
            ack.seq_seen = index.seq;
        }
        Ok(index)
    }

    fn acknowledge(&mut self, window: &Mutex<Window>) -> Result<(), Refusal> {
        let ack = match &mut self.ack {
            Some(ack) => ack,
            // The repository's id stands in its index. This look at it proves nothing.
            none => {
                let id = self.reader.index(&self.plugin)?.repository;
                none.insert(Ack::new(id, self.plugin.clone(), self.instance.clone()))
            }
        };
        let (length, remaining) = {
            let window = window.lock();
            (window.length(), window.remaining())
        };
        ack.beat += 1;
        ack.window_ms = milliseconds(length);
        ack.lease_ms = milliseconds(remaining);
        self.reader.fetcher().acknowledge(ack)
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
