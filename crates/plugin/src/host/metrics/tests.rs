use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    with_local_recorder,
};
use parking_lot::Mutex;

use super::names::{self, Kind, METRICS};

/// Notes what it is told that there is.
#[derive(Default)]
struct Described(Mutex<Vec<Description>>);

/// A name, what kind of metric it is, its unit, and what it means.
type Description = (String, Kind, Option<Unit>, String);

impl Described {
    fn note(&self, name: &KeyName, kind: Kind, unit: Option<Unit>, text: &SharedString) {
        let name = name.as_str().to_owned();
        self.0.lock().push((name, kind, unit, text.to_string()));
    }
}

impl Recorder for Described {
    fn describe_counter(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.note(&name, Kind::Counter, unit, &text);
    }

    fn describe_gauge(&self, name: KeyName, unit: Option<Unit>, text: SharedString) {
        self.note(&name, Kind::Gauge, unit, &text);
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, _: SharedString) {
        panic!("{name:?} is a histogram");
    }

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[test]
fn the_documentation_has_each_metric_as_the_recorder_is_told_of_it() {
    let recorder = Described::default();
    with_local_recorder(&recorder, names::describe);
    let described = recorder.0.into_inner();
    let rows: Vec<String> = described
        .iter()
        .zip(METRICS)
        .map(|((name, kind, _, text), metric)| {
            let labels = metric.labels.join(", ");
            let kind = match kind {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
            };
            format!("| `{name}` | {kind} | {labels} | {text} |")
        })
        .collect();
    let documentation = include_str!("../../../../../docs/operate/plugin.md");
    let documented: Vec<&str> = documentation
        .lines()
        .filter(|line| line.starts_with("| `polywire_plugin_"))
        .collect();
    assert_eq!(documented, rows);
    assert_eq!(rows.len(), METRICS.len());
}

#[test]
fn names_end_as_their_kind_and_unit_demand() {
    let recorder = Described::default();
    with_local_recorder(&recorder, names::describe);
    for (name, kind, unit, _) in recorder.0.into_inner() {
        assert!(name.starts_with("polywire_plugin_"), "{name}");
        assert_eq!(name.ends_with("_total"), kind == Kind::Counter, "{name}");
        let seconds = unit == Some(Unit::Seconds);
        assert_eq!(name.ends_with("_seconds"), seconds, "{name}");
        assert!(seconds || unit == Some(Unit::Count), "{name}");
    }
}
