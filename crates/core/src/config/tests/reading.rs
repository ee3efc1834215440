use super::{environment, parse, seconds, wrong};
use crate::config::{Document, Environment, Mistakes, Origin, Secret, Section};
use std::path::Path;

#[test]
fn each_type_is_read() {
    let text = r#"
[service]
name = "storefront"
text = "any text"
yes = true
number = -5
time = "1m30s"
bytes = 512
size = "64KiB"
one = "^1.2, <1.4"
many = ["^2.0", "^1.2"]
word = "memory"
token = "hunter2"
relative = "tls/cert.pem"
absolute = "/etc/cert.pem"
address = "127.0.0.1:7411"
ratio = "0.5"
"#;
    let document = Document::parse("etc/polywire.toml", text, &Environment::new());
    let section = document.root().section_or_empty("service");
    assert_eq!(section.identifier("name").as_deref(), Some("storefront"));
    assert_eq!(section.string("text").as_deref(), Some("any text"));
    assert_eq!(section.bool("yes"), Some(true));
    assert_eq!(section.integer("number", -5..=5), Some(-5_i8));
    assert_eq!(
        section.duration("time", seconds(0)..=seconds(90)),
        Some(seconds(90))
    );
    assert_eq!(section.size("bytes", 512..=512), Some(512));
    assert_eq!(section.size("size", 0..=u64::MAX), Some(65_536));
    assert_eq!(section.list("one"), Some(vec!["^1.2, <1.4".to_owned()]));
    assert_eq!(
        section.list("many"),
        Some(vec!["^2.0".to_owned(), "^1.2".to_owned()])
    );
    assert_eq!(section.one_of("word", &["http", "memory"]), Some("memory"));
    let token = section.secret("token");
    assert_eq!(token.as_ref().map(Secret::expose), Some("hunter2"));
    assert_eq!(
        section.path("relative").as_deref(),
        Some(Path::new("etc/tls/cert.pem"))
    );
    assert_eq!(
        section.path("absolute").as_deref(),
        Some(Path::new("/etc/cert.pem"))
    );
    assert_eq!(section.address("address"), "127.0.0.1:7411".parse().ok());
    assert_eq!(section.parse("ratio", "a number"), Some(0.5));
    assert_eq!(section.string("absent"), None);
    section.finish();
    assert_eq!(document.finish(), Ok(()));
}

#[test]
fn tables_come_in_the_order_of_the_file() {
    let document = parse("[channel.zebra]\n[channel.ant]\n[channel]\nmoth.a = 1\n");
    let names: Vec<_> = document
        .root()
        .section_or_empty("channel")
        .sections()
        .iter()
        .map(Section::dotted_name)
        .collect();
    assert_eq!(names, ["channel.zebra", "channel.ant", "channel.moth"]);
}

#[test]
fn an_inline_table_is_a_section() {
    let document = parse("[channel.orders]\nneed = { trust = \"untrusted\" }\n");
    let orders = document
        .root()
        .section_or_empty("channel")
        .section_or_empty("orders");
    let need = orders.section("need");
    assert_eq!(
        need.and_then(|need| need.string("trust")).as_deref(),
        Some("untrusted")
    );
    assert!(orders.section("other").is_none());
    assert!(!orders.section_or_empty("other").exists());
}

#[test]
fn a_value_knows_where_it_comes_from() {
    let document = Document::parse(
        "polywire.toml",
        "[service]\nname = \"shop\"\nzone = \"a\"\n",
        &environment(&[("POLYWIRE_SERVICE_ZONE", "b")]),
    );
    let service = document.root().section_or_empty("service");
    let place = |key| service.origin(key).map(|origin| origin.to_string());
    assert_eq!(place("name").as_deref(), Some("polywire.toml:2:8"));
    assert_eq!(place("zone").as_deref(), Some("POLYWIRE_SERVICE_ZONE"));
    assert_eq!(place("absent"), None);
    assert_eq!(
        service.origin("zone"),
        Some(Origin::Variable("POLYWIRE_SERVICE_ZONE".into()))
    );
}

