//! W3C Trace Context: who caused this message.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rand::RngExt;

use crate::hex;

/// A trace context (W3C Trace Context, level 1): `traceparent` and, when there is one, `tracestate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    parent_id: u64,
    flags: u8,
    state: Option<Arc<str>>,
}

/// Bound of `tracestate`, in bytes; a longer one is dropped, as the standard allows.
pub const MAX_TRACESTATE: usize = 512;

impl TraceContext {
    /// A new, sampled root.
    #[must_use]
    pub fn root() -> Self {
        let mut rng = rand::rng();
        Self {
            trace_id: rng.random::<u128>() | 1,
            parent_id: rng.random::<u64>() | 1,
            flags: 1,
            state: None,
        }
    }

    /// The same trace with a new parent id: what a message sent on behalf of this one carries.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            parent_id: rand::rng().random::<u64>() | 1,
            ..self.clone()
        }
    }

    /// The same context with a vendor's `tracestate`; an empty or over-long one is left out.
    #[must_use]
    pub fn with_state(mut self, state: &str) -> Self {
        self.state = (!state.is_empty() && state.len() <= MAX_TRACESTATE).then(|| state.into());
        self
    }

    /// The trace id, never zero.
    #[must_use]
    pub fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// The parent (span) id, never zero.
    #[must_use]
    pub fn parent_id(&self) -> u64 {
        self.parent_id
    }

    /// Whether the caller recorded this trace.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// The `tracestate`, if any.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The `traceparent` text as 55 ASCII bytes, without allocating.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; 55] {
        let mut out = *b"00-00000000000000000000000000000000-0000000000000000-00";
        hex::write(&self.trace_id.to_be_bytes(), &mut out[3..35]);
        hex::write(&self.parent_id.to_be_bytes(), &mut out[36..52]);
        hex::write(&[self.flags], &mut out[53..]);
        out
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(hex::text(&self.to_bytes()))
    }
}

/// The text is not a `traceparent`; the standard says to start a new trace then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent: expected 00-<32 hex>-<16 hex>-<2 hex> with neither id all zero")]
pub struct TraceError;

impl FromStr for TraceContext {
    type Err = TraceError;

    fn from_str(text: &str) -> Result<Self, TraceError> {
        let bytes = text.as_bytes();
        let shaped = bytes.len() >= 55
            && text.is_ascii()
            && bytes[2] == b'-'
            && bytes[35] == b'-'
            && bytes[52] == b'-';
        if !shaped {
            return Err(TraceError);
        }
        let number = |range: std::ops::Range<usize>| hex::read(&bytes[range]).ok_or(TraceError);
        let later = bytes.len() == 55 || bytes[55] == b'-';
        match number(0..2)? {
            0 if bytes.len() == 55 => {}
            1..0xff if later => {}
            _ => return Err(TraceError),
        }
        let trace_id = number(3..35)?;
        let parent_id = u64::try_from(number(36..52)?).map_err(|_| TraceError)?;
        let flags = u8::try_from(number(53..55)?).map_err(|_| TraceError)?;
        if trace_id == 0 || parent_id == 0 {
            return Err(TraceError);
        }
        Ok(Self {
            trace_id,
            parent_id,
            flags,
            state: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_bytes_agree() {
        let trace = TraceContext::root();
        assert_eq!(trace.to_string().parse::<TraceContext>().unwrap(), trace);
        assert_eq!(trace.to_string().as_bytes(), trace.to_bytes());
        assert_eq!(trace.child().trace_id(), trace.trace_id());
        assert_ne!(trace.child().parent_id(), trace.parent_id());
    }

    #[test]
    fn malformed_texts_are_refused() {
        let zero_trace = format!("00-{:032x}-{:016x}-01", 0, 1);
        let zero_parent = format!("00-{:032x}-{:016x}-01", 1, 0);
        let upper = "00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01";
        let longer = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x";
        let unknown = "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for text in [
            "",
            "00",
            "é",
            &zero_trace,
            &zero_parent,
            upper,
            longer,
            unknown,
        ] {
            assert_eq!(text.parse::<TraceContext>(), Err(TraceError), "{text}");
        }
        let future = "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x";
        assert!(future.parse::<TraceContext>().unwrap().is_sampled());
    }
}
