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
    assert!(
        matches!(&config.repository, Repository::Folder(folder) if folder.as_path() == std::path::Path::new("conf/plugins")),
        "{config:?}"
    );
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

fn at(address: &str, text: &str) -> Result<PluginConfig, String> {
    read(&format!(
        "repository = \"{address}\"\nkeys = [\"{KEY}\"]\nstate = \"/var/lib/shop\"\n{text}"
    ))
}

fn http(config: &PluginConfig) -> &HttpRepository {
    match &config.repository {
        Repository::Http(http) => http,
        folder @ Repository::Folder(_) => panic!("{folder:?}"),
    }
}

#[test]
fn an_address_and_what_goes_with_it() {
    let config = at("https://plugins.example.com/repo/", "").unwrap();
    let found = http(&config);
    assert_eq!(found.url.to_string(), "https://plugins.example.com/repo");
    assert!(found.token.is_none() && found.ca.is_none());
    assert_eq!(found.timeout, Duration::from_secs(10));
    let config = at("http://127.0.0.1:80", "window = \"2s\"").unwrap();
    assert_eq!(http(&config).timeout, Duration::from_secs(1));
    let text = "timeout = \"3s\"\ntoken = \"hush\"\ntls = { ca = \"ca.pem\" }";
    let config = at("https://plugins.example.com", text).unwrap();
    let found = http(&config);
    assert_eq!(found.ca, Some(PathBuf::from("conf/ca.pem")));
    assert_eq!(found.token.as_ref().unwrap().expose(), "hush");
    assert_eq!(found.timeout, Duration::from_secs(3));
    assert!(!format!("{config:?}").contains("hush"));
    let config = at("http://10.0.0.1/repo", "allow_plaintext = true").unwrap();
    assert!(http(&config).allow_plaintext);
}

#[test]
fn addresses_that_cannot_be_used_say_what_could() {
    for (address, text, expected) in [
        (
            "ftp://x/repo",
            "",
            "\"ftp://x/repo\" begins with neither http:// nor https://: write one like",
        ),
        (
            "https:///repo",
            "",
            "write one like \"https://plugins.example.com/repository\", or a folder",
        ),
        (
            "https://u:hush@x/repo",
            "",
            "holds credentials, which would be printed in logs, where token is for them",
        ),
        ("https://x/repo?a=b", "", "has a '?'"),
        (
            "http://plugins.example.com/repo",
            "",
            "http://plugins.example.com/repo is beyond this machine, without TLS: write https://, or say allow_plaintext = true",
        ),
        (
            "http://127.0.0.1/repo",
            "tls = { ca = \"ca.pem\" }",
            "http://127.0.0.1/repo is without TLS: write https://, or remove tls.ca",
        ),
        (
            "https://x",
            "tls = { cert = \"x\" }",
            "unknown key \"cert\"",
        ),
        (
            "https://x",
            "token = \"hush hush\"",
            "a token is of visible ASCII characters, without spaces, and not empty",
        ),
        (
            "https://x",
            "window = \"9s\"\ntimeout = \"10s\"",
            "from 1ms to 9s",
        ),
        (
            "plugins",
            "token = \"hush\"",
            "is for a repository over HTTP, and repository is a folder",
        ),
        (
            "plugins",
            "tls = { ca = \"x\" }",
            "is for a repository over HTTP, and repository is a folder",
        ),
        (
            "plugins",
            "timeout = \"1s\"",
            "is for a repository over HTTP, and repository is a folder",
        ),
        (
            "plugins",
            "allow_plaintext = true",
            "is for a repository over HTTP, and repository is a folder",
        ),
    ] {
        let error = at(address, text).unwrap_err();
        assert!(error.contains(expected), "{address} {text}: {error}");
        assert!(!error.contains("hush"), "{error}");
    }
}
