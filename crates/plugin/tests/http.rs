//! A repository behind a web server: what is fetched, what is sent, and whose word counts.
#![allow(clippy::unwrap_used)]

mod support;
mod web;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use polywire_core::ErrorKind;
use polywire_core::config::Secret;
use polywire_plugin::Refusal;
use polywire_plugin::fetch::{HttpFetcher, HttpRepository, Reader};
use polywire_plugin::format::Ack;
use support::{World, library, names, one};
use web::{Authority, Fault, Web};

/// A consumer as after a restart, who reaches the repository so.
fn reader(world: &World, http: &HttpRepository) -> Reader {
    let mut config = world.reading(None);
    config.fetcher = Arc::new(HttpFetcher::new(http).unwrap());
    Reader::new(config)
}

fn text(refusal: &Refusal) -> String {
    assert_eq!(refusal.code(), "unreachable", "{refusal}");
    refusal.to_string()
}

#[test]
fn what_has_not_changed_is_not_sent_again() {
    let (world, release) = one();
    let web = Web::new(&world.root());
    let reader = reader(&world, &web.repository());
    assert_eq!(reader.fetcher().describe(), web.url());
    assert_eq!(library(&reader, &world.plugin).unwrap(), b"a library");
    assert_eq!(names(&world.cache()).len(), 1);
    for part in ["manifest.toml", "manifest.toml.minisig"] {
        let below = format!("releases/orders/{release}/{part}");
        assert!(web.count("GET", &below, 200) > 0, "{part}");
    }
    for _ in 0..3 {
        assert_eq!(reader.index(&world.plugin).unwrap().seq, 1);
    }
    let index = |status| web.count("GET", "index/orders.json", status);
    assert_eq!((index(200), index(304)), (1, 3));
    world.deploy(&release);
    assert_eq!(reader.index(&world.plugin).unwrap().seq, 2);
    assert_eq!((index(200), index(304)), (2, 3));
}

#[test]
fn a_contact_does_not_believe_a_tag() {
    let (world, release) = one();
    let web = Web::new(&world.root());
    let reader = reader(&world, &web.repository());
    // As of a server whose tags are times in seconds.
    web.fault("index/", Fault::OneTag(Duration::from_secs(3600)));
    let index = reader.index(&world.plugin).unwrap();
    world.deploy(&release);
    assert_eq!(reader.index(&world.plugin).unwrap().seq, 1);
    let ack = Ack::new(
        index.repository.clone(),
        world.plugin.clone(),
        "host".parse().unwrap(),
    );
    reader.fetcher().acknowledge(&ack).unwrap();
    assert_eq!(reader.index(&world.plugin).unwrap().seq, 2);
    world.deploy(&release);
    assert_eq!(reader.index(&world.plugin).unwrap().seq, 2);
    world.publisher().beacon(&world.plugin).unwrap();
    reader.fetcher().beacon(&world.plugin).unwrap();
    assert_eq!(reader.index(&world.plugin).unwrap().seq, 3);
}

#[test]
fn a_tag_of_what_was_written_a_moment_ago_is_not_believed() {
    let (world, release) = one();
    let web = Web::new(&world.root());
    let reader = reader(&world, &web.repository());
    web.fault("index/", Fault::OneTag(Duration::ZERO));
    for seq in 1..=5 {
        assert_eq!(reader.index(&world.plugin).unwrap().seq, seq);
        world.deploy(&release);
    }
    assert_eq!(web.count("GET", "index/", 304), 0);
}

#[test]
fn acknowledgements_are_put_and_taken_back() {
    let (world, _) = one();
    let web = Web::new(&world.root());
    let reader = reader(&world, &web.repository());
    let id = reader.index(&world.plugin).unwrap().repository;
    let mut ack = Ack::new(id, world.plugin.clone(), "host".parse().unwrap());
    let written = world.root().join("acks/orders/host.json");
    for beat in 1..=2 {
        ack.beat = beat;
        reader.fetcher().acknowledge(&ack).unwrap();
        assert_eq!(Ack::parse(&fs::read(&written).unwrap()).unwrap(), ack);
    }
    for _ in 0..2 {
        reader
            .fetcher()
            .leave(&world.plugin, &ack.instance)
            .unwrap();
        assert!(!written.exists());
    }
    assert_eq!(web.count("DELETE", "acks/orders/host.json", 404), 1);
    // Taken is not yet kept.
    web.fault("acks/", Fault::Status(202));
    let refusal = reader.fetcher().acknowledge(&ack).unwrap_err();
    let end = "the server answered 202 Accepted: 200, 201 or 204 would say that the acknowledgement is kept: may the server write to that folder?";
    assert!(text(&refusal).ends_with(end), "{refusal}");
}

#[test]
fn a_server_that_is_read_alone_says_what_to_set() {
    let (world, _) = one();
    let web = Web::read_only(&world.root());
    let reader = reader(&world, &web.repository());
    let id = reader.index(&world.plugin).unwrap().repository;
    let ack = Ack::new(id, world.plugin.clone(), "host".parse().unwrap());
    let refusal = reader.fetcher().acknowledge(&ack).unwrap_err();
    let wanted = format!(
        "\"{}/acks/orders/host.json\" cannot be reached: the server answered 405 Method Not Allowed: have the server take PUT \
         and DELETE below acks/, or set proof = \"beacon\", which writes nothing",
        web.url()
    );
    assert_eq!(text(&refusal), wanted);
    world.publisher().beacon(&world.plugin).unwrap();
    let index = reader.index(&world.plugin).unwrap();
    let hour = Duration::from_secs(3600);
    assert!(reader.beacon(&index, hour, hour).unwrap() < hour);
}

