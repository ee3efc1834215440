//! What happens to a plugin, in the metrics of the program.
//!
//! - [`names`]: which metrics there are.
//! - [`event`]: what happens in the life of a plugin.
//! - [`counts`]: what is counted of the calls to one release.
//! - [`figures`]: what was counted and not told yet.
//! - [`sampler`]: what takes it to the recorder of the program.
//!
//! Calls, and whoever keeps a plugin current, count here and never meet the recorder.

mod counts;
mod event;
mod figures;
mod names;
mod sampler;

pub(super) use counts::Counts;
pub(super) use event::Event;
pub(super) use figures::Figures;
pub(super) use sampler::Sampler;

#[cfg(test)]
mod tests;