#[test]
fn references_are_replaced() {
    let text = r#"
[transport.http]
url = "http://${HOST}:${PORT:-7411}/$${x}"
connections = "${CONNECTIONS}"
compress = "${COMPRESS:-true}"
hosts = "${HOSTS}"
"#;
    let environment = environment(&[("HOST", "shop"), ("CONNECTIONS", "8"), ("HOSTS", "a, b")]);
    let document = Document::parse("polywire.toml", text, &environment);
    let http = document
        .root()
        .section_or_empty("transport")
        .section_or_empty("http");
    assert_eq!(http.string("url").as_deref(), Some("http://shop:7411/${x}"));
    assert_eq!(http.integer("connections", 1..=64), Some(8));
    assert_eq!(http.bool("compress"), Some(true));
    assert_eq!(
        http.list("hosts"),
        Some(vec!["a".to_owned(), "b".to_owned()])
    );
    assert_eq!(document.finish(), Ok(()));
}

#[test]
fn several_readers_share_a_table() {
    let document = parse("[transport.http]\ntype = \"http\"\nurl = \"x\"\n");
    let table = || {
        document
            .root()
            .section_or_empty("transport")
            .section_or_empty("http")
    };
    let one = table();
    one.string("type");
    one.finish();
    let other = table();
    other.string("url");
    other.finish();
    assert_eq!(document.finish(), Ok(()));
}

#[test]
fn a_file_is_loaded_and_its_folder_known() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("polywire.toml");
    std::fs::write(&file, "\u{feff}[transport.http.tls]\ncert = \"cert.pem\"\n").unwrap();
    let document = Document::load_with(&file, &Environment::new()).unwrap();
    assert_eq!(wrong(&document), "");
    let tls = document
        .root()
        .section_or_empty("transport")
        .section_or_empty("http")
        .section_or_empty("tls");
    assert_eq!(tls.path("cert"), Some(folder.path().join("cert.pem")));
}

#[test]
fn an_unreadable_file_is_told_about() {
    let folder = tempfile::tempdir().unwrap();
    let told = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        let mistakes = Document::load_with(&file, &Environment::new()).unwrap_err();
        mistakes
            .to_string()
            .replace(&folder.path().display().to_string(), "etc")
    };
    assert_eq!(
        told("a.toml", b"[service]\nname = \"\xff\"\n"),
        "etc/a.toml:2:9: byte 0xff is not valid UTF-8: save the file as UTF-8"
    );
    assert_eq!(
        told("b.toml", b"\xff\xfea\0"),
        "etc/b.toml: is written in UTF-16: save it as UTF-8"
    );
    assert_eq!(
        told("c.toml", &vec![b' '; (1 << 20) + 1]),
        "etc/c.toml: 1048577 bytes or more are too large for a config file: at most 1048576 bytes"
    );
}

#[test]
fn a_missing_file_says_what_one_looks_like() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("polywire.toml");
    let message = Document::load_with(&file, &Environment::new())
        .unwrap_err()
        .to_string();
    let start = format!("{}: no such file: write one like:\n", file.display());
    let example = message.strip_prefix(&start).unwrap();
    assert_eq!(example.lines().count(), 6);
    assert_eq!(wrong(&parse(example)), "");

    let relative = Document::load_with("no/such.toml", &Environment::new())
        .unwrap_err()
        .to_string();
    let here = std::env::current_dir().unwrap();
    let start = format!(
        "no/such.toml: no such file in {}: write one like:\n",
        here.display()
    );
    assert!(relative.starts_with(&start), "{relative}");
}

#[test]
fn a_finished_document_is_freed() {
    let document = parse("[service]\nname = \"shop\"\n");
    assert_eq!(wrong(&document), "");
    let shared = std::sync::Arc::downgrade(&document.shared);
    drop(document);
    assert_eq!(shared.strong_count(), 0);
}

#[test]
fn handles_cross_threads_and_debug_shows_no_value() {
    fn crosses<T: Send + Sync + 'static>() {}
    crosses::<Document>();
    crosses::<Section>();
    crosses::<Mistakes>();
    crosses::<Environment>();

    let environment = environment(&[("POLYWIRE_SERVICE_NAME", "hunter2")]);
    let document = Document::parse(
        "polywire.toml",
        "[service]\ntoken = \"hunter2\"\n",
        &environment,
    );
    let section = document.root().section_or_empty("service");
    let shown = format!("{document:?} {section:?} {environment:?}");
    assert_eq!(
        shown,
        "Document { file: \"polywire.toml\", .. } Section { name: \"service\", keys: [\"token\"], .. } {\"POLYWIRE_SERVICE_NAME\"}"
    );
}
