//! What to declare for each purpose. Arguments follow from the configuration alone, so that both ends declare alike.

use std::time::Duration;

use lapin::ExchangeKind;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use polywire_contract::Name;
use polywire_core::{Result, Shelf};

use super::floor::Floor;
use super::names::{GroupName, Names};
use crate::config::{AmqpConfig, QueueType};

/// One thing to declare; declaring it again changes nothing.
#[derive(Clone, Debug)]
pub(crate) enum Declaration {
    Exchange {
        name: ShortString,
        kind: ExchangeKind,
    },
    Queue {
        name: ShortString,
        options: QueueDeclareOptions,
        arguments: FieldTable,
    },
    Binding {
        queue: ShortString,
        exchange: ShortString,
        key: ShortString,
    },
}

/// How long a queue of a group of one, and one of calls, outlives those who consume from it.
const UNUSED: Duration = Duration::from_secs(300);
/// Reading a shelf returns each letter to it, and RabbitMQ drops what was returned more often than a limit, 20 unless
/// a queue says otherwise.
const SHELF_RETURNS: i64 = 1_000_000_000;

/// Makes declarations.
#[derive(Clone, Debug)]
pub(crate) struct Plans {
    pub(crate) names: Names,
    queue_type: QueueType,
    max_messages: Option<usize>,
    max_bytes: Option<u64>,
    max_returns: u32,
    expire_unused: Option<Duration>,
}

impl Plans {
    pub(crate) fn new(config: &AmqpConfig) -> Self {
        Self {
            names: Names::new(config.namespace.as_deref()),
            queue_type: config.queue_type,
            max_messages: config.queue_messages,
            max_bytes: config.queue_bytes,
            max_returns: config.bounds.max_returns,
            expire_unused: config.expire_unused,
        }
    }

    /// Whether the broker counts how often a message of a durable queue came back.
    pub(crate) const fn counts_returns(&self) -> bool {
        matches!(self.queue_type, QueueType::Quorum)
    }

    pub(crate) fn event_exchange(&self, contract: &Name) -> Result<Declaration> {
        Ok(Declaration::Exchange {
            name: self.names.event_exchange(contract)?,
            kind: ExchangeKind::Topic,
        })
    }

    /// A group's queue and shelves, bound to its tracks.
    pub(crate) fn group(
        &self,
        group: &GroupName<'_>,
        queue: &ShortString,
    ) -> Result<Vec<Declaration>> {
        let exchange = self.names.event_exchange(group.contract)?;
        let dead = self.names.group_shelf(group, Shelf::Dead)?;
        let mut plan = vec![
            self.event_exchange(group.contract)?,
            self.shelf(self.names.group_shelf(group, Shelf::Parked)?),
            self.shelf(dead.clone()),
        ];
        let mut arguments = self.work(&dead);
        if group.group.is_none() {
            arguments.insert(
                "x-expires".into(),
                milliseconds(self.expire_unused.unwrap_or(UNUSED)),
            );
        }
        plan.push(durable(queue.clone(), arguments));
        for key in Names::event_bindings(group.tracks, group.event)? {
            plan.push(Declaration::Binding {
                queue: queue.clone(),
                exchange: exchange.clone(),
                key,
            });
        }
        Ok(plan)
    }

    /// The queue of commands of one floor, and the contract's shelves.
    pub(crate) fn commands(&self, contract: &Name, floor: &Floor) -> Result<Vec<Declaration>> {
        let dead = self.names.command_shelf(contract, Shelf::Dead)?;
        Ok(vec![
            self.shelf(self.names.command_shelf(contract, Shelf::Parked)?),
            self.shelf(dead.clone()),
            durable(self.names.command_queue(contract, floor)?, self.work(&dead)),
        ])
    }

