//! The provider's end of a plugin.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use polywire_contract::{Name, Version};
use polywire_core::{
    Channel, ErrorKind, Head, Health, Kind, Message, Result, Stamp, Subscription, Support, Trust,
};
use polywire_plugin::native::{Ended, Event, Invocation, Level, Limits, Loader, Services};
use polywire_plugin_export::linked::Linked;

use crate::libraries::{PATIENCE, World, call};

use super::shop::{idle, plain};
use super::{link, run};

/// An event of the orders in a version.
pub(super) fn shipped(version: &str, event: &str) -> Message {
    stamped("orders", version, event, 2)
}

fn stamped(contract: &str, version: &str, event: &str, bytes: usize) -> Message {
    let version: Version = version.parse().unwrap();
    let contract: Name = contract.parse().unwrap();
    let service = plain(idle);
    let stamp = service.stamp(&Version::new(1, 4, 0)).unwrap();
    let mut head = Head::new(Kind::Event, contract.clone(), event.parse().unwrap());
    head.stamp = Some(Arc::new(Stamp {
        contract,
        version,
        ..Stamp::clone(stamp)
    }));
    Message::new(head, vec![b' '; bytes].into())
}

#[test]
fn the_providers_end_publishes_what_it_has_and_nothing_else() {
    let world = World::new();
    let linked = Linked::new(plain(idle)).unwrap();
    let _generation = link(&world.loader, &linked).unwrap();
    let channel = linked.channel().unwrap();
    let capability = channel.capability();
    assert_eq!(
        (capability.trust, capability.publish),
        (Trust::Trusted, Support::Native)
    );
    let most = capability.max_payload;
    let mut nameless = shipped("1.4.0", "shipped");
    nameless.head.stamp = None;
    run(async {
        for (message, kind, text) in [
            (
                shipped("1.5.0", "shipped"),
                ErrorKind::Unroutable,
                "version 1.5.0 of this plugin has no event shipped",
            ),
            (
                shipped("1.4.0", "quote"),
                ErrorKind::Unroutable,
                "version 1.4.0 of this plugin has no event quote",
            ),
            (
                stamped("stock", "1.4.0", "shipped", 2),
                ErrorKind::Unroutable,
                "version 1.4.0 of this plugin has no event shipped",
            ),
            (
                nameless,
                ErrorKind::Unroutable,
                "event shipped has no version: a publisher stamps it",
            ),
            (
                stamped("orders", "1.4.0", "shipped", most + 1),
                ErrorKind::TooLarge,
                "payload of 16777217 bytes: at most 16777216 bytes are taken",
            ),
        ] {
            let error = channel.publish(message).await.unwrap_err();
            assert_eq!((error.kind(), error.message()), (kind, text));
        }
        let message = shipped("1.4.0", "shipped");
        let id = message.head.id.clone();
        let receipt = channel.publish(message).await.unwrap();
        assert_eq!(receipt.id, id);
        assert_eq!(receipt.stamp.unwrap().version, Version::new(1, 4, 0));
        for (verb, answer) in others(&*channel).await {
            let error = answer.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{verb}");
            let begin = format!("a plugin's own end has no {verb}: ");
            assert!(error.message().starts_with(&begin), "{error}");
        }
        channel.drain().await.unwrap();
        channel.close().await.unwrap();
    });
    assert!(channel.letters().is_none());
    assert_eq!(channel.health(), Health::Ready);
    assert_eq!(
        *world.heard.events.lock().unwrap(),
        ["orders 1.4.0 shipped   "]
    );
}

/// Every verb that the provider's end does not have.
async fn others(channel: &dyn Channel) -> Vec<(&'static str, Result<()>)> {
    let message = || shipped("1.4.0", "quote");
    let name = Name::from_static("orders");
    let requirement = polywire_contract::Requirement::parse_list(name.clone(), "^1").unwrap();
    let subscription = Subscription {
        contract: name.clone(),
        event: Name::from_static("shipped"),
        group: None,
        requirement,
        prefetch: 1,
        token: None,
    };
    vec![
        ("discovery", channel.discover(&name).await.map(drop)),
        ("request-reply", channel.call(message()).await.map(drop)),
        ("commands", channel.send(message()).await.map(drop)),
        (
            "subscription",
            channel.subscribe(subscription).await.map(drop),
        ),
        ("serving", channel.serve(plain(idle)).await),
    ]
}

/// A host that takes an event once something else of the plugin has run.
struct Waiting {
    ran: Mutex<Receiver<()>>,
    taken: Sender<bool>,
}

impl Services for Waiting {
    fn log(&self, _: &str, _: Level, _: &str) {}

    fn invoke(&self, _: Invocation<'_>) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    fn publish(&self, _: Event<'_>) -> Result<()> {
        let ran = self.ran.lock().unwrap().recv_timeout(PATIENCE);
        self.taken.send(ran.is_ok()).unwrap();
        Ok(())
    }

    fn ended(&self, _: &Ended) {}
}

#[test]
fn the_plugin_goes_on_while_its_host_takes_an_event() {
    let (run, ran) = channel();
    let (taken, took) = channel();
    let ran = Mutex::new(ran);
    let loader = Loader::new(Limits::default(), Arc::new(Waiting { ran, taken })).unwrap();
    let end: Arc<Mutex<Option<Arc<dyn Channel>>>> = Arc::default();
    let own = end.clone();
    let service = plain(move || {
        let (end, run) = (own.lock().unwrap().take().unwrap(), run.clone());
        // Both on the only worker of the plugin's runtime.
        tokio::spawn(async move {
            tokio::spawn(async move { run.send(()) });
            end.publish(shipped("1.4.0", "shipped")).await
        });
    });
    let linked = Linked::new(service).unwrap();
    let generation = link(&loader, &linked).unwrap();
    *end.lock().unwrap() = linked.channel();
    call(&generation, "begin", "").unwrap();
    assert!(took.recv_timeout(2 * PATIENCE).unwrap());
}
