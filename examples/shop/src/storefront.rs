//! The consumer: works through a day's orders and checks that each is answered as its customer was promised.

mod client;

use std::time::{Duration, Instant};

use polywire::{CallError, Polywire};
use serde::Serialize;

use self::client::Client;
use crate::Result;
use crate::progress::Progress;
use crate::sheet::Row;
use crate::v1::{Day, OrdersError};

/// The major that the storefront is built for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Major {
    /// Version 1.
    One,
    /// Version 2.
    Two,
}

/// What the storefront did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sold {
    /// The version that was agreed in the end.
    pub version: String,
    /// How many orders customers brought.
    pub orders: u64,
    /// How many were for articles that the shop does not sell.
    pub refused: u64,
    /// What became of the others.
    #[serde(flatten)]
    pub day: Day,
    /// The median time of a call, in microseconds.
    pub p50_us: u64,
    /// The time within which 99 of 100 calls were answered, in microseconds.
    pub p99_us: u64,
}

/// Works through the orders.
///
/// # Errors
/// When the contract is not served as required, or an order is not answered as promised.
pub async fn run(wire: &Polywire, rows: &[Row], major: Major) -> Result<Sold> {
    let orders = Client::connect(wire, major).await?;
    let mut times = Vec::with_capacity(2 * rows.len());
    let mut expected = Day::default();
    let mut progress = Progress::new("orders", rows.len());
    for row in rows {
        let quoted = timed(&mut times, orders.quote(row)).await;
        let total = match (quoted, row.total_cents) {
            (Ok(total), Some(promised)) if total == promised => total,
            (Err(CallError::App(OrdersError::UnknownArticle { .. })), None) => {
                progress.step();
                continue;
            }
            (Err(CallError::Wire(error)), _) => return Err(error.into()),
            (answer, promised) => return Err(surprise(row, &answer, promised)),
        };
        let placed = timed(&mut times, orders.place(row)).await?;
        if placed != total {
            return Err(surprise(row, &placed, Some(total)));
        }
        expected.placed += 1;
        if row.cancelled {
            orders.cancel(row.number).await?;
            expected.cancelled += 1;
        } else {
            orders.ship(row.number).await?;
            expected.shipped += 1;
        }
        progress.step();
    }
    let day = orders.close_day().await?;
    if day != expected {
        return Err(format!("the day closed with {day:?}: expected {expected:?}").into());
    }
    times.sort_unstable();
    let count = u64::try_from(rows.len())?;
    Ok(Sold {
        version: orders
            .version()
            .map(|version| version.to_string())
            .unwrap_or_default(),
        orders: count,
        refused: count - day.placed,
        day,
        p50_us: percentile(&times, 50),
        p99_us: percentile(&times, 99),
    })
}

async fn timed<T>(times: &mut Vec<Duration>, call: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let answer = call.await;
    times.push(start.elapsed());
    answer
}

/// The time, in microseconds, within which so many percent of the calls were answered; the times are sorted.
fn percentile(times: &[Duration], percent: usize) -> u64 {
    let rank = (times.len() * percent).div_ceil(100).saturating_sub(1);
    let time = times.get(rank).copied().unwrap_or_default();
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn surprise(
    row: &Row,
    answer: &impl std::fmt::Debug,
    promised: Option<u64>,
) -> Box<dyn std::error::Error + Send + Sync> {
    let Row {
        number,
        article,
        quantity,
        ..
    } = row;
    format!("order {number}, {quantity} of {article:?}, was answered with {answer:?}: promised were {promised:?} cents").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_micros).collect();
        assert_eq!((percentile(&times, 50), percentile(&times, 99)), (100, 198));
        assert_eq!((percentile(&times[..1], 50), percentile(&[], 99)), (1, 0));
    }
}
