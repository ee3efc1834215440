//! Which transport a channel is on, and why.

use polywire_core::Need;
use polywire_core::config::Section;
use serde::Serialize;

use super::transport::{ConfiguredTransport, Named, Transports};

/// A transport that was considered for a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Candidate {
    /// The transport's name.
    pub transport: String,
    /// Whether it was chosen.
    pub chosen: bool,
    /// What it lacks, as `name: needs X, has Y`; empty when it would do.
    pub lacks: Vec<String>,
}

/// The transport a channel is on.
#[derive(Clone, Debug, Default)]
pub(super) struct Choice {
    /// `None` when none could be chosen, which has been reported.
    pub(super) transport: Option<String>,
    /// Why it was chosen.
    pub(super) reason: String,
    pub(super) candidates: Vec<Candidate>,
}

/// Chooses by `transport`, checks it against `need`, and notes what is wrong with the choice.
pub(super) fn select(section: &Section, need: &Need, transports: &mut Transports<'_>) -> Choice {
    match section.string("transport").as_deref() {
        Some("auto") => first_that_fits(section, need, transports),
        Some(name) => named(section, need, name, transports),
        None if section.has("transport") => Choice::default(),
        None => the_only_one(section, need, transports),
    }
}

fn named(section: &Section, need: &Need, name: &str, transports: &mut Transports<'_>) -> Choice {
    if matches!(transports.named(name), Named::Unknown) {
        let names = transports.names();
        section.unknown_value(
            "transport",
            "transport",
            name,
            names.iter().map(String::as_str),
        );
        return Choice::default();
    }
    settle(
        section,
        need,
        name,
        "named by \"transport\"".to_owned(),
        transports,
    )
}

fn the_only_one(section: &Section, need: &Need, transports: &mut Transports<'_>) -> Choice {
    let tables: Vec<&str> = transports
        .listed()
        .iter()
        .map(|transport| transport.name.as_str())
        .collect();
    match tables[..] {
        [only] => {
            let only = only.to_owned();
            settle(
                section,
                need,
                &only,
                "the only one configured".to_owned(),
                transports,
            )
        }
        // Its table is broken, which has been reported.
        [] if transports.any_broken() => Choice::default(),
        [] => {
            let names: Vec<String> = transports
                .names()
                .into_iter()
                .filter(|name| name != "auto")
                .collect();
            let message = format!(
                "no transport for [{}] and none is configured: write transport = \"memory\", or one of {} with its table [transport.NAME]",
                section.dotted_name(),
                names.join(", ")
            );
            section.mistake("transport", message);
            Choice::default()
        }
        [first, ..] => {
            let message = format!(
                "no transport for [{}] and {} are configured: write transport = \"{first}\", or one of {}, or \"auto\" for the first that fits",
                section.dotted_name(),
                tables.len(),
                tables.join(", ")
            );
            section.mistake("transport", message);
            Choice::default()
        }
    }
}

/// Takes the transport that was named, once it is known what it lacks.
fn settle(
    section: &Section,
    need: &Need,
    name: &str,
    reason: String,
    transports: &mut Transports<'_>,
) -> Choice {
    let Named::Configured(transport) = transports.named(name) else {
        return Choice::default();
    };
    let Some(lacks) = lacks(transport, need) else {
        return Choice::default();
    };
    let candidate = Candidate {
        transport: name.to_owned(),
        chosen: lacks.is_empty(),
        lacks,
    };
    if candidate.lacks.is_empty() {
        return Choice {
            transport: Some(name.to_owned()),
            reason,
            candidates: vec![candidate],
        };
    }
    let others: Vec<&str> = transports
        .listed()
        .iter()
        .filter(|other| lacks_nothing(other, need))
        .map(|other| other.name.as_str())
        .collect();
    let hint = if others.is_empty() {
        "no configured transport gives all that is needed".to_owned()
    } else {
        format!("all that is needed is given by {}", others.join(", "))
    };
    let table = section.section_or_empty("need");
    for lack in &candidate.lacks {
        let (key, what) = lack.split_once(": ").unwrap_or(("", lack));
        let place = table.dotted_name();
        table.mistake(
            key,
            format!("transport \"{name}\" does not give {key:?} of [{place}]: {what}; {hint}"),
        );
    }
    Choice {
        transport: None,
        reason: format!("refused: {}", refused(&candidate)),
        candidates: vec![candidate],
    }
}

fn first_that_fits(section: &Section, need: &Need, transports: &Transports<'_>) -> Choice {
    let mut candidates: Vec<Candidate> = Vec::new();
    let mut chosen = None;
    for transport in transports.listed() {
        let Some(lacks) = lacks(transport, need) else {
            continue;
        };
        let fits = lacks.is_empty();
        candidates.push(Candidate {
            transport: transport.name.clone(),
            chosen: fits,
            lacks,
        });
        if fits {
            chosen = Some(transport.name.clone());
            break;
        }
    }
    let passed: Vec<String> = candidates
        .iter()
        .filter(|candidate| !candidate.lacks.is_empty())
        .map(refused)
        .collect();
    if let Some(name) = chosen {
        let reason = if passed.is_empty() {
            "the first configured one gives all that is needed".to_owned()
        } else {
            format!(
                "the first that gives all that is needed; not {}",
                passed.join(", nor ")
            )
        };
        return Choice {
            transport: Some(name),
            reason,
            candidates,
        };
    }
    let reason = if candidates.is_empty() {
        String::new()
    } else {
        format!("refused: {}", passed.join(", "))
    };
    // What a wrong table would have given is not known, and its mistakes are reported already.
    if !transports.any_broken() {
        let message = if candidates.is_empty() {
            "\"auto\" has nothing to choose from: add a table [transport.NAME]".to_owned()
        } else {
            let place = section.dotted_name();
            format!(
                "no configured transport gives what [{place}] needs: {}",
                passed.join(", ")
            )
        };
        section.mistake("transport", message);
    }
    Choice {
        transport: None,
        reason,
        candidates,
    }
}

/// A transport and what it lacks.
fn refused(candidate: &Candidate) -> String {
    format!("{} ({})", candidate.transport, candidate.lacks.join("; "))
}

fn lacks(transport: &ConfiguredTransport, need: &Need) -> Option<Vec<String>> {
    transport
        .capability()
        .map(|capability| capability.unmet(need))
}

fn lacks_nothing(transport: &ConfiguredTransport, need: &Need) -> bool {
    lacks(transport, need).is_some_and(|lacks| lacks.is_empty())
}
