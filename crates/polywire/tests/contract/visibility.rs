//! Whatever a trait's visibility, what is made has the same.

use std::convert::Infallible;

use polywire::Context;

/// Private: seen here only.
#[polywire::payload]
struct Own;

#[polywire::contract(name = "own", version = "0.1.0")]
trait Private {
    async fn ask(&self, cx: &Context, request: Own) -> Result<Own, Infallible>;
    #[event]
    fn told(event: Own);
    /// What is made of it warns its users, not whoever declares it.
    #[deprecated]
    #[event]
    fn told_before(event: Own);
}

mod inner {
    use super::*;

    #[polywire::contract(name = "above", version = "0.1.0")]
    pub(super) trait Above {
        async fn ask(&self, cx: &Context, request: Own) -> Result<Own, Infallible>;
        #[event]
        fn told(event: Own);
    }

    #[polywire::contract(name = "here", version = "0.1.0")]
    pub(self) trait Here {
        #[event]
        fn told(event: Own);
    }

    #[polywire::contract(name = "crate", version = "0.1.0")]
    pub(in crate::visibility) trait InPath {
        #[event]
        fn told(event: Own);
    }

    #[test]
    fn a_trait_of_this_module_is_usable_in_it() {
        use polywire::ContractPublisher;
        assert_eq!(HerePublisher::contract().unwrap().name().as_str(), "here");
    }
}

#[test]
fn every_visibility_compiles_and_is_usable() {
    use polywire_core::EventType;

    assert_eq!(private_events::Told::NAME, "told");
    assert_eq!(inner::above_events::Told::NAME, "told");
    assert_eq!(inner::in_path_events::Told::NAME, "told");
}

#[test]
fn a_contract_inside_a_function_with_the_crate_named() {
    use polywire::ContractClient;
    use polywire_core as wire;

    #[polywire::payload(crate = wire)]
    struct Local;

    #[polywire::error(closed, crate = wire)]
    enum Wrong {
        /// no
        No,
    }

    #[polywire::contract(name = "local", version = "1.0.0", crate = wire)]
    trait Inside {
        async fn ask(&self, cx: &Context, request: Local) -> Result<Local, Wrong>;
    }

    struct Handler;
    impl Inside for Handler {
        async fn ask(&self, _: &Context, request: Local) -> Result<Local, Wrong> {
            let Local = request;
            Err(Wrong::No)
        }
    }
    let service = polywire_core::Service::new(InsideServer::new(Handler)).unwrap();
    assert_eq!(service.offer().header_text(), "1.0.0");
    assert_eq!(InsideClient::contract().unwrap().name().as_str(), "local");
}
