//! A consumer of the repository in this process: it reads, verifies and acknowledges, as every consumer does.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use parking_lot::Mutex;
use polywire::plugin::fetch::{Cache, FolderFetcher, Reader, ReaderConfig};
use polywire::plugin::format::{AckError, Index, Platform, ReleaseId};
use polywire::plugin::trust::{SeenStore, TrustedKeys};
use polywire::plugin::window::{Contact, Proof, SystemBootClock, Window};

use crate::world::{SOON, World};

/// The time between two contacts.
const PAUSE: Duration = Duration::from_millis(50);

/// A consumer that follows until it is stopped, and has acknowledged what is deployed; it may have a release that it cannot load.
pub(crate) struct Consumer {
    stop: Option<Sender<bool>>,
    running: Option<JoinHandle<()>>,
}

impl Consumer {
    pub(crate) fn start(world: &World, instance: &str, unfit: Option<&ReleaseId>) -> Self {
        let own = world.path().join(instance);
        let reader = Reader::new(ReaderConfig {
            fetcher: Arc::new(FolderFetcher::new(&world.repository())),
            keys: TrustedKeys::parse([&world.public]).unwrap(),
            seen: SeenStore::open(&own.join("seen")).unwrap(),
            cache: Cache::open(&own.join("cache")).unwrap(),
            repository: None,
            platform: Platform::here(),
            abi: vec![1],
        });
        let clock = Arc::new(SystemBootClock);
        let length = Duration::from_secs(1);
        let window = Window::new("test", &world.plugin(), length, clock).unwrap();
        let name = instance.parse().unwrap();
        let contact = Contact::new(reader.clone(), world.plugin(), name, Proof::Write);
        let (stop, stopped) = channel();
        let (ready, known) = channel();
        let unfit = unfit.cloned();
        let running = thread::spawn(move || {
            let window = Mutex::new(window);
            let mut contact = contact;
            loop {
                let index = contact.make(&window).unwrap();
                follow(&reader, &mut contact, &index, unfit.as_ref());
                // What runs now is told at once.
                contact.make(&window).unwrap();
                let _ = ready.send(());
                match stopped.recv_timeout(PAUSE) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(true) => return contact.leave().unwrap(),
                    _ => return,
                }
            }
        });
        let consumer = Self {
            stop: Some(stop),
            running: Some(running),
        };
        known.recv_timeout(SOON).unwrap();
        consumer
    }

    /// Ends it in order.
    pub(crate) fn leave(mut self) {
        self.end(true);
    }

    /// Ends it as when its machine lost its power.
    pub(crate) fn vanish(mut self) {
        self.end(false);
    }

    fn end(&mut self, leave: bool) {
        let _ = self.stop.take().unwrap().send(leave);
        self.running.take().unwrap().join().unwrap();
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // Its thread ends when nobody can tell it anything any more.
        self.stop = None;
        if let Some(running) = self.running.take() {
            let _ = running.join();
        }
    }
}

/// Takes over what an index names.
fn follow(reader: &Reader, contact: &mut Contact, index: &Index, unfit: Option<&ReleaseId>) {
    let ack = contact.ack().unwrap();
    ack.error = None;
    for (major, release) in &index.majors {
        let manifest = reader.manifest(index, release).unwrap();
        reader.cached(&manifest).unwrap();
        if Some(release) == unfit {
            let error = AckError::new(Some(release.clone()), "init", "no such \u{1b}[2Jdatabase");
            ack.error = Some(error);
        } else {
            ack.running.insert(*major, release.clone());
        }
    }
    ack.running
        .retain(|major, _| index.majors.contains_key(major));
}
