//! What is removed, what is found to be wrong, and beacons.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::consumer::Consumer;
use crate::world::{Running, World, overwrite, short};

#[test]
fn releases_that_nobody_needs_are_removed() {
    let (world, _) = World::deployed("1.4.0");
    let consumer = Consumer::start(&world, "gone", None);
    consumer.vanish();
    let all: Vec<_> = ["1.5.0", "1.6.0", "1.7.0", "1.8.0"]
        .into_iter()
        .map(|version| world.published(version))
        .collect();
    world.write("deploy 1.6.0");
    world.write("deploy 1.7.0");
    let kept = json!({"plugin": "orders", "releases": [all[0]], "acks": []});
    assert_eq!(
        world.write("gc --keep 1"),
        kept,
        "1.4.0 still runs somewhere"
    );

    let ack = world.repository().join("acks/orders/gone.json");
    let long_ago = SystemTime::now() - Duration::from_secs(2 * 86_400 + 1);
    let file = File::options().write(true).open(&ack).unwrap();
    file.set_modified(long_ago).unwrap();
    let removed = world.run("gc --keep 1 --gone-after 3d --key publisher.key");
    assert_eq!(
        (removed.code, removed.out.as_str()),
        (Some(0), "removed nothing\n")
    );
    let removed = world.run("gc --keep 1 --key publisher.key");
    let lines: Vec<&str> = removed.out.lines().collect();
    assert!(lines[0].starts_with("removed 1.4.0+"), "{removed:?}");
    assert_eq!(lines[1..], ["removed the acknowledgement gone.json"]);
    assert!(!ack.exists());

    fs::write(&ack, b"{").unwrap();
    let error = world.refused("gc --key publisher.key");
    assert!(
        error.ends_with(
            ": nothing is removed while it is unknown what is needed; \"polywire plugin verify\" names the file"
        ),
        "{error}"
    );
}

#[test]
fn what_was_tampered_with_is_named() {
    let (world, release) = World::deployed("1.4.0");
    let good = world.run(&format!("verify --trust {}", world.public));
    let all_is_well = "1 plugin, 1 release, 0 problems\n";
    assert_eq!(
        (good.code, good.out.as_str(), good.err.as_str()),
        (Some(0), all_is_well, "")
    );

    let folder = world.release(&release);
    let library = folder.join(crate::world::here()).join("liborders.so");
    let mut bytes = fs::read(&library).unwrap();
    let last = bytes.last_mut().unwrap();
    *last = !*last;
    overwrite(&library, &bytes);
    fs::write(world.repository().join("acks/orders/host.json"), b"{").unwrap();
    let bad = world.run(&format!("verify --trust {} --format json", world.public));
    assert_eq!((bad.code, bad.err.as_str()), (Some(1), ""));
    let told: serde_json::Value = serde_json::from_str(&bad.out).unwrap();
    assert_eq!(
        (&told["plugins"], &told["releases"]),
        (&json!(1), &json!(1))
    );
    let problems = told["problems"].as_array().unwrap();
    let codes: Vec<_> = problems.iter().map(|problem| &problem["code"]).collect();
    assert_eq!(codes, ["digest", "format"]);
    let place = folder.strip_prefix(world.path()).unwrap();
    assert_eq!(problems[0]["path"], place.to_str().unwrap());

    let bad = world.run(&format!("verify --trust {}", world.public));
    assert_eq!(
        (bad.code, bad.out.as_str()),
        (Some(1), "1 plugin, 1 release, 2 problems\n")
    );
    let first = bad.err.lines().next().unwrap();
    assert!(
        first.starts_with(&format!("{}: digest: ", place.display()))
            && first.contains("and the manifest says sha256:"),
        "{first}"
    );
    let error = world.refused("deploy 1.4.0 --key publisher.key");
    assert!(error.contains("and the manifest says sha256:"), "{error}");
}

#[test]
fn the_publisher_says_again_and_again_that_it_is_there() {
    let world = World::new();
    world.published("1.4.0");
    let error = world.refused("beacon --key publisher.key");
    assert_eq!(
        error,
        "plugin orders has no release that is deployed: it has 1.4.0"
    );
    world.write("deploy 1.4.0");
    let told = world.write("beacon");
    assert_eq!(
        (&told["plugin"], &told["seq"]),
        (&json!("orders"), &json!(1))
    );
    let file = fs::read(world.repository().join("beacons/orders.json")).unwrap();
    let file: serde_json::Value = serde_json::from_slice(&file).unwrap();
    let signed: serde_json::Value = serde_json::from_str(file["signed"].as_str().unwrap()).unwrap();
    assert_eq!(signed, told);

    let beacons = Running::start(world.command("beacon --every 1s --key publisher.key"));
    assert!(beacons.out().starts_with("orders seq 1 at 20"));
    beacons.out();
    {
        let lock = File::options()
            .write(true)
            .open(world.repository().join(".lock"))
            .unwrap();
        lock.lock().unwrap();
        assert_eq!(
            beacons.err(),
            "another publisher is at work in \"repository\": try again when it is done"
        );
    }
    beacons.out();
}

#[test]
fn short_ids_are_those_of_releases() {
    let (world, release) = World::deployed("1.4.0");
    let told = world.write(&format!("deploy {}", short(&release)));
    assert_eq!(told["majors"], json!({"1": release}));
}
