//! Whatever takes long, in the repository or in a library, nobody else waits for it.

use std::fs;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use polywire_core::{Channel, ErrorKind, Health};
use polywire_plugin::Refusal;
use polywire_plugin::fetch::{Fetcher, FolderFetcher, ManifestFiles, Reader, ReaderConfig, Source};
use polywire_plugin::format::{Ack, ArtifactPath, InstanceId, PluginName, ReleaseId};
use polywire_plugin::window::ManualBootClock;

use crate::consumer::{BAKE, Consumer, until};
use crate::world::{Build, World};

/// Everything that a consumer does while something takes long.
async fn goes_on(world: &World, consumer: &Consumer) {
    let marks = world.lines("marks").len();
    let answer = consumer.greet("^1.2").await.unwrap();
    assert_eq!(answer, ("1.2.0".to_owned(), "\"1.2.0\"".to_owned()));
    // A requirement that nobody had before, too.
    consumer.greet("^1.1").await.unwrap();
    let error = consumer.greet("^7").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoMatch);
    assert_eq!(consumer.channel.health(), Health::Ready);
    let contract = polywire_contract::Name::from_static("greeter");
    consumer.channel.discover(&contract).await.unwrap();
    consumer.send("^1.2", "meanwhile").await;
    let marked = || (world.lines("marks").len() > marks).then_some(());
    until("the command", marked).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_library_that_starts_slowly_keeps_nobody() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let consumer = Consumer::new(&world);
    consumer.until_greeted("^1.2", "1.2.0", "1.2.0").await;
    let slow = world.publish(&Build::new("1.3.0", "1.3.0").with("SLOW_INIT"));
    world.deploy(&slow);
    let starts = || (world.started() == ["1.2.0", "1.3.0"]).then_some(());
    until("the slow one to start", starts).await;
    goes_on(&world, &consumer).await;
    fs::write(world.path("hold"), "").unwrap();
    consumer.until_greeted("^1.2", "1.3.0", "1.3.0").await;
}

/// A folder that answers when it is let.
#[derive(Debug)]
struct Slow {
    folder: FolderFetcher,
    gate: Arc<Gate>,
}

#[derive(Debug, Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    shut: bool,
    waiting: u32,
    passed: u32,
}

impl Gate {
    fn shut(&self, shut: bool) {
        self.state.lock().shut = shut;
        self.changed.notify_all();
    }

    fn waiting(&self) -> u32 {
        self.state.lock().waiting
    }

    fn passed(&self) -> u32 {
        self.state.lock().passed
    }

    fn pass(&self) {
        let mut state = self.state.lock();
        state.waiting += 1;
        self.changed.wait_while(&mut state, |state| state.shut);
        state.waiting -= 1;
        state.passed += 1;
    }
}

impl Fetcher for Slow {
    fn describe(&self) -> String {
        self.folder.describe()
    }

    fn index(&self, plugin: &PluginName) -> Result<Vec<u8>, Refusal> {
        self.gate.pass();
        self.folder.index(plugin)
    }

    fn beacon(&self, plugin: &PluginName) -> Result<Vec<u8>, Refusal> {
        self.gate.pass();
        self.folder.beacon(plugin)
    }

    fn manifest(&self, plugin: &PluginName, release: &ReleaseId) -> Result<ManifestFiles, Refusal> {
        self.gate.pass();
        self.folder.manifest(plugin, release)
    }

    fn artifact(
        &self,
        plugin: &PluginName,
        release: &ReleaseId,
        file: &ArtifactPath,
    ) -> Result<Source, Refusal> {
        self.gate.pass();
        self.folder.artifact(plugin, release, file)
    }

    fn acknowledge(&self, ack: &Ack) -> Result<(), Refusal> {
        self.gate.pass();
        self.folder.acknowledge(ack)
    }

    fn leave(&self, plugin: &PluginName, instance: &InstanceId) -> Result<(), Refusal> {
        self.folder.leave(plugin, instance)
    }
}

/// A consumer that is served, and the gate of its repository.
async fn slow(world: &World) -> (Consumer, Arc<Gate>, ManualBootClock) {
    world.release("1.2.0", "1.2.0");
    let gate = Arc::new(Gate::default());
    let reader = Reader::new(ReaderConfig {
        fetcher: Arc::new(Slow {
            folder: FolderFetcher::new(&world.repository().root()),
            gate: gate.clone(),
        }),
        ..world.repository().reading(None)
    });
    let (consumer, clock) = Consumer::clocked_by(world, reader);
    consumer.until_greeted("^1.2", "1.2.0", "1.2.0").await;
    (consumer, gate, clock)
}

async fn shut(gate: &Gate) {
    gate.shut(true);
    let waits = || (gate.waiting() > 0).then_some(());
    until("a look that gets no answer", waits).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_that_does_not_answer_keeps_nobody() {
    let world = World::new();
    let (consumer, gate, _clock) = slow(&world).await;
    shut(&gate).await;
    goes_on(&world, &consumer).await;
    assert_eq!(gate.waiting(), 1);
    gate.shut(false);
    world.release("1.3.0", "1.3.0");
    consumer.until_greeted("^1.2", "1.3.0", "1.3.0").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_closed_amid_a_look_loads_nothing_again() {
    let world = World::new();
    let (consumer, gate, _clock) = slow(&world).await;
    shut(&gate).await;
    consumer.host().close();
    let passed = gate.passed();
    gate.shut(false);
    // The look that was under way is over when the next one but one begins.
    let looked = || (gate.passed() > passed + 2).then_some(());
    until("two looks more", looked).await;
    assert_eq!(world.started(), ["1.2.0"]);
    let error = consumer.greet("^1.2").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_failed_before_it_had_proved_itself_is_left_by_a_look_that_comes_late() {
    let world = World::new();
    let (consumer, gate, clock) = slow(&world).await;
    let bad = world.publish(&Build::new("1.3.0", "1.3.0").with("PANICS"));
    world.deploy(&bad);
    let runs = |ack: &Ack| ack.running.get(&1) == Some(&bad);
    consumer.acknowledged(&world, "the release", runs).await;
    shut(&gate).await;
    for _ in 0..3 {
        let error = consumer.greet("^1.2").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
    }
    clock.advance(BAKE);
    gate.shut(false);
    consumer.until_greeted("^1.2", "1.2.0", "1.2.0").await;
}
