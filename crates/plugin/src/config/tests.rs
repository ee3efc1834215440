use polywire_core::config::{Document, Environment};

use super::*;

const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

fn read(text: &str) -> Result<PluginConfig, String> {
    let text = format!("[transport.plugin]\n{text}\n");
    let document = Document::parse("conf/polywire.toml", &text, &Environment::new());
    let section = document
        .root()
        .section_or_empty("transport")
        .section_or_empty("plugin");
    let config = PluginConfig::read(&section, "shop-1".parse().unwrap());
    document.finish().map_err(|mistakes| mistakes.to_string())?;
    config.ok_or_else(|| "no config, and no mistake".to_owned())
}

fn with(text: &str) -> Result<PluginConfig, String> {
    read(&format!(
        "repository = \"plugins\"\nkeys = [\"{KEY}\"]\nstate = \"/var/lib/shop\"\n{text}"
    ))
}

#[test]
fn defaults_and_paths() {
    let config = with("").unwrap();
    assert_eq!(config.repository, PathBuf::from("conf/plugins"));
    assert_eq!(config.state, PathBuf::from("/var/lib/shop"));
    assert_eq!(config.window, Duration::from_secs(60));
    assert_eq!(config.proof, Proof::Write);
    assert_eq!(config.overrun, Overrun::Fence);
    assert_eq!(config.keys.ids().count(), 1);
    let orders = Name::from_static("orders");
    assert_eq!(config.plugin_of(&orders).unwrap().as_str(), "orders");
    assert_eq!(config.limits.max_answer, config.max_payload);
}

#[test]
fn everything_else() {
    let config = with(
        "window = \"5m\"\nproof = \"beacon\"\nclock_skew = \"9s\"\nplugins = [\"orders = shop-orders\"]\nbake = \"1s\"\nworkers = 4\nmax_payload = \"64 KiB\"\nsettings = \"plugin.d\"\nquiesce = \"2s\"\noverrun = \"abort\"\nmax_resident = 9\n",
    )
    .unwrap();
    let skew = Duration::from_secs(9);
    assert_eq!(config.proof, Proof::Beacon { skew });
    let orders = Name::from_static("orders");
    assert_eq!(config.plugin_of(&orders).unwrap().as_str(), "shop-orders");
    assert_eq!(config.settings, Some(PathBuf::from("conf/plugin.d")));
    assert_eq!((config.workers, config.max_payload), (4, 64 * 1024));
    assert_eq!(config.limits.max_answer, 64 * 1024);
    assert_eq!(config.limits.max_resident, 9);
    assert_eq!(config.limits.quiesce, Duration::from_secs(2));
    assert_eq!(config.bake, Duration::from_secs(1));
    assert_eq!(config.overrun, Overrun::Abort);
}

#[test]
fn mistakes_say_what_would_be_valid() {
    for (text, expected) in [
        ("window = \"10ms\"", "window"),
        ("proof = \"wirte\"", "write"),
        ("overrun = \"stop\"", "abort"),
        ("clock_skew = \"1s\"", "unknown key \"clock_skew\""),
        (
            "plugins = [\"orders\"]",
            "expected contract=plugin, such as orders=orders-core",
        ),
        ("plugins = [\"orders=../up\"]", "../up"),
        ("workers = 0", "workers"),
    ] {
        let error = with(text).unwrap_err();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let error = read("keys = [\"nonsense\"]").unwrap_err();
    for expected in ["repository", "state", "2:8: public key 1 is not valid"] {
        assert!(error.contains(expected), "{error}");
    }
    let error = read("").unwrap_err();
    assert!(error.contains("missing key \"keys\""), "{error}");
}
