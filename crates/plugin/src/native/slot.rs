//! The generation that calls go to.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::generation::Generation;

/// Holds the generation that calls go to, for one plugin and one major.
///
/// A call takes the generation and keeps it until it has its answer: that is how what is under way is counted.
#[derive(Debug, Default)]
pub struct Slot(ArcSwapOption<Generation>);

impl Slot {
    /// An empty slot.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The generation that calls go to now.
    #[must_use]
    pub fn current(&self) -> Option<Arc<Generation>> {
        self.0.load_full()
    }

    /// Sends every later call to another generation, and gives the one before back, to be kept warm or dropped.
    pub fn swap(&self, next: Option<Arc<Generation>>) -> Option<Arc<Generation>> {
        self.0.swap(next)
    }
}
