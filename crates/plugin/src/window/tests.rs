use std::sync::Arc;
use std::time::Duration;

use polywire_contract::Digest;
use polywire_core::{Dispatched, ErrorKind};

use super::*;
use crate::format::{Index, PluginName, ReleaseId, RepositoryId};

mod property;

const W: Duration = Duration::from_secs(60);

fn plugin() -> PluginName {
    "orders".parse().unwrap()
}

fn release(minor: u64) -> ReleaseId {
    let version = format!("1.{minor}.0").parse().unwrap();
    ReleaseId::new(version, Digest::of(&minor.to_le_bytes())).unwrap()
}

fn slot(minor: u64) -> Slot {
    Slot {
        major: 1,
        release: release(minor),
    }
}

/// An index that names one release for major 1.
fn index(seq: u64, minor: u64) -> Index {
    let mut index = Index::empty("0".repeat(32).parse::<RepositoryId>().unwrap(), plugin());
    index.seq = seq;
    index.majors.insert(1, release(minor));
    index
}

fn window() -> (Window, ManualBootClock) {
    let clock = ManualBootClock::at(BootTime::after_start(Duration::from_secs(1000)));
    let window = Window::new("/srv/plugins", &plugin(), W, Arc::new(clock.clone())).unwrap();
    (window, clock)
}

#[test]
fn a_gate_is_open_from_a_contact_until_its_window_ends() {
    let (mut window, clock) = window();
    let gate = window.open(&slot(4));
    let error = gate.check().unwrap_err();
    assert!(
        error.message().contains("was last reached never"),
        "{error}"
    );
    let attempt = window.begin();
    clock.advance(Duration::from_secs(5));
    window.contacted(attempt, &index(1, 4));
    assert!(gate.check().is_ok());
    assert_eq!(
        gate.remaining(),
        W.saturating_sub(Duration::from_secs(5)),
        "counted from the beginning of the contact"
    );
    clock.advance(W - Duration::from_secs(5) - Duration::from_nanos(1));
    assert!(gate.check().is_ok());
    assert_eq!(window.expire(), []);
    clock.advance(Duration::from_nanos(1));
    let error = gate.check().unwrap_err();
    assert_eq!(
        (error.kind(), error.dispatched()),
        (ErrorKind::Unavailable, Dispatched::No)
    );
    let says = "the deployment window of plugin \"orders\" has expired: repository \"/srv/plugins\" was last reached 60.0s ago, the window is 60s";
    assert!(error.message().starts_with(says), "{error}");
    let context: Vec<_> = error.context().collect();
    assert_eq!(context[0], ("repository", "/srv/plugins"));
    assert_eq!(window.expire(), [slot(4)]);
    assert_eq!(window.expire(), [], "told once");

    let attempt = window.begin();
    window.contacted(attempt, &index(1, 4));
    assert!(
        gate.check().is_ok(),
        "it is reached again, and the release is still deployed"
    );
}

#[test]
fn a_window_that_has_passed_is_told_though_a_contact_has_opened_it_again() {
    let (mut window, clock) = window();
    let attempt = window.begin();
    window.contacted(attempt, &index(1, 4));
    let gate = window.open(&slot(4));
    clock.advance(W);
    // Nobody has looked before the next contact.
    for _ in 0..2 {
        let attempt = window.begin();
        window.contacted(attempt, &index(1, 4));
    }
    assert!(gate.check().is_ok());
    assert_eq!(window.expire(), [slot(4)]);
    assert_eq!(window.expire(), [], "told once");
    assert!(gate.check().is_ok(), "telling closes nothing");
}

#[test]
fn what_the_index_names_no_more_runs_out_even_while_contacts_go_on() {
    let (mut window, clock) = window();
    let old = window.open(&slot(4));
    let attempt = window.begin();
    window.contacted(attempt, &index(1, 4));
    clock.advance(W / 4);
    let late = window.begin();
    clock.advance(Duration::from_nanos(1));
    for _ in 0..3 {
        // The new release cannot be loaded here.
        let attempt = window.begin();
        window.contacted(attempt, &index(2, 5));
        assert!(old.check().is_ok());
        clock.advance(W / 4);
    }
    assert!(old.check().is_err());
    assert!(
        window.open(&slot(5)).check().is_ok(),
        "it is loaded at last"
    );
    assert!(window.open(&slot(6)).check().is_err(), "nothing names it");
    window.contacted(late, &index(1, 4));
    assert!(
        old.check().is_err(),
        "a contact that ends late brings nothing back"
    );
}

