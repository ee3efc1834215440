//! Waiting until a deadline.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until};

/// What a future gives before the deadline; `None` after it.
///
/// Unlike [`tokio::time::timeout_at`] it sets no timer for a future that is ready at once, as a call within the process is.
pub(crate) async fn until<F: Future>(deadline: Instant, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    let mut timer = pin!(None);
    poll_fn(move |cx| {
        if let Poll::Ready(output) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        if timer.is_none() {
            // Unconstrained, so that work which uses up the task's budget each time does not outlive its deadline.
            timer.set(Some(unconstrained(sleep_until(deadline))));
        }
        match timer.as_mut().as_pin_mut() {
            Some(timer) => timer.poll(cx).map(|()| None),
            None => Poll::Pending,
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_ready_wins_over_a_deadline_that_has_passed() {
        let passed = Instant::now();
        assert_eq!(until(passed, async { 7 }).await, Some(7));
    }

    #[tokio::test(start_paused = true)]
    async fn ends_at_the_deadline() {
        let begin = Instant::now();
        let deadline = begin + Duration::from_secs(3);
        assert_eq!(until(deadline, std::future::pending::<()>()).await, None);
        assert_eq!(begin.elapsed(), Duration::from_secs(3));
    }

    #[tokio::test]
    async fn work_that_never_rests_ends_too() {
        let deadline = Instant::now() + Duration::from_millis(20);
        let restless = async {
            loop {
                tokio::task::consume_budget().await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), until::<_>(deadline, restless));
        assert!(matches!(waited.await, Ok(None)));
    }
}
