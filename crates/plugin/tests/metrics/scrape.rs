//! What a program's recorder shows: a real one, which is the process's own.

use std::collections::BTreeSet;
use std::sync::Arc;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio::time::{Duration, Instant, sleep};

use crate::consumer::PATIENCE;
use crate::gate::Gate;

/// The recorder of this process.
pub(crate) struct Scrape {
    handle: PrometheusHandle,
    /// In front of the recorder.
    pub(crate) gate: Arc<Gate>,
}

/// A recorder that may take long.
struct Held {
    recorder: PrometheusRecorder,
    gate: Arc<Gate>,
}

impl Recorder for Held {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.recorder.describe_counter(name, unit, text);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.recorder.describe_gauge(name, unit, text);
    }

    fn describe_histogram(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.recorder.describe_histogram(name, unit, text);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.gate.pass();
        self.recorder.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.gate.pass();
        self.recorder.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.gate.pass();
        self.recorder.register_histogram(key, metadata)
    }
}

impl Scrape {
    pub(crate) fn install() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let (handle, gate) = (recorder.handle(), Arc::new(Gate::default()));
        let held = Held {
            recorder,
            gate: gate.clone(),
        };
        assert!(metrics::set_global_recorder(held).is_ok());
        Self { handle, gate }
    }

    pub(crate) fn text(&self) -> String {
        self.handle.render()
    }

    /// The series that there are, such as `generations{state=kept} 1`: without what all of them have, and without quotes.
    pub(crate) fn series(&self) -> BTreeSet<String> {
        let text = self.text();
        let lines = text.lines();
        let series = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let contract = r#"{contract="greeter""#;
        series
            .map(|line| {
                let series = line.strip_prefix("polywire_plugin_").unwrap();
                assert!(series.contains(contract), "{line}");
                let series = series.replace(contract, "{").replace('"', "");
                series.replace("{,", "{").replace("{}", "")
            })
            .collect()
    }

    /// Waits until all of these are shown.
    pub(crate) async fn shows(&self, wanted: &[&str]) {
        let missing = |series: &BTreeSet<String>| {
            let mut wanted = wanted.iter();
            let missing = wanted.find(|wanted| !series.contains(**wanted))?;
            Some((*missing).to_owned())
        };
        self.until(missing).await;
    }

    /// Waits until nothing is missing.
    pub(crate) async fn until(&self, missing: impl Fn(&BTreeSet<String>) -> Option<String>) {
        let end = Instant::now() + PATIENCE;
        loop {
            let series = self.series();
            let Some(missing) = missing(&series) else {
                return;
            };
            assert!(
                Instant::now() < end,
                "{missing} is wanted, and it shows {series:#?}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }
}
