//! `polywire webhook replay ...`.

use clap::Args;
use jiff::Timestamp;
use polywire::webhook::operate::{Again, Chosen};
use polywire::webhook::record::DeliveryId;

use super::open::{Id, Opened, id, told};
use super::print;
use crate::format::Format;
use crate::times;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// Deliveries by their numbers, as they are listed
    #[arg(
        value_name = "ID",
        required_unless_present_any = ["dead", "since"],
        conflicts_with_all = ["dead", "since", "until", "subscription"]
    )]
    ids: Vec<i64>,
    /// Those of this subscription alone
    #[arg(long)]
    subscription: Option<String>,
    /// Those that were given up or parked; without it also those that were accepted
    #[arg(long)]
    dead: bool,
    /// Enqueued at this time or later: 2026-11-23T12:00:00Z, or how long ago, such as 15m, 6h or 2d
    #[arg(long)]
    since: Option<String>,
    /// Enqueued before this time
    #[arg(long)]
    until: Option<String>,
    /// Says how many they are, and changes nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) struct Asked {
    ids: Vec<DeliveryId>,
    subscription: Option<Id>,
    dead: bool,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
    dry: bool,
}

impl Arguments {
    pub(super) fn read(&self) -> Result<Asked, String> {
        let now = Timestamp::now();
        let time = |what, text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| times::read(what, text, now)).transpose()
        };
        if self.ids.is_empty() && !self.dead && self.subscription.is_none() {
            return Err(
                "what was accepted is delivered again to one subscription at a time: add --subscription, or --dead"
                    .to_owned(),
            );
        }
        Ok(Asked {
            ids: self.ids.iter().copied().map(DeliveryId).collect(),
            subscription: self.subscription.as_deref().map(id).transpose()?,
            dead: self.dead,
            since: time("since", &self.since)?,
            until: time("until", &self.until)?,
            dry: self.dry_run,
        })
    }
}

pub(super) async fn act(opened: &Opened, asked: Asked, format: Format) -> Result<bool, String> {
    let mut outcome = print::Outcome {
        dry_run: asked.dry,
        ..print::Outcome::default()
    };
    if !asked.ids.is_empty() {
        for id in asked.ids {
            match one(opened, id, asked.dry).await {
                Ok(count) => outcome.replayed += count,
                Err(error) => outcome.failed.push(print::Failed { id: id.0, error }),
            }
        }
        print::outcome(&outcome, format)?;
        return Ok(outcome.failed.is_empty());
    }
    if let Some(id) = &asked.subscription {
        opened.subscription(id).await?;
    }
    let which = Chosen::Many {
        subscription: asked.subscription,
        of: opened.wanted(),
        dead: asked.dead,
        since: asked.since,
        until: asked.until,
    };
    let again = Again {
        which,
        dry: asked.dry,
    };
    let requeued = opened.operator.replay(&again).await.map_err(told)?;
    outcome.replayed = requeued.count;
    outcome.skipped = requeued.skipped.iter().map(ToString::to_string).collect();
    print::outcome(&outcome, format)?;
    Ok(true)
}

async fn one(opened: &Opened, id: DeliveryId, dry: bool) -> Result<usize, String> {
    if opened.contract.is_some() {
        let seen = opened.operator.delivery(id).await.map_err(told)?;
        opened.subscription(&seen.delivery.subscription).await?;
    }
    let again = Again {
        which: Chosen::One(id),
        dry,
    };
    let requeued = opened.operator.replay(&again).await.map_err(told)?;
    Ok(requeued.count)
}
