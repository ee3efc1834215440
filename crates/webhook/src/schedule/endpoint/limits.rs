//! What an endpoint may be given.

use std::time::Duration;

use super::Rate;

/// How much one endpoint is given, and how much failure is borne.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointLimits {
    /// How many attempts may be under way at once, 1 to 1000; 16 by default.
    pub concurrency: u32,
    /// How many a minute; `None`, the default, is as many as it takes.
    pub rate: Option<Rate>,
    /// When it is not asked for a while.
    pub circuit: CircuitLimits,
    /// After how long without a success it is disabled, an hour to a year; 5 days by default.
    pub disable_after: Duration,
    /// How long nothing is sent after an answer that throttles without saying how long, 1 s to 1 h; 5 s by default.
    pub hold: Duration,
}

/// When an endpoint is not asked for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CircuitLimits {
    /// How many failures in a row open the circuit, from 1; 10 by default.
    pub failures: u32,
    /// How long it stays open the first time, 1 s or more; 30 s by default. Then a single attempt shows whether it works
    /// again; each that fails doubles the time.
    pub cooldown: Duration,
    /// How long it stays open at most, up to 24 h; 10 min by default.
    pub max_cooldown: Duration,
}

/// A limit out of its bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} of an endpoint is {found}: expected {valid}")]
pub struct LimitsError {
    /// The limit.
    pub name: &'static str,
    /// What it is.
    pub found: String,
    /// What it may be.
    pub valid: &'static str,
}

impl EndpointLimits {
    /// Checks the bounds.
    ///
    /// # Errors
    /// The first limit that is out of them.
    pub fn check(&self) -> Result<(), LimitsError> {
        const SECOND: Duration = Duration::from_secs(1);
        const HOUR: Duration = Duration::from_secs(3600);
        const DAY: Duration = Duration::from_secs(24 * 3600);
        fn within(
            good: bool,
            name: &'static str,
            found: &dyn std::fmt::Debug,
            valid: &'static str,
        ) -> Result<(), LimitsError> {
            if good {
                return Ok(());
            }
            let found = format!("{found:?}");
            Err(LimitsError { name, found, valid })
        }
        let concurrency = self.concurrency;
        within(
            (1..=1000).contains(&concurrency),
            "concurrency",
            &concurrency,
            "1 to 1000",
        )?;
        if let Some(Rate { per_minute, burst }) = self.rate {
            within(
                (1..=60_000_000).contains(&per_minute),
                "rate",
                &per_minute,
                "1 to 60000000 a minute",
            )?;
            within(
                (1..=per_minute).contains(&burst),
                "burst",
                &burst,
                "1 to as many as a minute has",
            )?;
        }
        let CircuitLimits {
            failures,
            cooldown,
            max_cooldown,
        } = self.circuit;
        within(failures > 0, "failures", &failures, "1 or more")?;
        within(
            (SECOND..=DAY).contains(&cooldown),
            "cooldown",
            &cooldown,
            "1 s to 24 h",
        )?;
        within(
            (cooldown..=DAY).contains(&max_cooldown),
            "max_cooldown",
            &max_cooldown,
            "cooldown to 24 h",
        )?;
        let year = DAY * 366;
        within(
            (HOUR..=year).contains(&self.disable_after),
            "disable_after",
            &self.disable_after,
            "an hour to a year",
        )?;
        within(
            (SECOND..=HOUR).contains(&self.hold),
            "hold",
            &self.hold,
            "1 s to 1 h",
        )
    }
}

impl Default for EndpointLimits {
    fn default() -> Self {
        Self {
            concurrency: 16,
            rate: None,
            circuit: CircuitLimits::default(),
            disable_after: Duration::from_secs(5 * 24 * 3600),
            hold: Duration::from_secs(5),
        }
    }
}

impl Default for CircuitLimits {
    fn default() -> Self {
        Self {
            failures: 10,
            cooldown: Duration::from_secs(30),
            max_cooldown: Duration::from_secs(600),
        }
    }
}
