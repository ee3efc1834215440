//! What users of the crate rely on: its types can be shared among tasks.

use polywire_webhook::guard::{ConnectError, GuardedConnector, Policy, SystemResolver, Target};
use polywire_webhook::inbox::{Inbox, InboxOptions, Member, Queue, Reader, Workers};
use polywire_webhook::record::{Delivery, Leased, NewDelivery, Settlement, Subscription};
use polywire_webhook::schedule::{Endpoint, Permit, RetryPlan};
use polywire_webhook::seal::{Keyring, SealingKey};
use polywire_webhook::server::{Notices, Publisher, Server, ServerOptions};
use polywire_webhook::signature::{Signer, SigningKey, Verifier, VerifyingKey};
use polywire_webhook::store::{
    PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store, Wakes,
};
use polywire_webhook::{Clock, ManualClock, SystemClock};

fn shared<T: Send + Sync + 'static + ?Sized>() {}

#[test]
fn types_are_shared_among_tasks() {
    shared::<(
        ConnectError,
        GuardedConnector,
        Policy,
        SystemResolver,
        Target,
    )>();
    shared::<(Delivery, Leased, NewDelivery, Settlement, Subscription)>();
    shared::<(Endpoint, Permit, RetryPlan)>();
    shared::<(Signer, SigningKey, Verifier, VerifyingKey)>();
    shared::<(
        PostgresOptions,
        PostgresStore,
        SqliteOptions,
        SqliteStore,
        Wakes,
    )>();
    shared::<(Keyring, SealingKey)>();
    shared::<(Inbox, InboxOptions, Member, Queue, Workers)>();
    shared::<dyn Reader>();
    shared::<(Publisher, Server, ServerOptions)>();
    shared::<dyn Notices>();
    shared::<(ManualClock, SystemClock)>();
    shared::<dyn Clock>();
    shared::<dyn Store>();
}
