//! Panics of a plugin end where they began.

use polywire_core::{Dispatched, ErrorKind, Outcome};
use polywire_plugin::native::{Fate, Reason};

use crate::libraries::{World, call, fixture};

#[test]
fn every_panic_of_a_handler_is_an_internal_error() {
    let world = World::new();
    let generation = world.load(&fixture("panics"), "").unwrap();
    assert!(generation.descriptor().flags.is_short());
    for (panics, method) in ["plainly", "later", "twice"].into_iter().enumerate() {
        assert_eq!(generation.panics(), u64::try_from(panics).unwrap());
        let error = call(&generation, method, "").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal, "{method}");
        assert_eq!(error.dispatched(), Dispatched::Yes, "{method}");
        let message = format!(
            "of plugin polywire-plugin {} failed unexpectedly; see the log",
            env!("CARGO_PKG_VERSION")
        );
        assert!(error.to_string().ends_with(&message), "{error}");
        call(&generation, "fine", "").unwrap();
    }
    // What a handler catches itself is its own affair.
    let (outcome, _) = call(&generation, "caught", "").unwrap();
    assert!(matches!(outcome, Outcome::Failed { .. }), "{outcome:?}");
    assert_eq!(generation.panics(), 3);
    drop(generation);
    assert_eq!(world.ended().fate, Fate::Unmapped);
    let lines = world.lines();
    for text in ["no pens", "no pens later", "something that is no text"] {
        let told = |line: &&String| line.contains("plugin panicked at ") && line.ends_with(text);
        assert!(lines.iter().any(|line| told(&line)), "{text}: {lines:#?}");
    }
}

#[test]
fn panics_before_and_after_are_contained_as_well() {
    let world = World::new();
    for step in ["init", "self_test"] {
        let error = world.load(&fixture("panics"), step).unwrap_err();
        let message = format!("failed in {step}: it panicked; see the log");
        assert!(error.to_string().ends_with(&message), "{error}");
        assert_eq!(world.ended().fate, Fate::Unmapped, "{step}");
    }
    let generation = world.load(&fixture("panics"), "quiesce").unwrap();
    drop(generation);
    assert_eq!(world.ended().fate, Fate::Retired(Reason::NotQuiesced));
}