#[test]
fn servers_are_trusted_by_their_authority() {
    let (world, _) = one();
    let (own, other) = (Authority::new(), Authority::new());
    let web = Web::with_tls(&world.root(), &own, None);
    let trusting = |web: &Web, authority: Option<&Authority>| HttpRepository {
        ca: authority.map(|authority| authority.file(world.folder.path())),
        ..web.repository()
    };
    let taken = library(&reader(&world, &trusting(&web, Some(&own))), &world.plugin);
    assert_eq!(taken.unwrap(), b"a library");
    for authority in [None, Some(&other)] {
        let reader = reader(&world, &trusting(&web, authority));
        let refusal = reader.index(&world.plugin).unwrap_err();
        let wanted = format!(
            "\"{}\" cannot be reached: invalid peer certificate: UnknownIssuer: tls.ca names the authorities that are trusted, in \
             place of the public ones",
            web.url()
        );
        assert_eq!(text(&refusal), wanted);
    }
    let elsewhere = Web::with_tls(&world.root(), &own, Some("elsewhere.example"));
    let reader = reader(&world, &trusting(&elsewhere, Some(&own)));
    let refusal = reader.index(&world.plugin).unwrap_err();
    let says = "invalid peer certificate: certificate not valid for name";
    assert!(text(&refusal).contains(says), "{refusal}");
}

#[test]
fn authorities_that_cannot_be_read_are_named() {
    let (world, _) = one();
    let web = Web::new(&world.root());
    let empty = world.folder.path().join("empty.pem");
    fs::write(&empty, "nothing").unwrap();
    let url = web.url().replace("http://", "https://").parse().unwrap();
    let mut http = HttpRepository::new(url);
    for (path, says) in [
        (empty.as_path(), "it holds no certificate in PEM form"),
        (
            Path::new("/nowhere/ca.pem"),
            "No such file or directory (os error 2)",
        ),
    ] {
        http.ca = Some(path.to_owned());
        let error = HttpFetcher::new(&http).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(
            error.message(),
            format!("tls.ca {path:?} cannot be used: {says}")
        );
    }
    let http = HttpRepository::new("http://plugins.example.com".parse().unwrap());
    let error = HttpFetcher::new(&http).unwrap_err();
    let says = "repository: http://plugins.example.com is beyond this machine, without TLS";
    assert!(error.message().starts_with(says), "{error}");
}

/// What is logged by all tests of this program.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_token_is_sent_and_never_shown() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .init();
    let (world, _) = one();
    let web = Web::with_token(&world.root(), "hush-hush");
    let mut http = HttpRepository {
        token: Some(Secret::new("hush-hush")),
        ..web.repository()
    };
    let allowed = reader(&world, &http);
    assert_eq!(library(&allowed, &world.plugin).unwrap(), b"a library");
    let id = allowed.index(&world.plugin).unwrap().repository;
    let ack = Ack::new(id, world.plugin.clone(), "host".parse().unwrap());
    allowed.fetcher().acknowledge(&ack).unwrap();
    let mut said = format!("{http:?} {allowed:?}");
    http.token = Some(Secret::new("hush-wrong"));
    let denied = reader(&world, &http);
    let refusal = denied.index(&world.plugin).unwrap_err();
    let end = "the server answered 401 Unauthorized: set token in [transport.plugin] to one that may read it";
    assert!(text(&refusal).ends_with(end), "{refusal}");
    let refusal = denied.fetcher().acknowledge(&ack).unwrap_err();
    let end = "set token in [transport.plugin] to one that may PUT and DELETE below acks/, or proof = \"beacon\", which writes nothing";
    assert!(text(&refusal).ends_with(end), "{refusal}");
    said += &format!("{refusal} {refusal:?} {denied:?}");
    http.token = Some(Secret::new("hush\n"));
    said += &HttpFetcher::new(&http).unwrap_err().to_string();
    tracing::info!("the log is written to");
    said += &String::from_utf8_lossy(&log.0.lock());
    assert!(said.contains("the log is written to"));
    assert!(!said.contains("hush"), "{said}");
}

#[test]
fn a_server_that_is_back_is_reached_by_the_same_fetcher() {
    let (world, _) = one();
    let mut web = Web::new(&world.root());
    let reader = reader(&world, &web.repository());
    assert!(reader.index(&world.plugin).is_ok());
    web.down();
    // The connection that was kept may be tried first.
    text(&reader.index(&world.plugin).unwrap_err());
    let refusal = reader.index(&world.plugin).unwrap_err();
    let wanted = format!(
        "\"{}\" cannot be reached: Connection refused (os error 111)",
        web.url()
    );
    assert_eq!(text(&refusal), wanted);
    web.up();
    assert_eq!(library(&reader, &world.plugin).unwrap(), b"a library");
}

#[test]
fn libraries_are_streamed_as_a_whole() {
    let world = World::new();
    let bytes: Vec<u8> = (0..3_000_001_u32)
        .map(|n| n.to_le_bytes()[n as usize % 3])
        .collect();
    let release = world.publish("1.4.0-rc.1", &bytes, &["1.4.0"]);
    world.deploy(&release);
    let web = Web::new(&world.root());
    let taken = library(&reader(&world, &web.repository()), &world.plugin).unwrap();
    assert!(taken == bytes, "{} bytes", taken.len());
}

#[test]
fn it_may_be_used_and_dropped_in_a_runtime() {
    let (world, _) = one();
    let web = Web::new(&world.root());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let reader = reader(&world, &web.repository());
        assert_eq!(reader.index(&world.plugin).unwrap().seq, 1);
        drop(reader);
    });
}
