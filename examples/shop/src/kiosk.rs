//! A consumer that goes on until it is told to end: it shows prices, and says when it gets them and when not any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use polywire::{CallError, ErrorKind, Polywire};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::Result;
use crate::sheet::Row;
use crate::v1::{OrdersClient, OrdersError, QuoteRequest};

/// How many ask at once.
const CALLERS: usize = 4;
/// How long one that was refused waits.
const PAUSE: Duration = Duration::from_millis(10);

/// What the kiosk did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// How many calls were answered.
    pub answered: u64,
    /// How many were not.
    pub refused: u64,
}

#[derive(Debug, Default)]
struct Counts {
    answered: AtomicU64,
    refused: AtomicU64,
    /// Whether nobody was refused since the last time that this was said.
    well: AtomicBool,
}

/// Asks for prices until the process is told to end.
///
/// # Errors
/// When the contract cannot be connected to, or a price is not what was promised.
pub async fn run(wire: &Polywire, rows: &[Row]) -> Result<Shown> {
    let orders: OrdersClient = wire.connect("orders").await?;
    let counts = Arc::new(Counts::default());
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        callers.spawn(ask(orders.clone(), rows.to_vec(), counts.clone(), caller));
    }
    let failed = async {
        while let Some(ended) = callers.join_next().await {
            ended??;
        }
        // They end when they are told that everything is closed, which takes a moment more.
        std::future::pending::<Result<()>>().await
    };
    tokio::select! {
        ended = wire.run() => ended?,
        failed = failed => failed?,
    }
    Ok(Shown {
        answered: counts.answered.load(Ordering::Relaxed),
        refused: counts.refused.load(Ordering::Relaxed),
    })
}

/// One caller's work. Whoever is refused first says so; that it goes on is said by the first caller.
async fn ask(
    orders: OrdersClient,
    rows: Vec<Row>,
    counts: Arc<Counts>,
    caller: usize,
) -> Result<()> {
    let mut waits = caller == 0;
    for row in rows.iter().cycle().skip(caller) {
        let (article, quantity) = (row.article.clone(), row.quantity);
        let answer = orders.quote(QuoteRequest { article, quantity }).await;
        let (price, promised) = match answer {
            Ok(quote) => (Some(quote.total_cents), row.total_cents),
            Err(CallError::App(OrdersError::UnknownArticle { .. })) => (None, row.total_cents),
            // It was told to end.
            Err(CallError::Wire(error)) if error.kind() == ErrorKind::Closed => return Ok(()),
            Err(error) => {
                counts.refused.fetch_add(1, Ordering::Relaxed);
                waits = caller == 0;
                if counts.well.swap(false, Ordering::Relaxed) {
                    println!("kiosk refused {error}");
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        if price != promised {
            return Err(format!("{row:?} costs {price:?}").into());
        }
        counts.answered.fetch_add(1, Ordering::Relaxed);
        if std::mem::replace(&mut waits, false) {
            counts.well.store(true, Ordering::Relaxed);
            println!("kiosk served");
        }
    }
    Ok(())
}
