//! A case of the suite, what it needs, and how it is run.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use polywire_core::{Capability, Thrown};
use tokio::time::timeout;

use crate::factory::{Facilities, Factory, WorldOptions};
use crate::failure::{Checked, Failure};
use crate::refusal;
use crate::stage::Stage;

/// Something a [`Capability`] may claim, and that a case needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Claim {
    /// Request-reply.
    Call,
    /// Commands.
    Send,
    /// Events, published and received.
    Events,
    /// Asking for the offer.
    Discover,
    /// Order per key.
    Order,
    /// A group that was away gets what it missed.
    Resume,
}

impl Claim {
    /// Whether a capability claims it.
    #[must_use]
    pub fn is_made_by(self, capability: &Capability) -> bool {
        let events = capability.publish.is_available() && capability.subscribe.is_available();
        match self {
            Self::Call => capability.call.is_available(),
            Self::Send => capability.send.is_available(),
            Self::Events => events,
            Self::Discover => capability.discover,
            Self::Order => events && capability.ordered_by_key,
            Self::Resume => events && capability.resume,
        }
    }
}

/// Something a [`Factory`]'s worlds must be able to do for a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Facility {
    /// Nothing beyond two ends.
    Plain,
    /// Several providers behind one address.
    Replicas,
    /// A provider that ends and starts again.
    Restart,
}

impl Facility {
    fn lack(self, facilities: Facilities) -> Option<&'static str> {
        match self {
            Self::Replicas if !facilities.replicas => Some("one provider per address here"),
            Self::Restart if !facilities.restart => Some("a provider cannot be restarted here"),
            Self::Plain | Self::Replicas | Self::Restart => None,
        }
    }
}

/// What became of a case.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It passed.
    Passed,
    /// The channel does not claim what the case needs, and refuses as it must.
    Refused,
    /// The factory's worlds cannot set it up, for this reason.
    NotApplicable(&'static str),
    /// It failed.
    Failed(Failure),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Refused => f.write_str("refused"),
            Self::NotApplicable(reason) => write!(f, "not applicable: {reason}"),
            Self::Failed(_) => f.write_str("failed"),
        }
    }
}

/// What a run found out.
#[derive(Clone, Debug)]
pub struct Report {
    /// What became of the case.
    pub verdict: Verdict,
    /// What the world's channels claim; `None` when there was no world.
    pub capability: Option<Capability>,
}

/// One case of the suite.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub(crate) topic: &'static str,
    pub(crate) name: &'static str,
    pub(crate) needs: &'static [Claim],
    pub(crate) facility: Facility,
    pub(crate) options: fn() -> WorldOptions,
    pub(crate) run: fn(Arc<Stage>) -> BoxFuture<'static, Checked>,
}

impl Case {
    /// Its topic and name, such as `call::round_trip_unicode`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}::{}", self.topic, self.name)
    }

    /// What a channel must claim for the case to run; otherwise its refusal is tested.
    #[must_use]
    pub fn needs(&self) -> &'static [Claim] {
        self.needs
    }

    /// Runs it in a fresh world, on a runtime of its own.
    pub fn run(&self, factory: &Arc<dyn Factory>) -> Report {
        if let Some(reason) = self.facility.lack(factory.facilities()) {
            let verdict = Verdict::NotApplicable(reason);
            return Report {
                verdict,
                capability: None,
            };
        }
        let (case, playing) = (*self, factory.clone());
        let (report, reported) = mpsc::sync_channel(1);
        // On a thread of its own, so that not even a transport that never yields holds up the suite.
        let thread = thread::Builder::new()
            .name(self.name())
            .spawn(move || report.send(case.run_here(&playing)));
        if let Err(error) = thread {
            return Report::of_failure(error.into());
        }
        let limit = factory.case_limit() + 2 * factory.patience();
        reported.recv_timeout(limit).unwrap_or_else(|_| {
            Report::of_failure(Failure::new(format!("the case hangs after {limit:?}")))
        })
    }

    fn run_here(self, factory: &Arc<dyn Factory>) -> Report {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => return Report::of_failure(error.into()),
        };
        let report = runtime.block_on(self.play(factory));
        // A handler that does not heed its cancellation must not hold up the suite.
        runtime.shutdown_timeout(Duration::from_secs(1));
        report
    }

    async fn play(&self, factory: &Arc<dyn Factory>) -> Report {
        let options = (self.options)();
        let stage = match timeout(factory.patience(), factory.world(options.clone())).await {
            Ok(Ok(world)) => Arc::new(Stage::new(
                world,
                options,
                factory.patience(),
                factory.facilities(),
            )),
            Ok(Err(error)) => return Report::of_failure(error.into()),
            Err(_) => return Report::of_failure(Failure::new("the world was not ready in time")),
        };
        let capability = stage.capability();
        let missing = self
            .needs
            .iter()
            .copied()
            .find(|claim| !claim.is_made_by(&capability));
        let playing = async {
            match missing {
                None => (self.run)(stage.clone()).await.map(|()| Verdict::Passed),
                Some(claim) => refusal::verify(&stage, claim)
                    .await
                    .map(|()| Verdict::Refused),
            }
        };
        let limit = factory.case_limit();
        let played = match timeout(limit, AssertUnwindSafe(playing).catch_unwind()).await {
            Ok(Ok(played)) => played,
            Ok(Err(panic)) => Err(Failure::new(format!(
                "the case panicked: {}",
                Thrown::new(panic).text()
            ))),
            Err(_) => Err(Failure::new(format!("the case took longer than {limit:?}"))),
        };
        let closed = stage.close().await;
        let verdict = match (played, closed) {
            (Ok(verdict), Ok(())) => verdict,
            (Err(failure), _) | (Ok(_), Err(failure)) => Verdict::Failed(failure),
        };
        Report {
            verdict,
            capability: Some(capability),
        }
    }
}

impl Report {
    fn of_failure(failure: Failure) -> Self {
        Self {
            verdict: Verdict::Failed(failure),
            capability: None,
        }
    }
}

/// The list of a topic's cases: `name needs [Claim, ...]`, with `in Facility` and `with options` where it differs.
macro_rules! cases {
    ($topic:literal: $($name:ident needs [$($claim:ident),*] $(in $facility:ident)? $(with $options:path)?;)+) => {
        pub(crate) const CASES: &[$crate::case::Case] = &[$(
            $crate::case::Case {
                topic: $topic,
                name: stringify!($name),
                needs: &[$($crate::case::Claim::$claim),*],
                facility: $crate::case::cases!(@facility $($facility)?),
                options: $crate::case::cases!(@options $($options)?),
                run: |stage| Box::pin($name(stage)),
            },
        )+];
    };
    (@facility) => { $crate::case::Facility::Plain };
    (@facility $facility:ident) => { $crate::case::Facility::$facility };
    (@options) => { $crate::factory::WorldOptions::default };
    (@options $options:path) => { $options };
}

pub(crate) use cases;
