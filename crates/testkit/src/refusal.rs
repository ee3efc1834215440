//! What a channel must do about a capability that it does not claim.

use polywire_core::{Error, ErrorKind, Kind, Need, Stamp};
use std::sync::Arc;

use crate::case::Claim;
use crate::failure::{Checked, Failure, check, check_eq};
use crate::sample::{CONTRACT, Edition, interaction};
use crate::stage::{Stage, bare, subscription};

/// Checks that what is not claimed is refused: a verb with `Unsupported`, a quality by not meeting the need for it.
pub(crate) async fn verify(stage: &Stage, claim: Claim) -> Checked {
    let (capability, consumer) = (stage.capability(), stage.consumer());
    match claim {
        Claim::Call => {
            let message = bare(Kind::Operation, interaction::ECHO, "^1.4", "{}")?;
            let result = stage.within("the refusal", consumer.call(message)).await?;
            unsupported("call", result.map(drop))
        }
        Claim::Send => {
            let message = bare(Kind::Command, interaction::NOTE, "^1.4", "{}")?;
            let result = stage.within("the refusal", consumer.send(message)).await?;
            unsupported("send", result.map(drop))
        }
        Claim::Discover => {
            let asked = async { consumer.discover(&CONTRACT).await };
            let result = stage.within("the refusal", asked).await?;
            unsupported("discover", result.map(drop))
        }
        Claim::Events => events(stage).await,
        Claim::Order => {
            let need = Need {
                ordered_by_key: Some(true),
                ..Need::default()
            };
            unmet(&capability.unmet(&need), "ordered_by_key")
        }
        Claim::Resume => {
            let need = Need {
                resume: Some(true),
                ..Need::default()
            };
            unmet(&capability.unmet(&need), "resume")
        }
    }
}

async fn events(stage: &Stage) -> Checked {
    let capability = stage.capability();
    if !capability.publish.is_available() {
        let served = stage.service(&[Edition::V1_4], &stage.probe())?;
        let mut message = bare(Kind::Event, interaction::HAPPENED, "^1.4", "{}")?;
        let stamp: Option<&Arc<Stamp>> = served.stamp(&Edition::V1_4.version()?);
        message.head.stamp = stamp.cloned();
        let provider = stage.provider();
        let result = stage
            .within("the refusal", provider.publish(message))
            .await?;
        unsupported("publish", result.map(drop))?;
    }
    if !capability.subscribe.is_available() {
        let subscription = subscription("^1.4", None, 1)?;
        let consumer = stage.consumer();
        let joined = stage
            .within("the refusal", consumer.subscribe(subscription))
            .await?;
        unsupported("subscribe", joined.map(drop))?;
    }
    Ok(())
}

fn unsupported(verb: &str, result: Result<(), Error>) -> Checked {
    let error = match result {
        Ok(()) => {
            return Err(Failure::new(format!(
                "{verb} is not claimed and works: claim it"
            )));
        }
        Err(error) => error,
    };
    check_eq!(
        error.kind(),
        ErrorKind::Unsupported,
        "the refusal of {verb}, which is not claimed ({error})"
    );
    check!(
        !error.message().is_empty(),
        "the refusal of {verb} says nothing"
    );
    Ok(())
}

fn unmet(unmet: &[String], name: &str) -> Checked {
    check_eq!(
        unmet,
        [format!("{name}: needs yes, has no")],
        "what a need for {name} finds unmet"
    );
    Ok(())
}
