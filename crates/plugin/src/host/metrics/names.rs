//! Which metrics there are.

use metrics::{Counter, Gauge, Label, Unit};

/// A metric.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    unit: Unit,
    /// The names of its labels.
    pub(crate) labels: &'static [&'static str],
    pub(crate) text: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
}

impl Metric {
    const fn counter(
        name: &'static str,
        labels: &'static [&'static str],
        text: &'static str,
    ) -> Self {
        Self {
            name,
            kind: Kind::Counter,
            unit: Unit::Count,
            labels,
            text,
        }
    }

    const fn gauge(
        name: &'static str,
        labels: &'static [&'static str],
        text: &'static str,
    ) -> Self {
        Self {
            kind: Kind::Gauge,
            ..Self::counter(name, labels, text)
        }
    }

    /// Tells the recorder what it is.
    fn describe(&self) {
        match self.kind {
            Kind::Counter => metrics::describe_counter!(self.name, self.unit, self.text),
            Kind::Gauge => metrics::describe_gauge!(self.name, self.unit, self.text),
        }
    }

    pub(crate) fn add<const N: usize>(&self, values: [&str; N], amount: u64) {
        let labels = self.with(values);
        let counter: Counter = metrics::counter!(self.name, labels);
        counter.increment(amount);
    }

    pub(crate) fn set<const N: usize>(&self, values: [&str; N], value: f64) {
        let labels = self.with(values);
        let gauge: Gauge = metrics::gauge!(self.name, labels);
        gauge.set(value);
    }

    fn with<const N: usize>(&self, values: [&str; N]) -> Vec<Label> {
        debug_assert_eq!(self.labels.len(), N, "{}", self.name);
        let labels = self.labels.iter().zip(values);
        labels
            .map(|(name, value)| Label::new(*name, value.to_owned()))
            .collect()
    }
}

pub(crate) static CALLS: Metric = Metric::counter(
    "polywire_plugin_calls_total",
    &["contract", "release", "outcome"],
    "calls and commands: answered, failed or panicked in the plugin, or refused before they got there; of release none when none could be had",
);
pub(crate) static STUCK: Metric = Metric::gauge(
    "polywire_plugin_stuck_calls",
    &["contract", "release"],
    "calls that still run in the plugin and that nobody waits for any more",
);
pub(crate) static OVERRUN: Metric = Metric::counter(
    "polywire_plugin_overrun_total",
    &["contract", "release"],
    "calls that ended when their release could be called no more: their answers were thrown away",
);
pub(crate) static HEALTHY: Metric = Metric::gauge(
    "polywire_plugin_healthy",
    &["contract"],
    "1 while all that is wanted is served as it is deployed, 0 otherwise, as health says",
);
pub(crate) static REMAINING: Metric = Metric {
    unit: Unit::Seconds,
    ..Metric::gauge(
        "polywire_plugin_window_remaining_seconds",
        &["contract"],
        "for how much longer calls are let in without another contact: 0 once the window has passed, and while nothing is loaded",
    )
};
pub(crate) static EXPIRATIONS: Metric = Metric::counter(
    "polywire_plugin_window_expirations_total",
    &["contract"],
    "how often the window of a release that served has passed",
);
pub(crate) static CONTACTS: Metric = Metric::counter(
    "polywire_plugin_contacts_total",
    &["contract", "outcome"],
    "contacts with the repository: reached, or why not, by the codes of acknowledgements",
);
pub(crate) static GENERATIONS: Metric = Metric::gauge(
    "polywire_plugin_generations",
    &["contract", "state"],
    "libraries: resident, draining with calls that began before they were replaced, kept to go back to, or retired, which could not be closed",
);
pub(crate) static RELEASE: Metric = Metric::gauge(
    "polywire_plugin_release_info",
    &["contract", "major", "release", "sequence"],
    "1 for the release that serves a major, with the number of the index that was followed last, and 0 for what has served before",
);
pub(crate) static SWAPS: Metric = Metric::counter(
    "polywire_plugin_swaps_total",
    &["contract"],
    "how often a deployed release has begun to serve a major, the first one included",
);
pub(crate) static ROLLBACKS: Metric = Metric::counter(
    "polywire_plugin_rollbacks_total",
    &["contract", "reason"],
    "how often the consumer went back to the release before: for its successor's panics, or for other faults of its own",
);
pub(crate) static REFUSED: Metric = Metric::counter(
    "polywire_plugin_refused_releases_total",
    &["contract", "reason"],
    "releases that an index names and that are not served, by the codes of acknowledgements; trying one again does not count",
);
pub(crate) static REVOKED: Metric = Metric::counter(
    "polywire_plugin_revoked_releases_total",
    &["contract"],
    "releases that were stopped since they were revoked",
);

/// All of them, in the order in which they are documented.
pub(crate) static METRICS: [&Metric; 13] = [
    &CALLS,
    &STUCK,
    &OVERRUN,
    &HEALTHY,
    &REMAINING,
    &EXPIRATIONS,
    &CONTACTS,
    &GENERATIONS,
    &RELEASE,
    &SWAPS,
    &ROLLBACKS,
    &REFUSED,
    &REVOKED,
];

/// Tells the recorder what there is.
pub(crate) fn describe() {
    for metric in METRICS {
        metric.describe();
    }
}
