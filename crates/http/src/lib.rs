//! The HTTP transport of Polywire.
