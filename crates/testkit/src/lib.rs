//! The conformance suite that every Polywire transport passes.