#[test]
fn a_release_that_serves_one_major_no_more_is_closed_for_that_one() {
    let (mut window, clock) = window();
    let (one, two) = (
        slot(4),
        Slot {
            major: 2,
            ..slot(4)
        },
    );
    let gates = (window.open(&one), window.open(&two));
    let mut both = index(1, 4);
    both.majors.insert(2, release(4));
    let attempt = window.begin();
    window.contacted(attempt, &both);
    both.seq = 2;
    both.majors.insert(1, release(5));
    clock.advance(W / 2);
    let attempt = window.begin();
    window.contacted(attempt, &both);
    clock.advance(W / 2);
    assert!(gates.0.check().is_err() && gates.1.check().is_ok());
}

#[test]
fn a_revoked_release_is_closed_at_once_and_a_retired_one_for_good() {
    let (mut window, _) = window();
    let gates = (window.open(&slot(4)), window.open(&slot(5)));
    let attempt = window.begin();
    window.contacted(attempt, &index(1, 4));
    let attempt = window.begin();
    window.contacted(attempt, &index(2, 5));
    assert!(gates.0.check().is_ok() && gates.1.check().is_ok());
    let mut revoked = index(3, 5);
    revoked.revoked.insert(release(4));
    let attempt = window.begin();
    window.contacted(attempt, &revoked);
    assert!(gates.0.check().is_err() && gates.1.check().is_ok());
    window.retire(&slot(5));
    let attempt = window.begin();
    window.contacted(attempt, &revoked);
    assert!(gates.1.check().is_err());
}

#[test]
fn a_machine_that_slept_lets_nothing_in() {
    let (mut window, clock) = window();
    let gate = window.open(&slot(4));
    let attempt = window.begin();
    window.contacted(attempt, &index(1, 4));
    let asleep = window.begin();
    clock.advance(Duration::from_secs(8 * 3600));
    assert!(gate.check().is_err());
    window.contacted(asleep, &index(1, 4));
    assert!(
        gate.check().is_err(),
        "a contact that was begun before the sleep proves nothing after it"
    );
}

#[test]
fn the_word_of_the_publisher_counts_from_when_it_was_given() {
    let (mut window, clock) = window();
    let gate = window.open(&slot(4));
    let attempt = window.begin();
    window.contacted_by_word(attempt, &index(1, 4), W / 3);
    assert_eq!(gate.remaining(), W - W / 3);
    let attempt = window.begin();
    window.contacted_by_word(attempt, &index(2, 5), W / 3 + Duration::from_millis(1));
    let next = window.open(&slot(5));
    assert!(next.check().is_ok(), "a new index counts by the same word");
    clock.advance(W - W / 3);
    assert!(gate.check().is_err() && next.check().is_err());
}

#[test]
fn contacts_come_every_quarter_and_sooner_after_a_failure() {
    let (mut window, clock) = window();
    assert_eq!(window.next_contact(0.5), clock.now());
    let started = clock.now();
    let attempt = window.begin();
    clock.advance(Duration::from_secs(2));
    window.contacted(attempt, &index(1, 4));
    assert_eq!(window.next_contact(0.0), started.plus(W / 4));
    assert_eq!(window.next_contact(1.0), started.plus(W / 16 * 3));
    assert_eq!(window.next_contact(f64::NAN), started.plus(W / 4));
    assert_eq!(window.next_contact(f64::INFINITY), window.next_contact(1.0));
    let attempt = window.begin();
    window.failed(attempt);
    assert_eq!(window.next_contact(0.0), clock.now().plus(W / 16));
    assert_eq!(window.last_contact(), Some(started));
}

#[test]
fn windows_that_make_no_sense_are_refused() {
    for length in [
        Duration::ZERO,
        Duration::from_millis(999),
        Window::MAX + Duration::from_secs(1),
    ] {
        let error = Window::new("/r", &plugin(), length, Arc::new(SystemBootClock)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error.message().contains("expected 1s to 2592000s"),
            "{error}"
        );
    }
}

#[test]
fn the_clock_of_the_machine_goes_on() {
    let before = SystemBootClock.now();
    assert!(before > BootTime::after_start(Duration::ZERO));
    assert!(SystemBootClock.now() >= before);
}
