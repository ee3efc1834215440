//! The calls that run, so that one can be given up or asked after.

use std::collections::HashMap;
use std::sync::Arc;

use lapin::BasicProperties;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::client::Subject;

/// Calls by their message id and correlation id.
#[derive(Default)]
pub(super) struct Running(Mutex<HashMap<Subject, CancellationToken>>);

/// A call that runs, until dropped.
pub(super) struct Entry {
    running: Arc<Running>,
    subject: Subject,
    pub(super) given_up: CancellationToken,
}

impl Running {
    pub(super) fn enter(self: &Arc<Self>, properties: &BasicProperties) -> Entry {
        let subject = Subject {
            message_id: properties.message_id().clone(),
            correlation_id: properties.correlation_id().clone().unwrap_or_default(),
        };
        let given_up = CancellationToken::new();
        self.0.lock().insert(subject.clone(), given_up.clone());
        Entry {
            running: self.clone(),
            subject,
            given_up,
        }
    }

    pub(super) fn are_several(&self) -> bool {
        self.0.lock().len() > 1
    }

    pub(super) fn has(&self, subject: &Subject) -> bool {
        self.0.lock().contains_key(subject)
    }

    pub(super) fn give_up(&self, subject: &Subject) {
        if let Some(call) = self.0.lock().get(subject) {
            call.cancel();
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.running.0.lock().remove(&self.subject);
    }
}
