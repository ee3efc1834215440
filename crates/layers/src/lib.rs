//! Policies that wrap a Polywire channel: timeout and retry.
