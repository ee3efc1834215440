//! The tables, on the terminal and in `RESULTS.md`.

use std::fmt::Write as _;

use comfy_table::{Cell, CellAlignment, Table, presets::ASCII_MARKDOWN};

use crate::amqp;
use crate::http::{Case, Contender, Plan, Sample};
use crate::memory::Figures;
use crate::plugin;
use crate::stats::{median, paired_ratio};
use crate::webhook;

/// The memory call beside its promises.
#[must_use]
pub fn memory_table(figures: &[Figures]) -> String {
    let mut table = table(&["payload B", "typed call ns", "encoding ns", "overhead ns"]);
    for one in figures {
        table.add_row(row([
            one.bytes.to_string(),
            format!("{:.0}", one.call),
            format!("{:.0}", one.encoding),
            format!("{:.0}", one.overhead),
        ]));
    }
    table.to_string()
}

/// Calls into plugins: medians of all rounds, and medians of the differences within a round.
#[must_use]
pub fn plugin_table(cases: &[plugin::Case]) -> String {
    let mut table = table(&[
        "payload B",
        "contender",
        "call ns",
        "beyond the bare function ns",
    ]);
    for case in cases {
        for figure in &case.figures {
            table.add_row(row([
                case.bytes.to_string(),
                figure.name.to_owned(),
                format!("{:.0}", figure.call()),
                format!("{:.0}", figure.overhead()),
            ]));
        }
    }
    table.to_string()
}

/// How soon a deployment is seen.
#[must_use]
pub fn plugin_notes(swaps: &plugin::Swaps) -> String {
    let worst = |times: &[f64]| times.iter().copied().fold(0.0, f64::max);
    format!(
        "{} swaps under calls: the release answers {:.1} ms after the deployer's command has returned ({:.1} ms at worst), and \
         {:.1} ms after it was begun ({:.1} ms at worst).",
        swaps.after.len(),
        median(&swaps.after),
        worst(&swaps.after),
        median(&swaps.whole),
        worst(&swaps.whole)
    )
}

/// The unary calls over loopback: medians of all rounds, and medians of the ratios within a round.
#[must_use]
pub fn http_table(cases: &[Case]) -> String {
    let mut table = table(&[
        "payload B",
        "callers",
        "contender",
        "calls/s",
        "p50 us",
        "p99 us",
        "CPU us/call",
        "client + server",
        "calls/s ratio",
        "CPU ratio",
    ]);
    for case in cases {
        let Some((_, base)) = case.samples.first() else {
            continue;
        };
        for (contender, samples) in &case.samples {
            let of =
                |value: fn(&Sample) -> f64| -> Vec<f64> { samples.iter().map(value).collect() };
            let middle = |value| median(&of(value));
            let ratio = |value: fn(&Sample) -> f64| {
                let base: Vec<f64> = base.iter().map(value).collect();
                paired_ratio(&of(value), &base)
            };
            table.add_row(row([
                case.bytes.to_string(),
                case.concurrency.to_string(),
                contender.name().to_owned(),
                format!("{:.0}", middle(|one| one.rate)),
                format!("{:.0}", middle(|one| one.p50)),
                format!("{:.0}", middle(|one| one.p99)),
                format!("{:.1}", middle(Sample::cpu)),
                format!(
                    "{:.1} + {:.1}",
                    middle(|one| one.client_cpu),
                    middle(|one| one.server_cpu)
                ),
                format!("{:.2}", ratio(|one| one.rate)),
                format!("{:.2}", ratio(Sample::cpu)),
            ]));
        }
    }
    table.to_string()
}

/// How the rounds were made and how quiet the machine was, for the reader of the table.
#[must_use]
pub fn http_notes(plan: &Plan, cases: &[Case]) -> String {
    let others: Vec<f64> = cases
        .iter()
        .flat_map(|case| &case.samples)
        .flat_map(|(_, samples)| samples.iter().map(|one| one.others))
        .collect();
    format!(
        "{} rounds of {:.1} s per contender, in turn. Each server is a process of its own; every client and every server runs on a tokio \
         runtime with one worker thread and keeps to a processor, the clients to one and the servers to another; loopback, keep-alive, no delay on both ends. Ratios are to {} and paired within a round: above 1 \
         is better for calls/s, below 1 for CPU. Other processes used {:.0} % of the machine (median of the rounds).",
        plan.rounds,
        plan.turn.as_secs_f64(),
        Contender::ALL[0].name(),
        median(&others) * 100.0,
    )
}

/// Events and calls over RabbitMQ: medians of all rounds, and medians of the ratios within a round.
#[must_use]
pub fn amqp_table(cases: &[amqp::Case]) -> String {
    let mut table = table(&[
        "queues",
        "contender",
        "published/s, one by one",
        "together",
        "CPU us",
        "consumed/s",
        "CPU us",
        "call p50 us",
        "calls/s, 64 callers",
        "CPU us",
    ]);
    for case in cases {
        let Some((_, base)) = case.samples.first() else {
            continue;
        };
        for (contender, samples) in &case.samples {
            let cell = |value: fn(&amqp::Sample) -> f64| {
                let own: Vec<f64> = samples.iter().map(value).collect();
                let base: Vec<f64> = base.iter().map(value).collect();
                format!("{:.0} ({:.2})", median(&own), paired_ratio(&own, &base))
            };
            table.add_row(row([
                format!("{:?}", case.queue_type).to_lowercase(),
                contender.name().to_owned(),
                cell(|one| one.serial),
                cell(|one| one.together),
                cell(|one| one.publish_cpu),
                cell(|one| one.consumed),
                cell(|one| one.consume_cpu),
                cell(|one| one.call_p50),
                cell(|one| one.calls),
                cell(|one| one.call_cpu),
            ]));
        }
    }
    table.to_string()
}

