//! What may cross threads.

use polywire_plugin::fetch::{Cache, FolderFetcher, Reader};
use polywire_plugin::publish::{Inspector, PublishError, Publisher};
use polywire_plugin::trust::{SeenStore, SigningKey, TrustedKeys};
use polywire_plugin::watch::{Stopper, Watch};
use polywire_plugin::window::{Contact, Gate, Window};
use polywire_plugin::{DiskError, Refusal};

fn shared<T: Send + Sync + 'static>() {}
fn moved<T: Send + 'static>() {}

#[test]
fn everything_is_shared_but_a_watch_which_is_moved() {
    shared::<(
        Publisher,
        Inspector,
        PublishError,
        Reader,
        FolderFetcher,
        Cache,
    )>();
    shared::<(SigningKey, TrustedKeys, SeenStore, DiskError, Refusal)>();
    shared::<(Window, Gate, Contact, Stopper)>();
    moved::<Watch>();
}
