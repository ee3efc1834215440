//! One contract at two minor versions, and the replicas and callers of each.

/// As it was.
pub mod v1_4 {
    use polywire::Context;

    /// Counts what it is asked.
    #[polywire::contract(name = "counter", version = "1.4.0")]
    pub trait Counter {
        /// Counts one more.
        async fn count(&self, cx: &Context) -> Result<Counted, std::convert::Infallible>;
        /// Counts one more, at some time.
        #[command]
        async fn note(&self, cx: &Context) -> Result<(), std::convert::Infallible>;
    }

    /// How many there were.
    #[polywire::payload]
    pub struct Counted {
        /// Up to now.
        pub calls: u64,
    }
}

/// One minor version later: a reply has one more field.
pub mod v1_5 {
    use polywire::Context;

    /// Counts what it is asked.
    #[polywire::contract(name = "counter", version = "1.5.0")]
    pub trait Counter {
        /// Counts one more.
        async fn count(&self, cx: &Context) -> Result<Counted, std::convert::Infallible>;
        /// Counts one more, at some time.
        #[command]
        async fn note(&self, cx: &Context) -> Result<(), std::convert::Infallible>;
    }

    /// How many there were.
    #[polywire::payload]
    pub struct Counted {
        /// Up to now.
        pub calls: u64,
        /// By which instance.
        pub by: String,
    }
}
