//! What every store does, over each of them, and what only one of them does.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "../support/database.rs"]
mod database;
mod postgres;
mod schemas;
mod sqlite;
mod suite;
mod world;

/// Every case of the suite, over one store.
macro_rules! cases {
    ($open:path: $($module:ident { $($case:ident)* })*) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let world = $open().await;
                let case = crate::suite::$module::$case(&world);
                tokio::time::timeout(crate::world::SOON, case).await.expect("in time");
            })*
        })*
    };
}

macro_rules! over {
    ($name:ident, $open:path) => {
        mod $name {
            cases! { $open:
                subscriptions {
                    are_kept_and_changed_by_revision
                    are_listed_by_tenant_and_contract
                    go_with_everything_that_is_theirs
                    have_bounds
                    are_counted_and_known_to_have_changed
                }
                once {
                    creates_one_for_a_key_and_keeps_its_answer
                    lets_one_of_many_at_once_create
                    makes_no_more_at_once_than_there_is_room_for
                    forgets_after_its_time
                }
                acknowledging {
                    finishes_what_was_fetched
                    voids_claims_and_readies_the_next_of_a_key
                }
                enqueueing {
                    numbers_without_gaps_and_recognises_duplicates
                    writes_the_number_into_the_body
                    is_all_or_nothing_for_many_at_once
                    parks_one_that_nobody_is_given
                    keeps_one_of_many_alike
                    has_bounds
                }
                leasing {
                    gives_what_is_due_the_longest_due_first
                    passes_over_what_must_not_be_delivered
                    gives_of_those_alone_that_are_named
                    lets_no_backlog_hide_another_subscription
                    gives_again_what_was_not_settled_and_fences_the_first
                    is_prolonged
                }
                sharing {
                    gives_each_delivery_to_one_worker
                    wakes_who_waits
                }
                settling {
                    does_as_the_fate_says
                    notes_attempts
                    keeps_the_order_of_a_key_and_holds_up_no_other
                    never_forgets_one_that_waits
                }
                model {
                    behaves_as_its_model
                }
                keeping {
                    replays_one_a_range_and_since_a_time
                    replays_in_order_and_in_pages
                    discards_what_is_finished
                    sweeps_what_is_old
                    finishes_what_was_asked_for
                    is_closed_and_opened_again
                }
                counting {
                    counts_what_is_there
                }
            }
        }
    };
}

over!(in_sqlite, crate::sqlite::world);
over!(in_postgres, crate::postgres::world);
over!(in_another_schema, crate::schemas::world);
