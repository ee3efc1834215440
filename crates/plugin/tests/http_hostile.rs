//! Web servers that answer with anything: each answer is refused for what it is, and in bounded time.
#![allow(clippy::unwrap_used)]

mod support;
mod web;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use polywire_plugin::Refusal;
use polywire_plugin::fetch::{HttpFetcher, HttpRepository, Reader};
use polywire_plugin::format::Ack;
use support::{World, library, names, one};
use web::{Fault, Web};

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(1);
/// Far longer than that, on the slowest of machines.
const BOUND: Duration = Duration::from_secs(30);

fn reader(world: &World, web: &Web, timeout: Duration) -> Reader {
    let mut config = world.reading(None);
    let http = HttpRepository {
        timeout,
        ..web.repository()
    };
    config.fetcher = Arc::new(HttpFetcher::new(&http).unwrap());
    Reader::new(config)
}

/// Why a consumer who has just started takes nothing, who says so in bounded time.
fn refused(world: &World, web: &Web, below: &str, fault: Fault, timeout: Duration) -> Refusal {
    let about = format!("{below} {fault:?}");
    web.fault(below, fault);
    let reader = reader(world, web, timeout);
    let begun = Instant::now();
    let refusal = library(&reader, &world.plugin).unwrap_err();
    assert!(begun.elapsed() < 2 * BOUND, "{about}: {refusal}");
    let told = refusal.to_string();
    assert!(
        told.contains(&web.url()) || told.contains("signature"),
        "{about}: {told}"
    );
    assert_eq!(names(&world.cache()), [""; 0], "{about}");
    web.heal();
    refusal
}

#[test]
fn whatever_is_answered_is_refused_for_what_it_is() {
    let (world, release) = one();
    let web = Web::new(&world.root());
    let (manifest, artifact) = (
        format!("releases/orders/{release}/manifest.toml"),
        world.artifact(&release),
    );
    let artifact = artifact.strip_prefix(world.root()).unwrap();
    let artifact = artifact.to_str().unwrap();
    let index = "index/orders.json";
    let all = [index, &manifest, artifact];
    for below in all {
        for (fault, code, says) in [
            (Fault::Status(404), "missing", "is not there"),
            (Fault::Status(410), "missing", "is not there"),
            (
                Fault::Status(403),
                "unreachable",
                "403 Forbidden: set token in [transport.plugin]",
            ),
            (
                Fault::Status(429),
                "unreachable",
                "429 Too Many Requests: it is asked again",
            ),
            (
                Fault::Status(500),
                "unreachable",
                "500 Internal Server Error: 200 is expected",
            ),
            (
                Fault::Status(206),
                "unreachable",
                "206 Partial Content: 200 is expected",
            ),
            (
                Fault::Status(204),
                "unreachable",
                "204 No Content: 200 is expected",
            ),
            (Fault::Status(304), "unreachable", "304 Not Modified"),
            (
                Fault::Redirects("https://elsewhere.example/x?signature=hush".to_owned()),
                "unreachable",
                "302 Found: redirects are not followed, and this one is to \"https://elsewhere.example/x?***\": set repository to where it is",
            ),
            (
                Fault::Compresses,
                "unreachable",
                "has encoded it as \"gzip\", and was asked not to",
            ),
            (Fault::Truncates, "unreachable", "the answer broke off: "),
        ] {
            let refusal = refused(&world, &web, below, fault.clone(), BOUND);
            assert_eq!(refusal.code(), code, "{below} {fault:?}: {refusal}");
            assert!(
                refusal.to_string().contains(says),
                "{below} {fault:?}: {refusal}"
            );
        }
    }
    for below in [index, &manifest] {
        let refusal = refused(&world, &web, below, Fault::Endless(None), BOUND);
        assert_eq!(refusal.code(), "size", "{below}: {refusal}");
        let large = Fault::Instead(vec![b' '; 2 << 20]);
        let refusal = refused(&world, &web, below, large, BOUND);
        let found = matches!(
            refusal,
            Refusal::Size {
                found: 2_097_152,
                ..
            }
        );
        assert!(found, "{below}: {refusal}");
    }
    for fault in [Fault::Endless(None), Fault::Unsized] {
        let refusal = refused(&world, &web, artifact, fault, BOUND);
        let says = "the server does not say how large it is: have it send Content-Length";
        assert!(refusal.to_string().ends_with(says), "{refusal}");
    }
    let other = Fault::Instead(b"a librarX".to_vec());
    assert_eq!(
        refused(&world, &web, artifact, other, BOUND).code(),
        "digest"
    );
    let grown = Fault::Instead(b"a library and more".to_vec());
    assert_eq!(refused(&world, &web, artifact, grown, BOUND).code(), "size");
    let other = fs::read(world.release_folder(&release).join("manifest.toml")).unwrap();
    let forged = Fault::Instead([&other[..], b"\n"].concat());
    assert_eq!(
        refused(&world, &web, &manifest, forged, BOUND).code(),
        "signature"
    );
    let refusal = refused(&world, &web, index, Fault::Aged(7), BOUND);
    let says = "a cache has answered with what it has known for 7 seconds";
    assert!(refusal.to_string().contains(says), "{refusal}");
    assert_eq!(
        library(&reader(&world, &web, BOUND), &world.plugin).unwrap(),
        b"a library"
    );
}

