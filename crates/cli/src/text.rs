//! A report for people.

use std::fmt::{Display, Write};

use comfy_table::{Table, presets};
use polywire::{ChannelReport, Report};

/// Stands for what there is none of.
pub(crate) const NONE: &str = "-";

/// Two tables: the channels with the reason of each one's transport, and what the transports can do.
pub(crate) fn channels(report: &Report) -> String {
    if report.channels.is_empty() && report.transports.is_empty() {
        return if report.is_good() {
            format!("{}: no channels\n", report.file)
        } else {
            String::new()
        };
    }
    let mut channels = table(
        [
            "channel",
            "contract",
            "requires",
            "needs",
            "transport",
            "why",
        ]
        .map(str::to_owned),
    );
    for channel in &report.channels {
        channels.add_row(row(channel));
    }
    let mut out = format!("{channels}\n");
    let known = report
        .transports
        .iter()
        .filter_map(|transport| Some((transport, transport.capability.as_ref()?.entries())));
    let mut header = None;
    let mut rows = Vec::new();
    for (transport, entries) in known {
        header.get_or_insert_with(|| {
            entries
                .iter()
                .map(|entry| entry.name.to_owned())
                .collect::<Vec<_>>()
        });
        let values = entries.into_iter().map(|entry| entry.value);
        rows.push(
            [transport.name.clone(), transport.kind.clone()]
                .into_iter()
                .chain(values)
                .collect::<Vec<_>>(),
        );
    }
    if let Some(header) = header {
        let mut transports = table(
            ["transport".to_owned(), "type".to_owned()]
                .into_iter()
                .chain(header),
        );
        transports.add_rows(rows);
        let _ = writeln!(out, "\n{transports}");
    }
    trimmed(&out)
}

/// A line for each mistake, and how many there are.
pub(crate) fn mistakes(report: &Report) -> String {
    let mut out = String::new();
    for mistake in &report.mistakes {
        let _ = writeln!(out, "{mistake}");
    }
    match report.mistakes.len() + report.omitted {
        0 => {}
        1 => out.push_str("1 mistake\n"),
        count if report.omitted > 0 => {
            let _ = writeln!(
                out,
                "{count} mistakes, the first {} of them above",
                report.mistakes.len()
            );
        }
        count => {
            let _ = writeln!(out, "{count} mistakes");
        }
    }
    out
}

fn row(channel: &ChannelReport) -> [String; 6] {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| NONE.to_owned());
    let needs: Vec<String> = channel
        .need
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    [
        channel.name.clone(),
        or_none(&channel.contract),
        channel
            .require
            .clone()
            .unwrap_or_else(|| "the client's version".to_owned()),
        if needs.is_empty() {
            NONE.to_owned()
        } else {
            needs.join(", ")
        },
        or_none(&channel.transport),
        channel.reason.clone(),
    ]
}

pub(crate) fn table(header: impl IntoIterator<Item = String>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.into_iter().collect::<Vec<_>>());
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}

/// Without the padding at the ends of lines.
pub(crate) fn trimmed(text: &str) -> String {
    text.lines()
        .flat_map(|line| [line.trim_end(), "\n"])
        .collect()
}

/// Rows under a header.
pub(crate) fn rows<const N: usize>(
    header: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = table(header.map(str::to_owned));
    for row in rows {
        table.add_row(row);
    }
    format!("{table}\n")
}

/// A line for each fact.
pub(crate) fn facts(facts: Vec<(&str, String)>) -> String {
    let mut table = table(Vec::new());
    for (name, value) in facts {
        table.add_row([name.to_owned(), value]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    format!("{table}\n")
}

/// A value, or what stands for none.
pub(crate) fn or_none(value: Option<impl Display>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}
