//! The calls that run, so that one can be given up.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use lapin::BasicProperties;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

/// Calls by their message id and correlation id, hashed with a key of our own.
#[derive(Default)]
pub(super) struct Running {
    keys: RandomState,
    calls: Mutex<HashMap<u64, CancellationToken>>,
}

/// A call that runs, until dropped.
pub(super) struct Entry {
    running: Arc<Running>,
    key: u64,
    pub(super) given_up: CancellationToken,
}

impl Running {
    fn key(&self, properties: &BasicProperties) -> u64 {
        let text = |text: &Option<lapin::types::ShortString>| {
            text.as_ref().map(|text| text.as_str().to_owned())
        };
        self.keys.hash_one((
            text(properties.message_id()),
            text(properties.correlation_id()),
        ))
    }

    pub(super) fn enter(self: &Arc<Self>, properties: &BasicProperties) -> Entry {
        let (key, given_up) = (self.key(properties), CancellationToken::new());
        self.calls.lock().insert(key, given_up.clone());
        Entry {
            running: self.clone(),
            key,
            given_up,
        }
    }

    pub(super) fn give_up(&self, properties: &BasicProperties) {
        if let Some(call) = self.calls.lock().get(&self.key(properties)) {
            call.cancel();
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.running.calls.lock().remove(&self.key);
    }
}
