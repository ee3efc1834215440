//! A consumer with a plugin transport of its own.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use polywire_contract::{Name, Requirement};
use polywire_core::{Channel, Error, Head, Health, Kind, Message, Result, Transport};
use polywire_plugin::fetch::Reader;
use polywire_plugin::format::{Ack, ReleaseId};
use polywire_plugin::host::{Deployment, HostConfig, Keeper, PluginHost};
use polywire_plugin::watch::Watch;
use polywire_plugin::window::{BootTime, ManualBootClock, Proof};
use polywire_plugin::{Hosts, PluginChannel, PluginConfig, PluginTransport};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::world::World;

/// How long a test waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The version that was spoken, and the body.
pub(crate) type Answer = Result<(String, String)>;

pub(crate) struct Consumer {
    /// What keeps its plugin current.
    kept: Kept,
    pub(crate) channel: Arc<PluginChannel>,
    instance: String,
}

enum Kept {
    Transport(PluginTransport),
    Alone {
        _keeper: Keeper,
        host: Arc<PluginHost>,
    },
}

/// The only host of a channel.
#[derive(Debug)]
struct Only(Arc<PluginHost>);

impl Hosts for Only {
    fn host(&self, _: &Name) -> Result<Arc<PluginHost>> {
        Ok(self.0.clone())
    }

    fn started(&self) -> Vec<Arc<PluginHost>> {
        vec![self.0.clone()]
    }
}

/// The deployment window of tests with a clock of their own, which stands until it is told otherwise.
pub(crate) const WINDOW: Duration = Duration::from_secs(60);
/// For how long those keep what was replaced.
pub(crate) const BAKE: Duration = Duration::from_secs(20);

pub(crate) fn config(world: &World, instance: &str) -> PluginConfig {
    PluginConfig::new(
        world.repository().root(),
        world.repository().trusted(),
        world.path("state"),
        instance.parse().unwrap(),
    )
}

impl Consumer {
    pub(crate) fn new(world: &World) -> Self {
        Self::with(config(world, "host"))
    }

    pub(crate) fn with(config: PluginConfig) -> Self {
        let instance = config.instance.to_string();
        let transport = PluginTransport::new(config, "process");
        Self {
            channel: transport.open(),
            kept: Kept::Transport(transport),
            instance,
        }
    }

    /// One whose time is the test's, and who looks all the time.
    pub(crate) fn clocked(world: &World) -> (Self, ManualBootClock) {
        Self::clocked_by(world, world.repository().reader())
    }

    pub(crate) fn clocked_by(world: &World, reader: Reader) -> (Self, ManualBootClock) {
        Self::clocked_at(world, &world.repository().root(), reader)
    }

    /// The same, who is hinted at changes in another folder.
    pub(crate) fn clocked_at(
        world: &World,
        hinted: &Path,
        reader: Reader,
    ) -> (Self, ManualBootClock) {
        let config = HostConfig::new(Name::from_static("greeter"));
        Self::kept(world, hinted, reader, config)
    }

    /// The same, with so many calls at once.
    pub(crate) fn clocked_with(world: &World, workers: usize) -> (Self, ManualBootClock) {
        let config = HostConfig {
            workers,
            ..HostConfig::new(Name::from_static("greeter"))
        };
        let repository = world.repository();
        Self::kept(world, &repository.root(), repository.reader(), config)
    }

    fn kept(
        world: &World,
        hinted: &Path,
        reader: Reader,
        config: HostConfig,
    ) -> (Self, ManualBootClock) {
        let clock = ManualBootClock::at(BootTime::after_start(WINDOW));
        let host = PluginHost::new(config).unwrap();
        let deployment = Deployment {
            plugin: world.repository().plugin.clone(),
            reader,
            watch: Watch::polling(hinted, Duration::from_millis(20)),
            window: WINDOW,
            proof: Proof::Write,
            instance: "host".parse().unwrap(),
            bake: BAKE,
            settings: None,
            clock: Arc::new(clock.clone()),
        };
        let keeper = Keeper::start(host.clone(), deployment).unwrap();
        let consumer = Self {
            channel: Arc::new(PluginChannel::new(Arc::new(Only(host.clone())), 1 << 20)),
            kept: Kept::Alone {
                _keeper: keeper,
                host,
            },
            instance: "host".to_owned(),
        };
        (consumer, clock)
    }

    pub(crate) fn transport(&self) -> &PluginTransport {
        match &self.kept {
            Kept::Transport(transport) => transport,
            Kept::Alone { .. } => panic!("it has no transport"),
        }
    }

    pub(crate) fn host(&self) -> &PluginHost {
        match &self.kept {
            Kept::Alone { host, .. } => host,
            Kept::Transport(_) => panic!("its transport has it"),
        }
    }

    /// Calls `greet`: the version that was spoken, and the answer.
    pub(crate) async fn greet(&self, require: &str) -> Result<(String, String)> {
        self.call(message(Kind::Operation, require, "greet", b"you"))
            .await
    }

