//! Releases that must not run, named by an index that is good: the old one serves on.

use std::fs;

use polywire_core::{Channel, Health};
use polywire_plugin::format::ReleaseId;
use polywire_plugin::trust::SigningKey;

use crate::consumer::Consumer;
use crate::support::overwrite;
use crate::world::{Build, World};

struct Victim {
    world: World,
    consumer: Consumer,
}

impl Victim {
    async fn new() -> Self {
        let world = World::new();
        world.release("1.2.0", "1.2.0");
        let consumer = Consumer::new(&world);
        consumer.until_greeted("^1.2", "1.2.0", "1.2.0").await;
        Self { world, consumer }
    }

    async fn serves_on(&self) {
        let answer = self.consumer.greet("^1.2").await.unwrap();
        assert_eq!(answer, ("1.2.0".to_owned(), "\"1.2.0\"".to_owned()));
    }

    /// Names a release, which is refused by this code with a text that begins and ends so.
    async fn refuses(&self, release: &ReleaseId, code: &str, (begin, end): (&str, &str)) {
        self.world.force(release, &self.world.repository().key());
        let (found, health) = self.consumer.refuses(&self.world, release).await;
        assert_eq!(found, code, "{health}");
        assert!(health.starts_with(begin), "{health}");
        assert!(health.ends_with(end), "{health}");
        self.serves_on().await;
    }

    /// A good release is taken after all that.
    async fn recovers(&self) {
        self.world.release("9.0.0", "1.9.0");
        self.consumer.until_greeted("^1.2", "1.9.0", "9.0.0").await;
        self.consumer
            .until_health(|health| *health == Health::Ready)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_release_that_is_not_what_was_signed_nothing_is_executed() {
    let victim = Victim::new().await;
    let world = &victim.world;
    let next = |version: &str| world.publish(&Build::new(version, "1.3.0"));
    let overwritten = next("2.0.0");
    let mut bytes = fs::read(world.artifact(&overwritten)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    overwrite(&world.artifact(&overwritten), &bytes);
    let texts = ("release 2.0.0: \"", "");
    victim.refuses(&overwritten, "digest", texts).await;
    let grown = next("2.0.1");
    bytes.push(0);
    overwrite(&world.artifact(&grown), &bytes);
    let texts = ("release 2.0.1: \"", " by the manifest");
    victim.refuses(&grown, "size", texts).await;
    let unsigned = next("2.0.2");
    let signature = |release| {
        let folder = world.repository().release_folder(release);
        folder.join("manifest.toml.minisig")
    };
    fs::remove_file(signature(&unsigned)).unwrap();
    let texts = ("release 2.0.2: \"", "minisig\" is not there");
    victim.refuses(&unsigned, "missing", texts).await;
    let (mixed, other) = (next("2.0.3"), next("2.0.4"));
    fs::copy(signature(&other), signature(&mixed)).unwrap();
    let texts = (
        "release 2.0.3: the signature of the manifest is refused: ",
        "",
    );
    victim.refuses(&mixed, "signature", texts).await;
    assert_eq!(world.started(), ["1.2.0"]);
    victim.recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_library_that_contradicts_its_manifest_is_not_called() {
    let victim = Victim::new().await;
    let world = &victim.world;
    let cases = [
        (
            Build::new("2.0.0", "1.3.0").text("NAME", "cashier"),
            "it is plugin \"cashier\", and its manifest says \"greeter\"",
        ),
        (
            Build::new("2.0.1", "1.3.0").text("RELEASE", "1.0.0"),
            "it is release 1.0.0, and its manifest says 2.0.1",
        ),
        (
            Build::new("2.0.2", "1.3.0").text("SEMVER", "1.4.0"),
            "it serves greeter 1.4.0, and its manifest says greeter 1.3.0",
        ),
        (
            Build::new("2.0.3", "1.3.0").with("FINGERPRINT=9"),
            "00), and its manifest says greeter 1.3.0 (sha256:0700000000000000000000000000000000000000000000000000000000000000)",
        ),
    ];
    for (number, (build, text)) in cases.into_iter().enumerate() {
        let release = world.publish(&build);
        let begin = format!("release 2.0.{number}: it ");
        victim
            .refuses(&release, "contradiction", (&begin, text))
            .await;
    }
    // One that states the digest of its manifest is taken.
    let good = world.publish(&Build::new("3.0.0", "1.3.0").with("FINGERPRINT=7"));
    world.deploy(&good);
    victim
        .consumer
        .until_greeted("^1.2", "1.3.0", "3.0.0")
        .await;
    victim.recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_does_not_start_is_not_served() {
    let victim = Victim::new().await;
    let world = &victim.world;
    let build = Build::new("2.0.0", "1.3.0").with("BAD_INIT");
    let text = "release 2.0.0: plugin greeter 2.0.0 failed in init: no paper";
    let release = world.publish(&build);
    victim.refuses(&release, "load", (text, text)).await;
    let build = Build::new("2.0.1", "1.3.0").with("BAD_SELF_TEST");
    let text = "release 2.0.1: plugin greeter 2.0.1 failed in self_test: no ink";
    let release = world.publish(&build);
    victim.refuses(&release, "load", (text, text)).await;
    let build = Build::new("2.0.2", "1.3.0").with("NO_SYMBOL");
    let end =
        " exports no polywire_plugin_v1: it is no plugin, or was built without export_plugin!";
    let release = world.publish(&build);
    victim
        .refuses(&release, "load", ("release 2.0.2: plugin ", end))
        .await;
    victim.recovers().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_that_is_forged_or_old_changes_nothing() {
    let victim = Victim::new().await;
    let world = &victim.world;
    let old = fs::read(world.index_file()).unwrap();
    let release = world.publish(&Build::new("2.0.0", "1.3.0"));
    let stranger = SigningKey::generate(None).unwrap().secret;
    world.force(&release, &SigningKey::open(&stranger, None).unwrap());
    let degraded = |text: &'static str| move |health: &Health| matches!(health, Health::Degraded(why) if why.contains(text));
    let consumer = &victim.consumer;
    consumer
        .until_health(degraded("the signature of the index is refused: "))
        .await;
    victim.serves_on().await;
    world.place(&old);
    consumer
        .until_health(|health| *health == Health::Ready)
        .await;
    assert_eq!(world.started(), ["1.2.0"]);
    world.deploy(&release);
    consumer.until_greeted("^1.2", "1.3.0", "2.0.0").await;
    let new = fs::read(world.index_file()).unwrap();
    world.place(&old);
    consumer
        .until_health(degraded("an index never goes back, deploy anew"))
        .await;
    let (_, body) = consumer.greet("^1.2").await.unwrap();
    assert_eq!(body, "\"2.0.0\"");
    assert_eq!(world.started(), ["1.2.0", "2.0.0"]);
    world.place(&new);
    consumer
        .until_health(|health| *health == Health::Ready)
        .await;
    assert_eq!(consumer.channel.health(), Health::Ready);
}
