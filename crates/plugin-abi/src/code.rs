//! What calls answer with, and what plugins say about themselves.

use crate::raw;

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// Done; the sink has the reply.
    Ok,
    /// Failed; the sink has a problem document (RFC 9457): the application's own error, or one of Polywire's.
    Failed,
    /// The contract has no such method. The handler did not run.
    NoSuchMethod,
    /// The contract's version is not served. The handler did not run.
    Version,
    /// A bound is reached. The handler did not run.
    Overloaded,
    /// The host cancelled the call, and the handler was stopped.
    Cancelled,
    /// The handler panicked. What is in the sink means nothing.
    Panicked,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::Failed,
        Self::NoSuchMethod,
        Self::Version,
        Self::Overloaded,
        Self::Cancelled,
        Self::Panicked,
    ];

    /// The number that crosses the boundary.
    #[must_use]
    pub const fn number(self) -> i32 {
        match self {
            Self::Ok => raw::OK,
            Self::Failed => raw::FAILED,
            Self::NoSuchMethod => raw::NO_SUCH_METHOD,
            Self::Version => raw::VERSION,
            Self::Overloaded => raw::OVERLOADED,
            Self::Cancelled => raw::CANCELLED,
            Self::Panicked => raw::PANICKED,
        }
    }

    /// The code of a number, if it is one that this build knows.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.number() == number)
    }
}

/// What a plugin says about itself. Bits that this build does not know are kept and mean nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Flags(u32);

impl Flags {
    /// The flags of these bits.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether the library may be closed once `fini` returned 0.
    #[must_use]
    pub const fn can_unload(self) -> bool {
        self.0 & raw::CAN_UNLOAD != 0
    }

    /// Whether `call` may run on several threads at once.
    #[must_use]
    pub const fn is_concurrent(self) -> bool {
        self.0 & raw::CONCURRENT != 0
    }

    /// Whether the plugin has threads of its own.
    #[must_use]
    pub const fn has_own_threads(self) -> bool {
        self.0 & raw::OWN_THREADS != 0
    }

    /// Whether calls end soon and never wait, so that they may run on a thread that must not be held up.
    #[must_use]
    pub const fn is_short(self) -> bool {
        self.0 & raw::SHORT != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip_and_others_are_none() {
        for code in Code::ALL {
            assert_eq!(Code::from_number(code.number()), Some(code));
        }
        for number in [-1, 7, i32::MIN, i32::MAX] {
            assert_eq!(Code::from_number(number), None);
        }
    }

    #[test]
    fn unknown_flags_mean_nothing() {
        let flags = Flags::from_bits(!raw::CAN_UNLOAD);
        assert!(!flags.can_unload() && flags.is_concurrent() && flags.is_short());
        assert!(flags.has_own_threads());
        assert_eq!(Flags::from_bits(1 << 31).bits(), 1 << 31);
    }
}
