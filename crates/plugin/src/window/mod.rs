//! The deployment window: for how long a release may go on without proof that it is still deployed.
//!
//! A contact is a write of this consumer's own acknowledgement that the repository has made durable, and then an index that is
//! opened afresh and verified. It renews what that index names, until the time *before* the write plus the window. An index that
//! a contact reads before it is replaced was therefore read by a contact that began before the replacement, and what it renews
//! ends at most a window after it; every later contact reads the new index, and renews nothing old. No clocks are compared:
//! each consumer measures durations by its own, one that goes on while the machine sleeps.
//!
//! Closing means that calls are not let in any more. A call that is in native code cannot be stopped; what to do about one is
//! not decided here.

mod clock;
mod contact;
mod lease;
mod state;

pub use clock::{BootClock, BootTime, ManualBootClock, SystemBootClock};
pub use contact::{Contact, Proof};
pub use lease::Gate;
pub use state::{Attempt, Slot, Window};

#[cfg(test)]
mod tests;
