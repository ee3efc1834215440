//! Waiting until a deadline, or until anything else ends the wait.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::task::unconstrained;
use tokio::time::{Instant, sleep_until};

/// What ends a wait. Boxed, as most waits never get as far as having one, and futures without it stay small.
pub(crate) type End<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// What a future gives before the deadline; `None` after it.
///
/// Unlike [`tokio::time::timeout_at`] it sets no timer for a future that is ready at once, as a call within the process is.
pub(crate) async fn until<F: Future>(deadline: Instant, work: F) -> Option<F::Output> {
    // Unconstrained, so that work which uses up the task's budget each time does not outlive its deadline.
    unless(work, || Box::pin(unconstrained(sleep_until(deadline)))).await
}

/// What a future gives before something ends the wait; `None` after it. What ends it is made when the future first waits.
pub(crate) async fn unless<'a, F: Future>(
    work: F,
    end: impl FnOnce() -> End<'a>,
) -> Option<F::Output> {
    let mut work = pin!(work);
    let (mut make, mut made) = (Some(end), None);
    poll_fn(move |cx| {
        if let Poll::Ready(output) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        if let Some(make) = make.take() {
            made = Some(make());
        }
        match &mut made {
            Some(end) => end.as_mut().poll(cx).map(|()| None),
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
