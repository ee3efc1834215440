//! How soon after a deployment its release answers.

use std::error::Error;
use std::time::{Duration, Instant};

use super::deployed::{Consumer, Repository};
use super::library;
use crate::payload::Order;

/// Swaps between two releases, in milliseconds.
#[derive(Clone, Debug)]
pub struct Swaps {
    /// From the return of the deployer's command to the first answer of the release.
    pub after: Vec<f64>,
    /// From the start of the deployer's command.
    pub whole: Vec<f64>,
}

/// How long a swap may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Deploys two releases in turn, under calls.
///
/// # Errors
/// When a call fails, or a release does not answer in time.
pub async fn swaps(times: usize) -> Result<Swaps, Box<dyn Error>> {
    let repository = Repository::new()?;
    let releases = [
        repository.publish(&library("plugin_short")?)?,
        repository.publish(&library("plugin_patient")?)?,
    ];
    repository.deploy(&releases[0])?;
    let consumer = Consumer::new(&repository)?;
    let order = Order::of_size(256);
    consumer.call(&order).await?;
    let mut swaps = Swaps {
        after: Vec::new(),
        whole: Vec::new(),
    };
    // The first of each is copied and checked; it counts as well.
    for turn in 1..=times {
        let before = consumer.spoken();
        let begin = Instant::now();
        let release = &releases[turn % 2];
        tokio::task::block_in_place(|| repository.deploy(release))?;
        let deployed = Instant::now();
        while consumer.spoken() == before {
            if deployed.elapsed() > PATIENCE {
                return Err("a release does not answer".into());
            }
            consumer.call(&order).await?;
        }
        swaps.after.push(deployed.elapsed().as_secs_f64() * 1e3);
        swaps.whole.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Ok(swaps)
}
