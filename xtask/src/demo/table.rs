//! The demonstration's table: a row per transport.

use std::time::Duration;

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};

use super::report::Report;
use crate::Result;

/// The table of what ran over which transport.
pub(crate) fn of(rows: &[(&str, Result<Report>)]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header([
        "transport",
        "version agreed",
        "orders",
        "events",
        "p50 / p99",
        "verdict",
    ]);
    for (name, outcome) in rows {
        table.add_row(match outcome {
            Ok(report) => row(name, report),
            Err(error) => [
                (*name).to_owned(),
                dash(),
                dash(),
                dash(),
                dash(),
                error.to_string(),
            ],
        });
    }
    for column in [2, 3] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

fn row(name: &str, report: &Report) -> [String; 6] {
    let (sold, billed) = (report.storefront.as_ref(), report.billing.as_ref());
    let or_dash = |text: Option<String>| text.unwrap_or_else(dash);
    [
        name.to_owned(),
        or_dash(sold.map(|part| part.version.clone())),
        or_dash(sold.map(|part| part.orders.to_string())),
        or_dash(billed.map(|part| part.events.to_string())),
        or_dash(sold.map(|part| format!("{} / {}", time(part.p50_us), time(part.p99_us)))),
        report.verdict.clone(),
    ]
}

fn time(microseconds: u64) -> String {
    let time = Duration::from_micros(microseconds);
    if time < Duration::from_millis(1) {
        format!("{microseconds} µs")
    } else {
        format!("{:.1} ms", time.as_secs_f64() * 1e3)
    }
}

fn dash() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_begin_with_the_transport() {
        let report = r#"{"transport": "http",
            "storefront": {"version": "1.4.0", "orders": 200, "p50_us": 310, "p99_us": 1250},
            "billing": {"events": 186}, "verdict": "ok"}"#;
        let report: Report = serde_json::from_str(report).unwrap();
        let rows = [
            ("http", Ok(report)),
            ("amqp", Err("no broker at 127.0.0.1:5672".into())),
        ];
        let text = of(&rows).to_string();
        let lines: Vec<Vec<&str>> = text
            .lines()
            .filter(|line| line.starts_with('│'))
            .map(|line| line.split(['│', '┆']).map(str::trim).collect())
            .collect();
        assert_eq!(
            lines[1],
            [
                "",
                "http",
                "1.4.0",
                "200",
                "186",
                "310 µs / 1.2 ms",
                "ok",
                ""
            ]
        );
        assert_eq!(
            lines[2],
            [
                "",
                "amqp",
                "-",
                "-",
                "-",
                "-",
                "no broker at 127.0.0.1:5672",
                ""
            ]
        );
    }
}
