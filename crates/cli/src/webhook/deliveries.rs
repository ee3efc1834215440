//! `polywire webhook deliveries ...`.

use clap::{Subcommand, ValueEnum};
use jiff::Timestamp;
use polywire::webhook::operate::{Letters, Wanted};
use polywire::webhook::record::{DeliveryId, DeliveryState};

use super::open::{Opened, id, told};
use super::print;
use crate::format::Format;
use crate::times;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Shows what is kept, of each subscription the oldest first
    List {
        /// Of this subscription alone
        #[arg(long)]
        subscription: Option<String>,
        /// In this state alone
        #[arg(long, value_enum)]
        state: Option<InState>,
        /// Enqueued at this time or later: 2026-11-23T12:00:00Z, or how long ago, such as 15m, 6h or 2d
        #[arg(long)]
        since: Option<String>,
        /// How many at most
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Shows one with its body and its attempts
    Show {
        /// The number of the delivery, as it is listed
        #[arg(value_name = "ID")]
        id: i64,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum InState {
    /// Another one of its key is before it
    Waiting,
    /// To be attempted when it is due
    Ready,
    /// Being attempted
    Leased,
    /// Accepted by the sink
    Done,
    /// Given up
    Dead,
    /// Its version was not understood
    Parked,
}

impl From<InState> for DeliveryState {
    fn from(state: InState) -> Self {
        match state {
            InState::Waiting => Self::Waiting,
            InState::Ready => Self::Ready,
            InState::Leased => Self::Leased,
            InState::Done => Self::Done,
            InState::Dead => Self::Dead,
            InState::Parked => Self::Parked,
        }
    }
}

pub(super) enum Asked {
    List(Letters),
    Show(DeliveryId),
}

impl Action {
    pub(super) fn read(&self) -> Result<Asked, String> {
        let now = Timestamp::now();
        Ok(match self {
            Self::List {
                subscription,
                state,
                since,
                limit,
            } => Asked::List(Letters {
                subscription: subscription.as_deref().map(id).transpose()?,
                of: Wanted::default(),
                state: state.map(Into::into),
                since: since
                    .as_deref()
                    .map(|text| times::read("since", text, now))
                    .transpose()?,
                limit: *limit,
            }),
            Self::Show { id } => Asked::Show(DeliveryId(*id)),
        })
    }
}

pub(super) async fn act(opened: &Opened, asked: Asked, format: Format) -> Result<bool, String> {
    match asked {
        Asked::List(letters) => {
            if let Some(id) = &letters.subscription {
                opened.subscription(id).await?;
            }
            let letters = Letters {
                of: opened.wanted(),
                ..letters
            };
            let found = opened.operator.deliveries(&letters).await.map_err(told)?;
            print::deliveries(&found, format)?;
        }
        Asked::Show(id) => {
            let seen = opened.operator.delivery(id).await.map_err(told)?;
            opened.subscription(&seen.delivery.subscription).await?;
            print::delivery(&seen, format)?;
        }
    }
    Ok(true)
}
