//! Events of another service.

use polywire_core::{Channel, Outcome, Shelf};
use polywire_plugin::native::Fate;

use super::stock::Host;
use super::{loaded, unasked};
use crate::libraries::call;

#[test]
fn they_come_and_are_settled_as_everywhere() {
    let host = Host::new();
    let shop = loaded(&host, "stock");
    let (outcome, _) = call(&shop, "listen", "").unwrap();
    assert_eq!(outcome, Outcome::Done);
    for pens in [5, 7, 13] {
        host.change(pens);
    }
    for line in [
        "changed 5 at 1.2.0 in attempt 1, settled",
        "changed 7 at 1.2.0 in attempt 1, settled",
        "changed 7 at 1.2.0 in attempt 2, settled",
        "changed 13 at 1.2.0 in attempt 1, settled",
    ] {
        host.world.until(line);
    }
    let letters = host.stock.letters().unwrap();
    let dead = letters.list(Shelf::Dead, 10);
    let dead = host.runtime.block_on(dead).unwrap();
    let reasons: Vec<_> = dead.iter().map(|letter| letter.reason.as_str()).collect();
    assert_eq!(reasons, ["13 is unlucky"]);
    // The stream ends with the channel.
    host.runtime.block_on(host.stock.drain()).unwrap();
    host.world.until("no more changes");
}

#[test]
fn what_it_holds_when_it_ends_returns_to_its_group() {
    let host = Host::new();
    let shop = loaded(&host, "stock");
    call(&shop, "hold", "").unwrap();
    host.change(5);
    host.world.until("held");
    drop(shop);
    assert_eq!(host.world.ended().fate, Fate::Unmapped);
    assert_eq!(host.changed(), 5);
}

#[test]
fn what_it_holds_when_its_channel_drains_may_still_be_settled() {
    let host = Host::new();
    let shop = loaded(&host, "stock");
    call(&shop, "late", "").unwrap();
    host.change(5);
    host.world.until("held");
    let stock = host.stock.clone();
    let drained = host.runtime.spawn(async move { stock.drain().await });
    host.world.until("more: false, settled");
    host.runtime.block_on(drained).unwrap().unwrap();
    drop(shop);
    assert_eq!(host.world.ended().fate, Fate::Unmapped);
}

#[test]
fn one_who_leaves_leaves_the_rest_to_its_group() {
    let host = Host::new();
    let shop = loaded(&host, "stock");
    call(&shop, "pass", "").unwrap();
    host.change(5);
    assert_eq!(host.changed(), 5);
}

#[test]
fn a_channel_that_panics_is_an_error_of_the_subscription() {
    let host = Host::new();
    let shop = loaded(&host, "faulty");
    let (kind, why) = unasked(&shop, "listen", "");
    assert_eq!(kind, "internal");
    assert!(why.starts_with("stock.changed through channel"), "{why}");
    let shop = loaded(&host, "newer");
    let (kind, _) = unasked(&shop, "listen", "");
    assert_eq!(kind, "no-match");
}
