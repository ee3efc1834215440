//! What a program's recorder shows: a real one, which is the process's own.

use std::collections::BTreeMap;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::consumer::until;

/// The recorder of this process.
pub(crate) struct Scrape(PrometheusHandle);

/// A series, without the beginning that all names have, and its value.
pub(crate) type Figure = (&'static str, f64);

impl Scrape {
    pub(crate) fn install() -> Self {
        Self(PrometheusBuilder::new().install_recorder().unwrap())
    }

    pub(crate) fn text(&self) -> String {
        self.0.render()
    }

    /// The series that there are.
    pub(crate) fn series(&self) -> BTreeMap<String, f64> {
        let text = self.text();
        let lines = text.lines();
        let values = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        values
            .map(|line| {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let series = series.strip_prefix("polywire_plugin_").unwrap();
                (series.to_owned(), value.parse().unwrap())
            })
            .collect()
    }

    /// Waits until all of these are shown.
    pub(crate) async fn shows(&self, figures: &[Figure]) {
        let mut differs = String::new();
        let same = || {
            let series = self.series();
            let differ = figures
                .iter()
                .find(|(name, value)| series.get(*name) != Some(value));
            if let Some((name, value)) = differ {
                let text = format!("{name} {value}, and it is {:?}", series.get(*name));
                if text != differs {
                    println!("waits for {text}");
                    differs = text;
                }
            }
            differ.is_none().then_some(())
        };
        until("figures", same).await;
    }

    /// Waits until one series is at least this.
    pub(crate) async fn reaches(&self, name: &str, least: f64) {
        let there = || {
            let series = self.series();
            series
                .get(name)
                .is_some_and(|found| *found >= least)
                .then_some(())
        };
        until(&format!("{name} {least} among {:#?}", self.series()), there).await;
    }
}
