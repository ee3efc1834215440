//! Faults of calls and commands.

use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::Mutex;
use polywire_contract::Requirement;
use polywire_core::{Channel, Error, Message, Metadata, Receipt, Reply, Result};
use polywire_testkit::twist::Twist;

use crate::fails;

#[test]
fn an_ignored_deadline_is_found() {
    #[derive(Clone, Debug)]
    struct IgnoresDeadlines;
    #[async_trait]
    impl Twist for IgnoresDeadlines {
        async fn call(&self, inside: &Arc<dyn Channel>, mut message: Message) -> Result<Reply> {
            message.head.deadline = None;
            inside.call(message).await
        }
    }

    fails(
        "calls::the_deadline_arrives_as_time_left",
        IgnoresDeadlines,
        "a caller that waits 30s was announced to the handler as waiting",
    );
    fails(
        "calls::the_handler_is_cancelled_at_the_deadline",
        IgnoresDeadlines,
        "an answer did not happen within 2s",
    );
    fails(
        "calls::a_deadline_in_the_past_runs_nothing",
        IgnoresDeadlines,
        "a late call succeeded",
    );
}

#[test]
fn mixed_up_replies_are_found() {
    /// Answers with what the call before was answered.
    #[derive(Clone, Debug, Default)]
    struct MixesUp(Arc<Mutex<Option<Reply>>>);
    #[async_trait]
    impl Twist for MixesUp {
        async fn call(&self, inside: &Arc<dyn Channel>, message: Message) -> Result<Reply> {
            let reply = inside.call(message).await?;
            Ok(self.0.lock().replace(reply.clone()).unwrap_or(reply))
        }
    }

    fails(
        "calls::a_hundred_at_once_are_not_mixed_up",
        MixesUp::default(),
        "the answer: expected",
    );
}

#[test]
fn lost_metadata_is_found() {
    #[derive(Clone, Debug)]
    struct Forgets;
    #[async_trait]
    impl Twist for Forgets {
        async fn call(&self, inside: &Arc<dyn Channel>, mut message: Message) -> Result<Reply> {
            message.head.metadata = Metadata::new();
            message.head.trace = None;
            inside.call(message).await
        }
    }

    fails("calls::metadata_arrives", Forgets, "the metadata: expected");
    fails(
        "context::everything_arrives_with_a_call",
        Forgets,
        "no trace arrived",
    );
}

#[test]
fn a_command_sent_twice_is_found() {
    #[derive(Clone, Debug)]
    struct SendsTwice;
    #[async_trait]
    impl Twist for SendsTwice {
        async fn send(&self, inside: &Arc<dyn Channel>, message: Message) -> Result<Receipt> {
            inside.send(message.clone()).await?;
            inside.send(message).await
        }
    }

    fails(
        "commands::each_is_handled_once",
        SendsTwice,
        "what was handled",
    );
}

#[test]
fn an_ignored_requirement_is_found() {
    #[derive(Clone, Debug)]
    struct RequiresNothing;
    #[async_trait]
    impl Twist for RequiresNothing {
        async fn call(&self, inside: &Arc<dyn Channel>, mut message: Message) -> Result<Reply> {
            let any = Requirement::parse_list(message.head.contract.clone(), "*");
            message.head.requirement = any.ok();
            inside.call(message).await
        }
    }

    for name in [
        "negotiation::another_major_is_refused",
        "negotiation::below_the_floor_is_refused",
        "negotiation::above_the_range_is_refused",
    ] {
        fails(name, RequiresNothing, "a call that nothing fits succeeded");
    }
}

#[test]
fn a_lost_refusal_is_found() {
    /// Says that there is no match, and not why.
    #[derive(Clone, Debug)]
    struct SaysNoMore;
    #[async_trait]
    impl Twist for SaysNoMore {
        async fn call(&self, inside: &Arc<dyn Channel>, message: Message) -> Result<Reply> {
            let called = inside.call(message).await;
            called.map_err(|error| Error::new(error.kind(), error.message().to_owned()))
        }
    }

    fails(
        "negotiation::another_major_is_refused",
        SaysNoMore,
        "no refusal comes with the error",
    );
}

#[test]
fn a_close_that_does_nothing_is_found() {
    #[derive(Clone, Debug)]
    struct StaysOpen;
    #[async_trait]
    impl Twist for StaysOpen {
        async fn close(&self, _: &Arc<dyn Channel>) -> Result<()> {
            Ok(())
        }
    }

    fails(
        "lifecycle::a_closed_end_refuses_every_verb",
        StaysOpen,
        "call after closing: expected Closed, found Unavailable",
    );
    fails(
        "lifecycle::closing_ends_a_call_that_waits",
        StaysOpen,
        "the end of the call did not happen within 2s",
    );
}
