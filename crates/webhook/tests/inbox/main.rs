//! What an inbox does, over every store.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "../support/database.rs"]
mod database;
#[path = "../support/outage.rs"]
mod outage;
mod service;
mod stores;
mod suite;
#[path = "../support/watched.rs"]
mod watched;
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
                queues {
                    are_opened_by_several_at_once
                    take_new_terms_but_no_other_contract
                    go_with_all_they_keep
                }
                putting {
                    recognises_duplicates_and_conflicts
                    is_refused_at_the_bounds_of_a_queue
                    is_refused_when_letters_pile_up
                    sees_what_others_have_put_and_settled
                    takes_only_what_can_be_named
                    parks_what_no_member_takes
                }
                verdicts {
                    an_acknowledged_message_does_not_come_again
                    a_retry_is_counted_and_waits
                    the_last_attempt_is_dead
                    what_is_rejected_or_parked_is_set_aside
                    what_is_dropped_returns_at_once_until_it_is_dead
                    what_cannot_be_read_is_set_aside
                    many_are_settled_at_once
                }
                members {
                    hold_no_more_than_their_prefetch
                    take_turns
                    leave_what_they_have_not_taken_to_others
                    keep_the_order_of_a_key
                    of_two_queues_do_not_hold_each_other_up
                }
                letters {
                    are_listed_oldest_first
                    are_replayed_with_a_fresh_count
                    are_not_replayed_into_a_full_queue
                    are_discarded_for_good
                    show_what_cannot_be_read
                }
                processes {
                    share_a_queue
                    lose_nothing_by_a_restart
                    take_over_from_one_that_died
                    hold_on_for_as_long_as_a_member_holds
                    set_aside_what_nobody_ever_settles
                    leave_nothing_behind_when_all_is_dropped
                    remove_what_is_old
                }
                ending {
                    draining_ends_members_and_settles_what_they_hold
                    closing_ends_who_waits_and_gives_back_what_is_held
                    closing_twice_is_closing_once
                }
                commands {
                    run_on_behalf_of_their_callers
                    are_retried_and_set_aside
                    wait_for_a_service_that_has_their_version
                    are_finished_before_the_end
                    are_left_to_the_next_when_stopped
                }
                outages {
                    are_waited_for_longer_each_time
                    are_waited_for_by_a_drain
                    leave_to_others_what_no_member_has_taken
                    are_not_needed_to_know_when_a_retry_is_due
                    let_nobody_count_what_came_back_before_a_replay
                }
                load {
                    five_thousand_events_for_fifty_members
                    a_thousand_commands
                }
            }
        }
    };
}

over!(in_sqlite, crate::stores::sqlite);
over!(in_postgres, crate::stores::postgres);
