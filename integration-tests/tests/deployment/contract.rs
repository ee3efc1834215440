//! One contract at two minor versions, and the replicas and callers of each.

/// As it was.
pub(crate) mod v1_4 {
    use polywire::Context;

    /// Counts what it is asked.
    #[polywire::contract(name = "counter", version = "1.4.0")]
    pub(crate) trait Counter {
        /// Counts one more.
        async fn count(&self, cx: &Context) -> Result<Counted, std::convert::Infallible>;
        /// Counts one more, at some time.
        #[command]
        async fn note(&self, cx: &Context) -> Result<(), std::convert::Infallible>;
    }

    /// How many there were.
    #[polywire::payload]
    pub(crate) struct Counted {
        /// Up to now.
        pub(crate) calls: u64,
    }
}

/// One minor version later: a reply has one more field.
pub(crate) mod v1_5 {
    use polywire::Context;

    /// Counts what it is asked.
    #[polywire::contract(name = "counter", version = "1.5.0")]
    pub(crate) trait Counter {
        /// Counts one more.
        async fn count(&self, cx: &Context) -> Result<Counted, std::convert::Infallible>;
        /// Counts one more, at some time.
        #[command]
        async fn note(&self, cx: &Context) -> Result<(), std::convert::Infallible>;
    }

    /// How many there were.
    #[polywire::payload]
    pub(crate) struct Counted {
        /// Up to now.
        pub(crate) calls: u64,
        /// By which instance.
        pub(crate) by: String,
    }
}
