//! `polywire webhook subscriptions ...`.

use clap::Subcommand;
use polywire::contract::{Name, Track};
use polywire::webhook::operate::Wanted;

use super::open::{Id, Opened, id, told, wrong};
use super::print;
use crate::format::Format;

/// Every state, by its code.
const STATES: [&str; 7] = [
    "pending",
    "active",
    "paused",
    "version-mismatch",
    "disabled",
    "expired",
    "ended",
];

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Shows which there are
    List {
        /// In this state alone
        #[arg(long, value_parser = STATES)]
        state: Option<String>,
        /// Of this group alone
        #[arg(long)]
        group: Option<String>,
        /// At a version of this track alone, such as v1 or v0.3
        #[arg(long)]
        track: Option<String>,
        /// Of this tenant alone
        #[arg(long)]
        tenant: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Shows one, with its keys and how much is kept for it
    Show {
        /// The subscription
        #[arg(value_name = "SUBSCRIPTION")]
        id: String,
    },
    /// Delivers nothing to it until it is resumed here; events are kept
    Pause {
        /// The subscription
        #[arg(value_name = "SUBSCRIPTION")]
        id: String,
    },
    /// Delivers to it again, with the failures of its sink forgotten
    Resume {
        /// The subscription
        #[arg(value_name = "SUBSCRIPTION")]
        id: String,
    },
    /// Ends it, with everything that is kept for it
    End {
        /// The subscription
        #[arg(value_name = "SUBSCRIPTION")]
        id: String,
    },
}

pub(super) enum Asked {
    List(Wanted),
    One(Verb, Id),
}

#[derive(Clone, Copy)]
pub(super) enum Verb {
    Show,
    Pause,
    Resume,
    End,
}

impl Action {
    pub(super) fn read(&self) -> Result<Asked, String> {
        let (verb, text) = match self {
            Self::List {
                state,
                group,
                track,
                tenant,
                limit,
            } => {
                return Ok(Asked::List(Wanted {
                    contract: None,
                    tenant: tenant.clone(),
                    state: state.clone(),
                    group: group.as_deref().map(name).transpose()?,
                    track: track.as_deref().map(self::track).transpose()?,
                    limit: *limit,
                }));
            }
            Self::Show { id } => (Verb::Show, id),
            Self::Pause { id } => (Verb::Pause, id),
            Self::Resume { id } => (Verb::Resume, id),
            Self::End { id } => (Verb::End, id),
        };
        Ok(Asked::One(verb, id(text)?))
    }
}

fn name(text: &str) -> Result<Name, String> {
    text.parse().map_err(|error| wrong("group", text, error))
}

fn track(text: &str) -> Result<Track, String> {
    text.parse().map_err(|error| wrong("track", text, error))
}

pub(super) async fn act(opened: &Opened, asked: Asked, format: Format) -> Result<bool, String> {
    let (verb, id) = match asked {
        Asked::List(wanted) => {
            let wanted = Wanted {
                contract: opened.contract.clone(),
                ..wanted
            };
            let found = opened.operator.subscriptions(&wanted).await.map_err(told)?;
            print::subscriptions(&found, format)?;
            return Ok(true);
        }
        Asked::One(verb, id) => (verb, id),
    };
    let operator = &opened.operator;
    let found = opened.subscription(&id).await?;
    let shown = match verb {
        Verb::Show => found,
        Verb::Pause => operator.pause(&id).await.map_err(told)?,
        Verb::Resume => operator.resume(&id).await.map_err(told)?,
        Verb::End => {
            operator.end(&id).await.map_err(told)?;
            print::ended(&id, format)?;
            return Ok(true);
        }
    };
    let (backlog, last) = operator.backlog(&id).await.map_err(told)?;
    print::subscription(&shown, backlog, last, format)?;
    // One that is gone, and whose sink has not consented, is as it was.
    Ok(!matches!(verb, Verb::Resume) || shown.terms.state.delivers())
}
