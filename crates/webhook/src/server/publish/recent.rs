//! What was published here lately.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use super::render::Rendering;

/// The last renderings, within bounds of number and bytes.
#[derive(Debug)]
pub(super) struct Recent {
    kept: VecDeque<Arc<Rendering>>,
    bytes: usize,
    most: usize,
    most_bytes: usize,
}

impl Recent {
    pub(super) fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            kept: VecDeque::new(),
            bytes: 0,
            most,
            most_bytes,
        }
    }

    pub(super) fn push(&mut self, rendering: Arc<Rendering>) {
        let bytes = rendering.bytes();
        if self.most == 0 || bytes > self.most_bytes {
            return;
        }
        self.bytes += bytes;
        self.kept.push_back(rendering);
        while self.kept.len() > self.most || self.bytes > self.most_bytes {
            let Some(oldest) = self.kept.pop_front() else {
                return;
            };
            self.bytes -= oldest.bytes();
        }
    }

    /// Those from a time on, oldest first.
    pub(super) fn since(&self, at: Timestamp) -> Vec<Arc<Rendering>> {
        let later = self.kept.iter().filter(|rendering| rendering.at >= at);
        later.cloned().collect()
    }
}
