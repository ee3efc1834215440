//! Alternating rounds of all contenders, on queues of both types.

use std::error::Error;

use polywire_amqp::BrokerUrl;

use super::QueueType;
use super::bare::{Acks, Bare, Headers};
use super::polywire::Polywire;
use super::work::{Amount, Sample, turn};
use crate::payload::Order;

/// Who is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contender {
    /// lapin, each delivery acked.
    BareEach,
    /// lapin, deliveries acked by fifties.
    BareFifties,
    /// The same, with headers as Polywire's: what it would take to say as much by hand.
    BareHeaders,
    /// Polywire.
    Polywire,
}

impl Contender {
    /// All of them; what the others are compared with comes first.
    pub const ALL: [Self; 4] = [
        Self::BareFifties,
        Self::BareEach,
        Self::BareHeaders,
        Self::Polywire,
    ];

    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BareEach => "lapin, acks each",
            Self::BareFifties => "lapin, acks by fifties",
            Self::BareHeaders => "lapin, the same headers",
            Self::Polywire => "polywire",
        }
    }
}

/// What is measured and how often.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The payload size, in bytes of JSON.
    pub bytes: usize,
    /// How often every contender has its turn.
    pub rounds: usize,
    /// Events that a turn publishes together.
    pub events: usize,
    /// How many of them wait for their confirms at once.
    pub window: usize,
}

/// One type of queues.
#[derive(Clone, Debug)]
pub struct Case {
    /// The type.
    pub queue_type: QueueType,
    /// The samples of every contender, in the order of the rounds.
    pub samples: Vec<(Contender, Vec<Sample>)>,
}

/// Runs the plan on a broker; `progress` is told each type of queues before it begins.
///
/// # Errors
/// When the broker cannot be reached or an event or a call fails.
pub async fn compare(
    plan: &Plan,
    url: &str,
    mut progress: impl FnMut(QueueType),
) -> Result<Vec<Case>, Box<dyn Error>> {
    let parsed: BrokerUrl = url.parse()?;
    let order = || Order::of_size(plan.bytes);
    let amount = Amount {
        serial: plan.events / 20,
        together: plan.events,
        window: plan.window,
        calls: plan.events / 20,
        calls_together: plan.events / 2,
    };
    let mut cases = Vec::new();
    for queue_type in [QueueType::Classic, QueueType::Quorum] {
        progress(queue_type);
        let bare = async |acks, headers| {
            Bare::start(url, queue_type, acks, headers, order())
                .await
                .map_err(|error| error.to_string())
        };
        let each = bare(Acks::Each, Headers::None).await?;
        let fifties = bare(Acks::Fifties, Headers::None).await?;
        let headers = bare(Acks::Fifties, Headers::Same).await?;
        let polywire = Polywire::start(&parsed, queue_type, order()).await?;
        let mut samples: Vec<_> = Contender::ALL.map(|one| (one, Vec::new())).into();
        // One more, which does not count: queues, channels and caches are new in the first.
        for round in 0..=plan.rounds {
            for (contender, own) in &mut samples {
                let sample = match contender {
                    Contender::BareEach => turn(&each, amount).await?,
                    Contender::BareFifties => turn(&fifties, amount).await?,
                    Contender::BareHeaders => turn(&headers, amount).await?,
                    Contender::Polywire => turn(&polywire, amount).await?,
                };
                if round > 0 {
                    own.push(sample);
                }
            }
        }
        cases.push(Case {
            queue_type,
            samples,
        });
    }
    Ok(cases)
}
