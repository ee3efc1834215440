//! Groups that were registered by an earlier run of this process: what is delivered to them is taken from the start.

use std::sync::Arc;

use polywire_core::Result;

use super::registration::{Registration, hook_id};
use super::{Groups, terms};

impl Groups {
    /// Opens the hooks of every group that is registered: what arrives waits in its queue until a member joins.
    ///
    /// # Behavior
    /// A registration is renewed and looked after once its group has a member; one that nobody joins any more ends with its lease.
    /// One that cannot be read is in no other one's way.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn recall(&self) -> Result<()> {
        for registration in self.registrations().all().await? {
            if let Err(error) = self.recall_one(&registration).await {
                tracing::warn!(%error, "a group that is registered gets no events before it has a member");
            }
        }
        Ok(())
    }

    async fn recall_one(&self, registration: &Registration) -> Result<()> {
        let Some(asked) = registration.asked()? else {
            return Ok(());
        };
        let keys = self.registrations().verifier(registration)?;
        let queue = self.inbox.open(&asked.name, terms(&asked)).await?;
        let spool = Arc::new(self.spool(&asked, queue));
        let hook = self.hooks.open(&hook_id(&asked.name), spool.clone());
        hook.trust(keys);
        self.recalled.lock().insert(asked.name, spool);
        Ok(())
    }
}