    /// The queue of calls of one floor. It goes when the last provider goes, so that a caller is told at once.
    pub(crate) fn calls(&self, contract: &Name, floor: &Floor) -> Result<Vec<Declaration>> {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), text(QueueType::Classic.as_str()));
        arguments.insert("x-expires".into(), milliseconds(UNUSED));
        Ok(vec![Declaration::Queue {
            name: self.names.call_queue(contract, floor)?,
            options: QueueDeclareOptions {
                durable: true,
                auto_delete: true,
                ..QueueDeclareOptions::default()
            },
            arguments,
        }])
    }

    /// The place where messages wait before they return to the queue that is their routing key. All in one place wait
    /// equally long, so none blocks another.
    pub(crate) fn wait(&self, wait: u64) -> Result<Vec<Declaration>> {
        let name = self.names.wait(wait)?;
        let mut arguments = self.kept();
        arguments.insert(
            "x-message-ttl".into(),
            AMQPValue::LongLongInt(i64::try_from(wait).unwrap_or(i64::MAX)),
        );
        arguments.insert("x-dead-letter-exchange".into(), text(""));
        self.keep_until_moved(&mut arguments);
        Ok(vec![
            Declaration::Exchange {
                name: name.clone(),
                kind: ExchangeKind::Fanout,
            },
            durable(name.clone(), arguments),
            Declaration::Binding {
                queue: name.clone(),
                exchange: name,
                key: ShortString::default(),
            },
        ])
    }

    /// A provider's own queue for questions and cancellations.
    pub(crate) fn control(&self, contract: &Name, queue: &ShortString) -> Result<Vec<Declaration>> {
        let exchange = self.names.control_exchange()?;
        Ok(vec![
            self.control_exchange()?,
            Declaration::Queue {
                name: queue.clone(),
                options: QueueDeclareOptions {
                    exclusive: true,
                    auto_delete: true,
                    ..QueueDeclareOptions::default()
                },
                arguments: FieldTable::default(),
            },
            Declaration::Binding {
                queue: queue.clone(),
                exchange,
                key: super::names::short(contract.as_str())?,
            },
        ])
    }

    pub(crate) fn control_exchange(&self) -> Result<Declaration> {
        Ok(Declaration::Exchange {
            name: self.names.control_exchange()?,
            kind: ExchangeKind::Direct,
        })
    }

    /// The arguments that all durable queues have.
    fn kept(&self) -> FieldTable {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), text(self.queue_type.as_str()));
        if let Some(unused) = self.expire_unused {
            arguments.insert("x-expires".into(), milliseconds(unused));
        }
        arguments
    }

    fn work(&self, dead: &ShortString) -> FieldTable {
        let mut arguments = self.kept();
        arguments.insert("x-dead-letter-exchange".into(), text(""));
        arguments.insert("x-dead-letter-routing-key".into(), text(dead.as_str()));
        self.keep_until_moved(&mut arguments);
        if self.queue_type == QueueType::Quorum {
            arguments.insert(
                "x-delivery-limit".into(),
                AMQPValue::LongLongInt(self.max_returns.into()),
            );
        }
        if let Some(most) = self.max_messages {
            arguments.insert(
                "x-max-length".into(),
                AMQPValue::LongLongInt(i64::try_from(most).unwrap_or(i64::MAX)),
            );
        }
        if let Some(most) = self.max_bytes {
            arguments.insert(
                "x-max-length-bytes".into(),
                AMQPValue::LongLongInt(i64::try_from(most).unwrap_or(i64::MAX)),
            );
        }
        arguments
    }

    /// A full queue refuses what is new, and a quorum queue lets go of what it passes on only once that is confirmed.
    fn keep_until_moved(&self, arguments: &mut FieldTable) {
        arguments.insert("x-overflow".into(), text("reject-publish"));
        if self.queue_type == QueueType::Quorum {
            arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
        }
    }

    fn shelf(&self, name: ShortString) -> Declaration {
        let mut arguments = self.kept();
        if self.queue_type == QueueType::Quorum {
            arguments.insert(
                "x-delivery-limit".into(),
                AMQPValue::LongLongInt(SHELF_RETURNS),
            );
        }
        durable(name, arguments)
    }
}

fn durable(name: ShortString, arguments: FieldTable) -> Declaration {
    Declaration::Queue {
        name,
        options: QueueDeclareOptions {
            durable: true,
            ..QueueDeclareOptions::default()
        },
        arguments,
    }
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn milliseconds(time: Duration) -> AMQPValue {
    AMQPValue::LongLongInt(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

/// The wait that is kept instead of `wait`: not shorter, at most a quarter longer, and one of a few.
pub(crate) fn wait_bucket(wait: Duration) -> u64 {
    // What RabbitMQ takes as a time to live, 49 days.
    let most = u128::from(u32::MAX);
    let wait = u64::try_from(wait.as_micros().div_ceil(1000).min(most))
        .unwrap_or(u64::MAX)
        .max(1);
    let step = 1_u64 << wait.ilog2().saturating_sub(2);
    wait.div_ceil(step)
        .saturating_mul(step)
        .min(u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_rounded_up_to_a_few() {
        let bucket = |milliseconds| wait_bucket(Duration::from_millis(milliseconds));
        assert_eq!(
            [0, 1, 7, 9, 100, 1000, 30_000].map(bucket),
            [1, 1, 7, 10, 112, 1024, 32_768]
        );
        assert_eq!(wait_bucket(Duration::MAX), u64::from(u32::MAX));
        let mut all: Vec<u64> = (0..100_000).map(bucket).collect();
        for (asked, kept) in (0..100_000_u64).zip(&all) {
            assert!(
                *kept >= asked.max(1) && *kept <= asked.max(1) + asked / 4 + 1,
                "{asked} {kept}"
            );
        }
        all.dedup();
        assert!(all.len() < 70, "{}", all.len());
    }
}