#[test]
fn whoever_is_slow_is_given_up() {
    let (world, release) = one();
    let web = Web::new(&world.root());
    let artifact = world.artifact(&release);
    let artifact = artifact.strip_prefix(world.root()).unwrap();
    let artifact = artifact.to_str().unwrap();
    let drop = Duration::from_millis(20);
    for (below, fault) in [
        ("index/", Fault::Hangs),
        ("index/", Fault::Endless(Some(drop))),
        ("index/", Fault::Drips(drop)),
        ("releases/", Fault::Hangs),
        (artifact, Fault::Hangs),
    ] {
        let refusal = refused(&world, &web, below, fault.clone(), TIMEOUT);
        let says = "no answer within 1s: timeout is for longer ones";
        assert!(
            refusal.to_string().ends_with(says),
            "{below} {fault:?}: {refusal}"
        );
    }
    let patient = reader(&world, &web, BOUND);
    let index = patient.index(&world.plugin).unwrap();
    let manifest = patient.manifest(&index, &release).unwrap();
    let reader = reader(&world, &web, TIMEOUT);
    // Each byte in time and all of them too late, and none in time.
    for pause in [Duration::from_millis(300), BOUND] {
        web.fault(artifact, Fault::Drips(pause));
        let refusal = reader.cached(&manifest).unwrap_err();
        let says = "too slow: some of it must come every 1s, and 64 KiB each second on the whole";
        assert!(refusal.to_string().ends_with(says), "{refusal}");
        assert_eq!(names(&world.cache()), [""; 0]);
    }
    let id = index.repository;
    let ack = Ack::new(id, world.plugin.clone(), "host".parse().unwrap());
    web.fault("acks/", Fault::Hangs);
    let refusal = reader.fetcher().acknowledge(&ack).unwrap_err();
    assert!(
        refusal.to_string().contains("no answer within"),
        "{refusal}"
    );
}

#[test]
fn an_index_that_is_old_is_refused_and_what_it_was_is_not_forgotten() {
    let (world, release) = one();
    let web = Web::new(&world.root());
    let reader = reader(&world, &web, BOUND);
    let old = fs::read(world.root().join("index/orders.json")).unwrap();
    world.deploy(&release);
    assert_eq!(reader.index(&world.plugin).unwrap().seq, 2);
    web.fault("index/", Fault::Instead(old));
    for _ in 0..2 {
        let refusal = reader.index(&world.plugin).unwrap_err();
        assert_eq!(refusal.code(), "rewound", "{refusal}");
    }
    assert!(
        web.count("GET", "index/", 304) > 0,
        "the same is not sent twice"
    );
    web.heal();
    assert_eq!(reader.index(&world.plugin).unwrap().seq, 2);
}

#[test]
fn a_redirect_is_not_followed() {
    let (world, _) = one();
    let web = Web::new(&world.root());
    let elsewhere = Web::new(&world.root());
    let to = format!("{}/index/orders.json", elsewhere.url());
    let refusal = refused(&world, &web, "index/", Fault::Redirects(to.clone()), BOUND);
    let says = format!("this one is to {to:?}: set repository to where it is");
    assert!(refusal.to_string().ends_with(&says), "{refusal}");
    assert_eq!(elsewhere.asked(), 0);
}
