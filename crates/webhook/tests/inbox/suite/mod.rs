//! What every inbox does.

pub(crate) mod commands;
pub(crate) mod ending;
pub(crate) mod letters;
pub(crate) mod load;
pub(crate) mod members;
pub(crate) mod outages;
pub(crate) mod processes;
pub(crate) mod putting;
pub(crate) mod queues;
pub(crate) mod verdicts;
