//! Dead letters and parked messages, kept with the queue that they came from.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use parking_lot::Mutex;

use super::queue::Queue;
use crate::error::{Error, ErrorKind, Result};
use crate::letters::{Letter, Letters, Shelf};
use crate::message::{Message, MessageId};

pub(super) struct Shelves {
    limit: usize,
    dead: Mutex<Vec<Shelved>>,
    parked: Mutex<Vec<Shelved>>,
}

struct Shelved {
    letter: Letter,
    queue: Weak<Queue>,
    message: Arc<Message>,
    position: u64,
}

impl Shelves {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            dead: Mutex::default(),
            parked: Mutex::default(),
        }
    }

    fn shelf(&self, shelf: Shelf) -> &Mutex<Vec<Shelved>> {
        match shelf {
            Shelf::Dead => &self.dead,
            Shelf::Parked => &self.parked,
        }
    }

    pub(super) fn put(
        &self,
        shelf: Shelf,
        letter: Letter,
        queue: &Arc<Queue>,
        message: Arc<Message>,
        position: u64,
    ) -> Result<()> {
        let mut letters = self.shelf(shelf).lock();
        if letters.len() >= self.limit {
            return Err(Error::new(
                ErrorKind::Overloaded,
                format!(
                    "the shelf of {shelf} messages holds its {} letters: replay or discard some",
                    self.limit
                ),
            ));
        }
        tracing::warn!(group = %letter.group, id = %letter.head.id, reason = %letter.reason, %shelf, "message set aside");
        letters.push(Shelved {
            letter,
            queue: Arc::downgrade(queue),
            message,
            position,
        });
        Ok(())
    }

    fn position(letters: &[Shelved], group: &str, id: &MessageId) -> Option<usize> {
        letters
            .iter()
            .position(|shelved| shelved.letter.group == group && shelved.letter.head.id == *id)
    }
}

#[async_trait]
impl Letters for Shelves {
    async fn list(&self, shelf: Shelf, limit: usize) -> Result<Vec<Letter>> {
        Ok(self
            .shelf(shelf)
            .lock()
            .iter()
            .take(limit)
            .map(|shelved| shelved.letter.clone())
            .collect())
    }

    async fn replay(&self, shelf: Shelf, group: &str, id: &MessageId) -> Result<bool> {
        let mut letters = self.shelf(shelf).lock();
        let Some(index) = Self::position(&letters, group, id) else {
            return Ok(false);
        };
        let Some(queue) = letters[index].queue.upgrade() else {
            return Err(Error::new(
                ErrorKind::Unroutable,
                format!("group {group:?} is gone: its letters can only be discarded"),
            ));
        };
        queue.readmit(letters[index].message.clone(), letters[index].position)?;
        letters.remove(index);
        Ok(true)
    }

    async fn discard(&self, shelf: Shelf, group: &str, id: &MessageId) -> Result<bool> {
        let mut letters = self.shelf(shelf).lock();
        let Some(index) = Self::position(&letters, group, id) else {
            return Ok(false);
        };
        letters.remove(index);
        Ok(true)
    }
}
