//! Declaring, once per connection, on channels that may die of it.

use std::collections::HashSet;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions};
use lapin::types::FieldTable;
use lapin::{Channel, options::QueueDeleteOptions};
use parking_lot::Mutex;
use polywire_core::{Error, ErrorKind, Result};

use super::plan::Declaration;
use crate::connection::Live;
use crate::error::{inequivalent, plain};

/// Remembers what is declared, so that a hot path need not ask.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    declared: Mutex<Declared>,
    /// One declares, and who wants the same meanwhile finds it done.
    declaring: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Declared {
    generation: u64,
    keys: HashSet<String>,
}

/// How many declarations are remembered; beyond it they are declared again.
const REMEMBERED: usize = 10_000;

impl Topology {
    /// Declares what a plan says, unless that was done since the connection before was lost.
    ///
    /// # Errors
    /// `Config` when the broker has it with other arguments; `Unavailable`.
    pub(crate) async fn ensure(
        &self,
        live: &Live,
        key: &str,
        plan: &(dyn Fn() -> Result<Vec<Declaration>> + Send + Sync),
    ) -> Result<()> {
        if self.knows(live, key) {
            return Ok(());
        }
        let _one = self.declaring.lock().await;
        if self.knows(live, key) {
            return Ok(());
        }
        declare(live, plan()?).await?;
        let mut declared = self.declared.lock();
        if declared.generation == live.generation && declared.keys.len() < REMEMBERED {
            declared.keys.insert(key.to_owned());
        }
        Ok(())
    }

    /// Whether something is declared, as far as is known.
    pub(crate) fn knows(&self, live: &Live, key: &str) -> bool {
        let mut declared = self.declared.lock();
        if declared.generation != live.generation {
            // Whatever happened to the broker in between, it may have forgotten everything.
            *declared = Declared {
                generation: live.generation,
                keys: HashSet::new(),
            };
        }
        declared.keys.contains(key)
    }

    /// Forgets that something was declared: it turned out not to be there.
    pub(crate) fn forget(&self, key: &str) {
        self.declared.lock().keys.remove(key);
    }
}

/// Declares on a channel of its own: what differs from the broker's costs the channel.
async fn declare(live: &Live, plan: Vec<Declaration>) -> Result<()> {
    let channel = live.channel().await?;
    for declaration in plan {
        let what = describe(&declaration);
        let declared = live
            .raw_step("declaring", one(&channel, declaration))
            .await?;
        if let Err(error) = declared {
            return Err(inequivalent(&error).unwrap_or_else(|| {
                Error::new(
                    ErrorKind::Unavailable,
                    format!("declaring {what}: {}", plain(&error)),
                )
            }));
        }
    }
    close(live, &channel).await;
    Ok(())
}

/// Closes a channel that is not needed any more; one that is closed already stays so.
pub(crate) async fn close(live: &Live, channel: &Channel) {
    let closing = channel.close(200, lapin::types::ShortString::default());
    if let Err(error) = live.step("closing a channel", closing).await {
        tracing::debug!(%error, "a channel was closed already");
    }
}

fn describe(declaration: &Declaration) -> String {
    match declaration {
        Declaration::Exchange { name, .. } => format!("exchange {name}"),
        Declaration::Queue { name, .. } => format!("queue {name}"),
        Declaration::Binding {
            queue,
            exchange,
            key,
        } => format!("binding of {queue} to {exchange} by {key}"),
    }
}

async fn one(channel: &Channel, declaration: Declaration) -> lapin::Result<()> {
    match declaration {
        Declaration::Exchange { name, kind } => {
            let options = ExchangeDeclareOptions {
                durable: true,
                ..ExchangeDeclareOptions::default()
            };
            channel
                .exchange_declare(name, kind, options, FieldTable::default())
                .await
        }
        Declaration::Queue {
            name,
            options,
            arguments,
        } => channel
            .queue_declare(name, options, arguments)
            .await
            .map(|_| ()),
        Declaration::Binding {
            queue,
            exchange,
            key,
        } => {
            channel
                .queue_bind(
                    queue,
                    exchange,
                    key,
                    QueueBindOptions::default(),
                    FieldTable::default(),
                )
                .await
        }
    }
}

/// Deletes a queue that only one consumer had; one that is gone already stays so.
pub(crate) async fn delete(live: &Live, queue: lapin::types::ShortString) {
    let Ok(channel) = live.channel().await else {
        return;
    };
    let deleting = channel.queue_delete(queue, QueueDeleteOptions::default());
    if let Err(error) = live.step("deleting a queue", deleting).await {
        tracing::debug!(%error, "a queue of one could not be deleted; it expires");
    }
    close(live, &channel).await;
}