    pub(crate) async fn call(&self, message: Message) -> Result<(String, String)> {
        call(&self.channel, message).await
    }

    pub(crate) async fn send(&self, require: &str, line: &str) {
        let line = format!("{line}\n");
        let message = message(Kind::Command, require, "mark", line.as_bytes());
        self.channel.send(message).await.unwrap();
    }

    /// Waits for an answer of a version of the contract by a release.
    pub(crate) async fn until_greeted(&self, require: &str, version: &str, release: &str) {
        let wanted = (version.to_owned(), format!("\"{release}\""));
        let end = Instant::now() + PATIENCE;
        loop {
            let answered = self.greet(require).await;
            if answered.as_ref().is_ok_and(|found| *found == wanted) {
                return;
            }
            assert!(
                Instant::now() < end,
                "{wanted:?} is wanted, and it answers {answered:?}, {:?}",
                self.channel.health()
            );
            sleep(PAUSE).await;
        }
    }

    /// Makes a call of what waits until it is let go, or its caller goes. Answers when it is in the plugin.
    pub(crate) async fn under_way(&self, world: &World, waits: Message) -> JoinHandle<Answer> {
        let before = world.lines("marks").len();
        let channel = self.channel.clone();
        let under_way = tokio::spawn(async move { call(&channel, waits).await });
        let entered = || (world.lines("marks").len() > before).then_some(());
        until("a call under way", entered).await;
        under_way
    }

    /// Waits until calls are refused. Answers the error of the first.
    pub(crate) async fn until_refused(&self, require: &str) -> Error {
        let end = Instant::now() + PATIENCE;
        loop {
            match self.greet(require).await {
                Err(error) => return error,
                Ok(answer) => assert!(Instant::now() < end, "it still answers {answer:?}"),
            }
            sleep(PAUSE).await;
        }
    }

    /// Waits for an acknowledgement. Answers it.
    pub(crate) async fn acknowledged(
        &self,
        world: &World,
        what: &str,
        fits: impl Fn(&Ack) -> bool,
    ) -> Ack {
        let end = Instant::now() + PATIENCE;
        loop {
            let ack = world.ack(&self.instance);
            if let Some(ack) = ack.as_ref().filter(|ack| fits(ack)) {
                return ack.clone();
            }
            assert!(
                Instant::now() < end,
                "no acknowledgement with {what}: {ack:#?}"
            );
            sleep(PAUSE).await;
        }
    }

    /// Waits until the acknowledgement says that a release is refused: with which code, and what health says then.
    pub(crate) async fn refuses(&self, world: &World, release: &ReleaseId) -> (String, String) {
        let about = |ack: &Ack| {
            let error = ack.error.as_ref();
            error.is_some_and(|error| error.release.as_ref() == Some(release))
        };
        let ack = self.acknowledged(world, "an error", about).await;
        let code = ack.error.unwrap().code;
        match self.channel.health() {
            Health::Degraded(text) => (code, text),
            other => panic!("{code}, and health is {other:?}"),
        }
    }

    /// Lets half a window pass and has the repository looked at: what was under way before is done, and so is one contact since.
    pub(crate) async fn looks(&self, world: &World, clock: &ManualBootClock) {
        for _ in 0..2 {
            let before = world.ack(&self.instance).map_or(0, |ack| ack.beat);
            clock.advance(WINDOW / 4);
            self.acknowledged(world, "another beat", |ack| ack.beat > before)
                .await;
        }
    }

    pub(crate) async fn until_health(&self, wanted: impl Fn(&Health) -> bool) -> Health {
        until("another health", || {
            let health = self.channel.health();
            wanted(&health).then_some(health)
        })
        .await
    }

    pub(crate) async fn close(&self) {
        timeout(PATIENCE, self.transport().close())
            .await
            .unwrap()
            .unwrap();
    }
}

const PAUSE: Duration = Duration::from_millis(5);

/// Looks again and again, until there is what is waited for.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        sleep(PAUSE).await;
    }
}

/// A call without a deadline is given up in the end.
pub(crate) async fn call(channel: &PluginChannel, message: Message) -> Answer {
    let reply = timeout(PATIENCE, channel.call(message)).await.unwrap()?;
    let body = String::from_utf8(reply.body.to_vec()).unwrap();
    Ok((reply.stamp.version.to_string(), body))
}

/// A message that has as much time as a test.
pub(crate) fn message(kind: Kind, require: &str, name: &'static str, body: &[u8]) -> Message {
    let contract = Name::from_static("greeter");
    let requirement = Requirement::parse_list(contract.clone(), require).unwrap();
    let mut head = Head::new(kind, contract, Name::from_static(name));
    head.requirement = Some(requirement);
    head.deadline = Some(Instant::now() + PATIENCE);
    Message::new(head, Bytes::copy_from_slice(body))
}
