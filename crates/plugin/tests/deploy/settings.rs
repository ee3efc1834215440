//! What a plugin is configured with.

use std::fs;

use polywire_core::{ErrorKind, Kind};
use polywire_plugin::PluginConfig;

use crate::consumer::{Consumer, config, message};
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_of_its_name_is_what_a_plugin_is_configured_with() {
    let world = World::new();
    world.release("1.2.0", "1.2.0");
    let settings = world.path("settings");
    fs::create_dir(&settings).unwrap();
    let configured = |instance| PluginConfig {
        settings: Some(settings.clone()),
        ..config(&world, instance)
    };
    let asks = || message(Kind::Operation, "^1", "settings", b"");
    let without = Consumer::with(configured("without"));
    assert_eq!(without.call(asks()).await.unwrap().1, "");
    fs::write(settings.join("greeter"), "{\"paper\":\"blue\"}").unwrap();
    fs::write(settings.join("cashier"), "{}").unwrap();
    let with = Consumer::with(configured("with"));
    assert_eq!(with.call(asks()).await.unwrap().1, "{\"paper\":\"blue\"}");
    // A plugin may refuse what it is given.
    fs::write(settings.join("greeter"), "!").unwrap();
    let refused = Consumer::with(configured("refused"));
    let error = refused.call(asks()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        error.message(),
        "no plugin serves greeter.settings: release 1.2.0: plugin greeter 1.2.0 failed in init: this configuration is not for me"
    );
    // A file that is too large is not read.
    fs::write(settings.join("greeter"), vec![b' '; (1 << 20) + 1]).unwrap();
    let large = Consumer::with(configured("large"));
    let error = large.call(asks()).await.unwrap_err();
    let text = format!(
        "no plugin serves greeter.settings: release 1.2.0: settings {}: 1048577 bytes: at most 1048576 are read",
        settings.join("greeter").display()
    );
    assert_eq!(error.message(), text);
}
