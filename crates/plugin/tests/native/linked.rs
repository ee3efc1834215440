//! Plugins in this very program, called through the same interface.

#![allow(unsafe_code, reason = "to link is a promise about what is linked")]

mod provider;
mod shop;

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, Weak};

use polywire_core::{ContractPublisher, ErrorKind, Health, Outcome, Publisher, Result, Service};
use polywire_plugin::native::{Ended, Fate, Generation, Limits, LoadError, Loader, Reason};
use polywire_plugin_export::linked::Linked;

use crate::libraries::{PATIENCE, World, anything, call};

use provider::shipped;
use shop::{Pens, both, first, idle, plain, second};

fn link(loader: &Loader, linked: &Linked) -> Result<Arc<Generation>, LoadError> {
    // SAFETY: what is linked is there until the test ends.
    unsafe { loader.link(linked.plugin(), &linked.config(), &anything) }
}

fn publisher<P: ContractPublisher>(linked: &Linked, service: &Service) -> P {
    let contract = P::contract().unwrap();
    let channel = linked.channel().unwrap();
    P::new(Publisher::new(channel, service, &contract, PATIENCE).unwrap())
}

/// Runs something on a runtime of one thread.
fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let bounded = async { tokio::time::timeout(PATIENCE, work).await };
    runtime.block_on(bounded).unwrap()
}

fn text(answer: Result<(Outcome, bytes::Bytes)>) -> String {
    let (outcome, body) = answer.unwrap();
    assert_eq!(outcome, Outcome::Done);
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn two_of_one_contract_are_each_their_own() {
    // They are none of those that may be resident.
    let world = World::within(Limits {
        max_resident: 0,
        ..World::patient()
    });
    let services = [plain(idle), both()];
    let [one, two] = services
        .clone()
        .map(|service| Linked::new(service).unwrap());
    assert!(one.channel().is_none(), "before its instance is there");
    let (first, second) = (
        link(&world.loader, &one).unwrap(),
        link(&world.loader, &two).unwrap(),
    );
    let count = |generation: &Generation| generation.descriptor().contracts.len();
    assert_eq!((count(&first), count(&second)), (1, 2));
    let flags = first.descriptor().flags;
    assert!(flags.is_concurrent() && !flags.can_unload() && !flags.is_short());
    assert_eq!(
        text(call(&first, "quote", r#"{"pens":3}"#)),
        r#"{"pens":30}"#
    );
    assert_eq!(
        text(call(&second, "quote", r#"{"pens":3}"#)),
        r#"{"pens":21}"#
    );
    let (outcome, body) = call(&second, "quote", r#"{"pens":100}"#).unwrap();
    let Outcome::Failed { code, .. } = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(code.as_str(), "sold_out");
    assert!(body.starts_with(b"{"), "{body:?}");
    let event = |pens| Pens { pens };
    run(async {
        let shipped: first::OrdersPublisher = publisher(&one, &services[0]);
        shipped.shipped(&event(1)).await.unwrap();
        let shipped: first::OrdersPublisher = publisher(&two, &services[1]);
        shipped.shipped(&event(2)).await.unwrap();
        let sent: second::OrdersPublisher = publisher(&two, &services[1]);
        sent.sent(&event(3)).await.unwrap();
    });
    assert_eq!(
        *world.heard.events.lock().unwrap(),
        [
            r#"orders 1.4.0 shipped {"pens":1}"#,
            r#"orders 1.4.0 shipped {"pens":2}"#,
            r#"orders 2.0.0 sent {"pens":3}"#,
        ]
    );
}

#[test]
fn a_panic_of_a_handler_is_contained_and_counted() {
    let world = World::new();
    let linked = Linked::new(plain(idle)).unwrap();
    let generation = link(&world.loader, &linked).unwrap();
    let error = call(&generation, "fail", "").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(
        error
            .to_string()
            .ends_with("failed unexpectedly; see the log"),
        "{error}"
    );
    assert_eq!(generation.panics(), 1);
    assert_eq!(
        text(call(&generation, "quote", r#"{"pens":3}"#)),
        r#"{"pens":30}"#
    );
    assert_eq!(generation.panics(), 1);
}

#[test]
fn it_ends_as_a_library_does_but_stays_in_the_program() {
    let world = World::new();
    let (running, stopped) = channel::<()>();
    let running = Mutex::new(Some(running));
    let service = plain(move || {
        let running = running.lock().unwrap().take();
        tokio::spawn(async move {
            std::future::pending::<()>().await;
            drop(running);
        });
    });
    let gone: Weak<Service> = Arc::downgrade(&service);
    let linked = Linked::new(service).unwrap();
    let generation = link(&world.loader, &linked).unwrap();
    call(&generation, "begin", "").unwrap();
    let channel = linked.channel().unwrap();
    assert_eq!(channel.health(), Health::Ready);
    let id = generation.id();
    assert!(gone.upgrade().is_some());
    drop(generation);
    let Ended {
        id: ended, fate, ..
    } = world.ended();
    assert_eq!((ended, fate), (id, Fate::Retired(Reason::NotUnloadable)));
    // Its own work was stopped, and its service has gone.
    assert!(
        stopped
            .recv_timeout(PATIENCE)
            .is_err_and(|error| { error == RecvTimeoutError::Disconnected })
    );
    assert!(gone.upgrade().is_none());
    assert_eq!(channel.health(), Health::Closed);
    let error = run(channel.publish(shipped("1.4.0", "shipped"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(world.heard.events.lock().unwrap().len(), 0);
}

#[test]
fn it_is_linked_called_and_dropped_on_a_runtime_of_its_host() {
    let world = World::new();
    run(async {
        let linked = Linked::new(plain(idle)).unwrap();
        let generation = link(&world.loader, &linked).unwrap();
        let called = generation.clone();
        let done = tokio::task::spawn_blocking(move || call(&called, "begin", "").map(drop));
        done.await.unwrap().unwrap();
    });
    assert_eq!(world.ended().fate, Fate::Retired(Reason::NotUnloadable));
}

#[test]
fn what_is_linked_twice_or_not_at_all_is_refused() {
    let world = World::new();
    let service = plain(idle);
    let linked = Linked::new(service.clone()).unwrap();
    // SAFETY: what is linked is there until the test ends.
    let unknown = unsafe { world.loader.link(linked.plugin(), b"x", &anything) };
    let failed = format!(
        "plugin orders {} failed in init: ",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(
        unknown.unwrap_err().to_string(),
        format!(
            "{failed}no plugin is linked under this configuration: pass that of Linked::config"
        )
    );
    assert_eq!(world.ended().fate, Fate::Retired(Reason::NotUnloadable));
    let generation = link(&world.loader, &linked).unwrap();
    assert_eq!(
        link(&world.loader, &linked).unwrap_err().to_string(),
        format!("{failed}this plugin was linked before: link each one once")
    );
    assert_eq!(world.ended().fate, Fate::Retired(Reason::NotUnloadable));
    // SAFETY: null is told from a descriptor.
    let null = unsafe { world.loader.link(std::ptr::null(), b"", &anything) };
    let error = null.unwrap_err().to_string();
    assert!(
        error.ends_with("descriptor is null: expected a descriptor"),
        "{error}"
    );
    // The one that was refused has not touched the one that runs, nor has what made it gone.
    drop(linked);
    assert!(!service.is_draining());
    assert_eq!(
        text(call(&generation, "quote", r#"{"pens":3}"#)),
        r#"{"pens":30}"#
    );
    drop(generation);
    world.ended();
    world.ended();
    assert!(service.is_draining());
}
