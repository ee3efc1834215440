//! The provider's side: subscribing, the consent of sinks, publishing, and what time does to it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod asking;
mod changing;
mod consent;
#[path = "../support/database.rs"]
mod database;
mod deliveries;
mod faults;
mod hostile;
mod orders;
mod over_http;
mod publishing;
mod refusing;
mod retiring;
mod rotating;
mod sink;
mod subscribing;
mod transaction;
mod upgrading;
mod upkeep;
#[path = "../support/watched.rs"]
mod watched;
mod world;

/// Cases over both stores.
macro_rules! cases {
    ($name:ident, $open:path) => {
        mod $name {
            cases! { $name, $open:
                subscribing {
                    is_answered_listed_and_ended
                    is_carried_out_once_for_a_key
                }
                changing {
                    lets_one_of_two_updates_win
                }
                publishing {
                    reaches_who_subscribed_on_its_track
                    keeps_what_was_published_lately
                    is_known_to_another_process_soon
                }
                deliveries {
                    are_fetched_acknowledged_and_replayed
                }
                upgrading {
                    goes_by_a_shadow_and_back
                    loses_and_doubles_nothing_while_it_is_published_to
                }
                upkeep {
                    outlives_a_restart
                }
                retiring {
                    pauses_upgrades_and_drains_in_order
                }
            }
        }
    };
    ($name:ident, $open:path: $($module:ident { $($case:ident)* })*) => {
        $(mod $module {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let world = $open().await;
                let case = crate::$module::$case(&world);
                tokio::time::timeout(crate::world::SOON, case).await.expect("in time");
                world.close().await;
            })*
        })*
    };
}

cases!(in_sqlite, crate::world::sqlite);
cases!(in_postgres, crate::world::postgres);
