//! Something on a connection that everybody shares, opened when needed and again after it was lost.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use polywire_core::Result;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::unanswered;
use crate::connection::{Link, Live};

/// What can be lost.
pub(crate) trait Usable {
    /// Whether it still works, as far as is known.
    fn is_usable(&self) -> bool;
}

/// At most one that works at a time.
pub(crate) struct Shared<T> {
    link: Link,
    current: ArcSwapOption<T>,
    opening: Mutex<()>,
}

impl<T: Usable> Shared<T> {
    pub(crate) fn new(link: Link) -> Self {
        Self {
            link,
            current: ArcSwapOption::empty(),
            opening: Mutex::new(()),
        }
    }

    /// The one that works, opened if there is none.
    ///
    /// # Errors
    /// `Unavailable` or `Overloaded` at the deadline, the broker's refusal, `Closed`.
    pub(crate) async fn get<F>(
        &self,
        deadline: Instant,
        open: impl FnOnce(Arc<Live>) -> F,
    ) -> Result<Arc<T>>
    where
        F: Future<Output = Result<Arc<T>>>,
    {
        if let Some(usable) = self.usable() {
            return Ok(usable);
        }
        let live = self.link.live_until(deadline).await?;
        let opening = async {
            let _one = self.opening.lock().await;
            if let Some(usable) = self.usable() {
                return Ok(usable);
            }
            let opened = open(live.clone()).await?;
            self.current.store(Some(opened.clone()));
            Ok(opened)
        };
        timeout_at(deadline, Box::pin(opening))
            .await
            .unwrap_or_else(|_| Err(unanswered(&live, NO_CHANNEL)))
    }

    fn usable(&self) -> Option<Arc<T>> {
        self.current.load_full().filter(|opened| opened.is_usable())
    }
}

/// What is said when nothing could be opened in time.
pub(super) const NO_CHANNEL: &str = "the broker opened no channel before the deadline";