/// How the rounds were made, for the reader of the table.
#[must_use]
pub fn amqp_notes(plan: &amqp::Plan) -> String {
    format!(
        "{} rounds per contender, in turn, on one node of RabbitMQ on this machine; {} B of JSON, persistent, every publish confirmed, {} in \
         a turn and {} of them awaited together; prefetch 64. CPU is this process's, per event or call; both ends of a call are in it. In \
         parentheses the ratio to {}, paired within a round: above 1 is better for what is counted per second, below 1 for times.",
        plan.rounds,
        plan.bytes,
        plan.events,
        plan.window,
        amqp::Contender::ALL[0].name(),
    )
}

/// Events kept and delivered: medians of all rounds, and medians of the ratios within a round.
#[must_use]
pub fn webhook_table(figures: &webhook::Figures) -> String {
    let mut table = table(&["contender", "kept/s", "CPU us", "delivered/s", "CPU us"]);
    let Some((_, base)) = figures.first() else {
        return table.to_string();
    };
    for (contender, samples) in figures {
        let cell = |value: fn(&webhook::Sample) -> f64| {
            let own: Vec<f64> = samples.iter().map(value).collect();
            let base: Vec<f64> = base.iter().map(value).collect();
            format!("{:.0} ({:.2})", median(&own), paired_ratio(&own, &base))
        };
        table.add_row(row([
            contender.name().to_owned(),
            cell(|one| one.published),
            cell(|one| one.publish_cpu),
            cell(|one| one.delivered),
            cell(|one| one.delivery_cpu),
        ]));
    }
    table.to_string()
}

/// How the rounds were made and how quiet the machine was, for the reader of the table.
#[must_use]
pub fn webhook_notes(plan: &webhook::Plan, figures: &webhook::Figures) -> String {
    let others: Vec<f64> = figures
        .iter()
        .flat_map(|(_, samples)| samples.iter().map(|one| one.others))
        .collect();
    format!(
        "{} rounds per contender, in turn, of {} events with {} B of JSON; all stores are durable on the disk when they answer. Kept is what \
         is inserted in transactions of 256 rows by the bare batch, and published by {} at once otherwise. Delivered is posted to one sink, a \
         process of its own, with 16 under way at once: signed and forgotten by the bare loop, leased from the store, signed and settled \
         there otherwise. CPU is this process's. In parentheses the ratio to the bare programs, paired within a round: above 1 is better for \
         what is counted per second, below 1 for times. Other processes, the sink and PostgreSQL among them, used {:.0} % of the machine \
         (median of the turns).",
        plan.rounds,
        plan.events,
        plan.bytes,
        plan.window,
        median(&others) * 100.0,
    )
}

/// A page in which a section takes the place of the one with its heading, or stands at the end.
#[must_use]
pub fn replaced(page: &str, section: &str) -> String {
    let heading = section.lines().next().unwrap_or_default();
    let Some(begin) = page.find(&format!("{heading}\n")) else {
        return format!("{}\n\n{}\n", page.trim_end(), section.trim_end());
    };
    let (before, rest) = page.split_at(begin);
    let after = rest.find("\n## ").map_or("", |end| &rest[end + 1..]);
    let replaced = format!("{before}{}\n\n{after}", section.trim_end());
    format!("{}\n", replaced.trim_end())
}

/// The page of results.
#[must_use]
pub fn page(facts: &[(&'static str, String)], sections: &[String]) -> String {
    let mut page = String::from(
        "# Results\n\nWritten by `cargo run --release -p polywire-benches`; do not edit.\n\n",
    );
    for (name, value) in facts {
        let _ = writeln!(page, "- {name}: {value}");
    }
    for section in sections {
        let _ = write!(page, "\n{section}\n");
    }
    page
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN);
    table.set_header(header.iter().copied());
    table
}

fn row<const N: usize>(cells: [String; N]) -> Vec<Cell> {
    let mut right = false;
    cells
        .into_iter()
        .map(|text| {
            right = text.starts_with(|first: char| first.is_ascii_digit());
            let side = if right {
                CellAlignment::Right
            } else {
                CellAlignment::Left
            };
            Cell::new(text).set_alignment(side)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_the_place_of_its_own() {
        let page = "# Results\n\n## A\n\none\n\n## B\n\ntwo\n";
        let page = replaced(page, "## A\n\nnew\n");
        assert_eq!(page, "# Results\n\n## A\n\nnew\n\n## B\n\ntwo\n");
        let page = replaced(&page, "## B\n\n2");
        let page = replaced(&page, "## C\n\nthree");
        assert_eq!(
            page,
            "# Results\n\n## A\n\nnew\n\n## B\n\n2\n\n## C\n\nthree\n"
        );
    }
}
