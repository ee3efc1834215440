//! `need`: what a channel must be able to do, whatever transport it is on.

use polywire_core::config::Section;
use polywire_core::{Need, Support, Trust};

/// Reads a `need` table.
pub(super) fn read(section: &Section) -> Need {
    let verb = |key: &str| {
        section.one_of(key, &["native", "emulated"]).map(|word| {
            if word == "native" {
                Support::Native
            } else {
                Support::Emulated
            }
        })
    };
    let trust = section
        .one_of("trust", &["trusted", "untrusted"])
        .map(|word| {
            if word == "trusted" {
                Trust::Trusted
            } else {
                Trust::Untrusted
            }
        });
    let need = Need {
        trust,
        call: verb("call"),
        send: verb("send"),
        publish: verb("publish"),
        subscribe: verb("subscribe"),
        discover: section.bool("discover"),
        ordered_by_key: section.bool("ordered_by_key"),
        resume: section.bool("resume"),
        durable: section.bool("durable"),
        max_payload: section
            .size("max_payload", 1..=1 << 40)
            .map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX)),
    };
    section.finish();
    need
}
