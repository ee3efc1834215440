//! A message as the deliveries of one track.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use polywire_core::cloudevent::{CloudEvent, MEDIA_TYPE};
use polywire_core::contract::{Name, Track, Version};
use polywire_core::{Error, ErrorKind, Message, Result};
use sha2::{Digest, Sha256};

use super::track;
use crate::record::{Body, KeepOrder, NewDelivery, Phase, Subscription};
use crate::signature::MAX_ID_BYTES;
use crate::store::MAX_BATCH;

/// How many bytes one batch of deliveries has, unless a single one has more.
pub(super) const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// The mark of a rendering that is only looked at.
const SHADOW: (&str, &str) = ("contract-shadow", "true");

/// What every delivery of a message on one track has in common.
#[derive(Debug)]
pub(super) struct Rendering {
    pub(super) contract: Name,
    pub(super) event: Name,
    pub(super) at: Timestamp,
    /// Whose alone it is; everybody's without one.
    tenant: Option<Arc<str>>,
    track: Track,
    version: Version,
    message_id: String,
    webhook_id: String,
    key: Option<Arc<str>>,
    body: Body,
}

/// What a rendering is for a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// The one that counts.
    Main,
    /// One that is only looked at.
    Shadow,
}

impl Rendering {
    pub(super) fn of(message: &Message, now: Timestamp) -> Result<Self> {
        let head = &message.head;
        let (Some(stamp), Some(track)) = (&head.stamp, track(message)) else {
            return Err(Error::new(
                ErrorKind::InvalidPayload,
                format!(
                    "event {} has no stamp: publish it through a publisher of its contract",
                    head.interaction
                ),
            ));
        };
        let mut event = CloudEvent::of(head, &message.body);
        event.time = Some(now.to_string());
        let message_id = head.id.to_string();
        Ok(Self {
            contract: head.contract.clone(),
            event: head.interaction.clone(),
            at: now,
            tenant: None,
            track,
            version: stamp.version.clone(),
            webhook_id: webhook_id(&message_id, track),
            message_id,
            key: head.ordering_key.as_deref().map(key),
            body: numbered(&event)?,
        })
    }

    /// The same for the subscriptions of one tenant.
    pub(super) fn of_tenant(self, tenant: &str) -> Self {
        Self {
            tenant: Some(tenant.into()),
            ..self
        }
    }

    /// How many bytes it holds, about.
    pub(super) fn bytes(&self) -> usize {
        let (before, after) = self.body.parts();
        before.len() + after.map_or(0, Bytes::len) + self.message_id.len() + self.webhook_id.len()
    }

    /// How many of its deliveries go into one batch: each is written with a body of its own.
    pub(super) fn batch(&self) -> usize {
        (BATCH_BYTES / self.bytes().max(1)).clamp(1, MAX_BATCH)
    }

    /// What a subscription gets of it.
    pub(super) fn delivery(&self, to: &Subscription) -> Option<NewDelivery> {
        let role = self.role(to)?;
        let mut headers = vec![
            ("content-type".to_owned(), MEDIA_TYPE.to_owned()),
            ("contract-version".to_owned(), self.version.to_string()),
        ];
        if role == Role::Shadow {
            headers.push((SHADOW.0.to_owned(), SHADOW.1.to_owned()));
        }
        // What is only looked at holds up nothing.
        let ordered = to.terms.order == KeepOrder::ByKey && role == Role::Main;
        Some(NewDelivery {
            subscription: to.id.clone(),
            webhook_id: self.webhook_id.clone(),
            message_id: self.message_id.clone(),
            interaction: self.event.clone(),
            version: self.version.clone(),
            key: self.key.clone().filter(|_| ordered),
            headers,
            body: self.body.clone(),
            delay: Duration::ZERO,
        })
    }

    fn role(&self, to: &Subscription) -> Option<Role> {
        let terms = &to.terms;
        if (self.tenant.as_ref()).is_some_and(|tenant| **tenant != *terms.tenant) {
            return None;
        }
        if *terms.contract() != self.contract || !terms.events.contains(&self.event) {
            return None;
        }
        let is = |version: &Version| Track::of(version) == self.track;
        match &terms.upgrade {
            Some(upgrade) if upgrade.phase == Phase::Kept => is(&upgrade.to).then_some(Role::Main),
            Some(upgrade) if matches!(upgrade.phase, Phase::Shadow { .. }) && is(&upgrade.to) => {
                Some(Role::Shadow)
            }
            _ => is(&terms.version).then_some(Role::Main),
        }
    }
}

/// Names the rendering of a message on a track: the same whenever it is published again, and without a dot, as it is signed.
fn webhook_id(message_id: &str, track: Track) -> String {
    let suffix = track.to_string().replace('.', "_");
    let usable = |byte: u8| byte.is_ascii_graphic() && byte != b'.';
    if message_id.len() + suffix.len() < MAX_ID_BYTES && message_id.bytes().all(usable) {
        return format!("{message_id}-{suffix}");
    }
    let digest: [u8; 32] = Sha256::digest(message_id).into();
    let number = u128::from_be_bytes(std::array::from_fn(|at| digest[at]));
    format!("{number:032x}-{suffix}")
}

/// An ordering key within the bounds of a delivery; a longer one by what stands for it.
fn key(text: &str) -> Arc<str> {
    if (1..=NewDelivery::MAX_ID).contains(&text.len()) {
        return text.into();
    }
    let digest: [u8; 32] = Sha256::digest(text).into();
    let number = u128::from_be_bytes(std::array::from_fn(|at| digest[at]));
    format!("{number:032x}").into()
}

/// The document of an event with a place for its sequence number.
fn numbered(event: &CloudEvent<'_>) -> Result<Body> {
    // What stands after the number: the end of its text, and the document from its first member on.
    let mut after = b"\"".to_vec();
    event.write_json(&mut after)?;
    if let Some(brace) = after.get_mut(1) {
        *brace = b',';
    }
    Ok(Body::Numbered {
        before: Bytes::from_static(b"{\"sequence\":\""),
        after: after.into(),
    })
}
