use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use polywire_contract::{Name, Requirement};

use crate::auth::Caller;
use crate::error::Result;
use crate::message::{Head, Reply};
use crate::service::Service;

/// Who runs the accepted commands of a contract: a [`Service`], or what stands for one that is elsewhere.
#[async_trait]
pub trait CommandRunner: Send + Sync + 'static {
    /// The contract.
    fn contract(&self) -> &Name;

    /// Whether it can run a command that requires these versions, now. One that it cannot run waits for one who can.
    fn can_run(&self, requirement: &Requirement, command: &Name) -> bool;

    /// Runs one, on behalf of a caller who was verified when it was accepted; with `None` the caller is verified now.
    ///
    /// # Errors
    /// As [`crate::Channel::call`]. They decide between a retry, the dead letters and the parked ones.
    async fn run(&self, head: Box<Head>, body: Bytes, caller: Option<Caller>) -> Result<Reply>;
}

#[async_trait]
impl CommandRunner for Arc<Service> {
    fn contract(&self) -> &Name {
        self.name()
    }

    fn can_run(&self, requirement: &Requirement, command: &Name) -> bool {
        self.check(requirement, command).is_ok()
    }

    async fn run(&self, head: Box<Head>, body: Bytes, caller: Option<Caller>) -> Result<Reply> {
        let admission = self.admit_accepted(head, caller)?;
        admission.dispatch_accepted(body).await
    }
}
