//! Replies that are stamped with something else than the far side said.

use std::sync::Arc;

use async_trait::async_trait;
use polywire_contract::{Digest, Name, Version};
use polywire_core::{Channel, Message, Reply, Result};

use crate::twist::Twist;

/// What is said instead of the truth.
#[derive(Clone, Debug)]
pub(crate) enum Lie {
    /// Another version.
    Version(Version),
    /// Another contract.
    Contract(Name),
    /// The version, with another content.
    Digest(Digest),
}

#[async_trait]
impl Twist for Lie {
    async fn call(&self, inside: &Arc<dyn Channel>, message: Message) -> Result<Reply> {
        let mut reply = inside.call(message).await?;
        let stamp = Arc::make_mut(&mut reply.stamp);
        match self {
            Self::Version(version) => stamp.version = version.clone(),
            Self::Contract(name) => stamp.contract = name.clone(),
            Self::Digest(digest) => stamp.digest = Some(*digest),
        }
        Ok(reply)
    }
}
