//! What a program's recorder shows: a real one, which is the process's own.

use std::collections::BTreeSet;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::time::{Duration, Instant, sleep};

use crate::consumer::PATIENCE;

/// The recorder of this process.
pub(crate) struct Scrape(PrometheusHandle);

impl Scrape {
    pub(crate) fn install() -> Self {
        Self(PrometheusBuilder::new().install_recorder().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        self.0.render()
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
