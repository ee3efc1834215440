use super::{Inspector, PublishError, Publisher};
use crate::disk::{SHARED, list};
use crate::format::{Ack, Index, PluginName, Signed};
use crate::layout::{ACKS, below};
use crate::refusal::Refusal;
use crate::trust::{KeyId, Purpose};
use crate::verified;

/// The name of an index in errors.
const DOCUMENT: &str = "the index";

impl Inspector {
    /// The index of a plugin and the key that signed it, unless nothing was deployed yet.
    ///
    /// # Errors
    /// [`PublishError::Refused`] when it is not valid, or by a key that is not trusted.
    pub fn index(&self, plugin: &PluginName) -> Result<Option<(Index, KeyId)>, PublishError> {
        let file = match self.root.read(&below::index(plugin), Signed::MAX_BYTES) {
            Err(Refusal::Missing { .. }) => return Ok(None),
            other => other?,
        };
        let (index, sighting) = verified::index(&file, &self.keys, plugin)?;
        if index.repository != self.id {
            return Err(PublishError::Refused(Refusal::OtherRepository {
                found: index.repository,
                wanted: self.id.clone(),
            }));
        }
        Ok(Some((index, sighting.key)))
    }

    /// The acknowledgements of a plugin. Those that are not valid are left out; [`verify`](Self::verify) names them.
    ///
    /// # Errors
    /// [`PublishError::Disk`].
    pub fn acks(&self, plugin: &PluginName) -> Result<Vec<Ack>, PublishError> {
        let names = list(&self.layout.acks(plugin))?;
        let files = names.iter().filter(|name| name.ends_with(".json"));
        let acks = files.filter_map(|name| self.ack(plugin, name).ok());
        Ok(acks.collect())
    }

    /// One acknowledgement, by the name of its file.
    pub(super) fn ack(&self, plugin: &PluginName, name: &str) -> Result<Ack, Refusal> {
        let below = std::path::Path::new(ACKS).join(plugin.as_str()).join(name);
        let ack = Ack::parse(&self.root.read(&below, Ack::MAX_BYTES)?)?;
        let stands = format!("{}/{}.json", ack.plugin, ack.instance);
        if stands != format!("{plugin}/{name}") {
            return Err(Refusal::Contradiction {
                document: "the acknowledgement",
                found: stands,
                wanted: format!("{plugin}/{name}"),
            });
        }
        Ok(ack)
    }
}

impl Publisher {
    /// Replaces the index by its successor: the one place where something that is read changes.
    pub(super) fn succeed(&self, mut index: Index) -> Result<Index, PublishError> {
        index.format = crate::format::FORMAT;
        index.min_format = crate::format::FORMAT;
        index.seq = index.seq.max(self.lost(&index)?).saturating_add(1);
        let bytes = index.to_bytes()?;
        // What was written is JSON, and JSON is UTF-8.
        let signed = String::from_utf8_lossy(&bytes).into_owned();
        let signature = self.key.sign(Purpose::Index, signed.as_bytes())?;
        let file = Signed { signed, signature }.to_bytes(DOCUMENT)?;
        self.disk
            .replace(&self.layout.index(&index.plugin), &file, SHARED)?;
        Ok(index)
    }

    /// The number of an index that consumers saw and that is gone, as after a machine lost its power between rename and sync:
    /// they would refuse another index of that number. Only one can be lost, so that no acknowledgement, which anybody can
    /// write, drives the numbers up.
    fn lost(&self, index: &Index) -> Result<u64, PublishError> {
        let next = index.seq.saturating_add(1);
        let acks = self.acks(&index.plugin)?;
        let seen = acks
            .iter()
            .any(|ack| ack.repository == self.id && ack.seq_seen == next);
        Ok(if seen { next } else { index.seq })
    }
}
