//! Publishing: what is taken, what is refused, and what two publishers at once do to each other.
#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use polywire_plugin::publish::{Deploy, Keep, PublishError, Publisher, pack};
use polywire_plugin::trust::{SigningKey, TrustedKeys};
use support::{World, deploy};

#[test]
fn a_release_is_published_deployed_and_taken_back() {
    let world = World::new();
    let publisher = world.publisher();
    let old = world.publish("1.4.0", b"old", &["1.4.0"]);
    assert_eq!(
        publisher.index(&world.plugin).unwrap(),
        None,
        "publishing deploys nothing"
    );
    let index = publisher.deploy(&world.plugin, &deploy(&old)).unwrap();
    assert_eq!((index.seq, index.majors.get(&1)), (1, Some(&old)));

    let new = world.publish("1.5.0", b"new", &["1.5.0"]);
    assert_eq!(publisher.find(&world.plugin, new.version()).unwrap(), new);
    let index = publisher.deploy(&world.plugin, &deploy(&new)).unwrap();
    assert_eq!(
        (index.seq, index.majors.get(&1), index.previous.get(&1)),
        (2, Some(&new), Some(&old))
    );

    let index = publisher.rollback(&world.plugin, 1, None).unwrap();
    assert_eq!(
        (index.seq, index.majors.get(&1), index.previous.get(&1)),
        (3, Some(&old), None)
    );
    let error = publisher.rollback(&world.plugin, 1, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "major 1 of plugin orders has no release to go back to: deploy one by its version"
    );
    let index = publisher.rollback(&world.plugin, 1, Some(&new)).unwrap();
    assert_eq!((index.seq, index.majors.get(&1)), (4, Some(&new)));
    assert!(publisher.verify().unwrap().problems.is_empty());
    let library = fs::metadata(world.artifact(&new)).unwrap();
    assert_eq!(
        library.permissions().mode() & 0o777,
        0o444,
        "nobody has a reason to write it"
    );
}

#[test]
fn a_release_never_changes() {
    let world = World::new();
    let publisher = world.publisher();
    let release = world.publish("1.4.0", b"bytes", &["1.4.0"]);
    let again = publisher
        .publish(&world.packed("1.4.0", b"bytes", &["1.4.0"]))
        .unwrap();
    assert_eq!((again.release, again.new), (release.clone(), false));
    for other in [
        world.packed("1.4.0", b"other", &["1.4.0"]),
        world.packed("1.4.0", b"bytes", &["1.4.1"]),
    ] {
        let error = publisher.publish(&other).unwrap_err();
        assert!(matches!(error, PublishError::Taken { .. }), "{error}");
        assert!(
            error
                .to_string()
                .contains("a release never changes, publish a new version"),
            "{error}"
        );
    }
    assert_eq!(publisher.releases(&world.plugin).unwrap(), [release]);
}

#[test]
fn majors_are_deployed_apart_and_only_where_they_are_served() {
    let world = World::new();
    let publisher = world.publisher();
    let one = world.publish("1.4.0", b"one", &["1.4.0"]);
    let both = world.publish("2.0.0", b"both", &["1.5.0", "2.0.0"]);
    let manifest = publisher.manifest(&world.plugin, &both).unwrap();
    assert_eq!(manifest.majors(), [1, 2].into());
    publisher.deploy(&world.plugin, &deploy(&one)).unwrap();
    let index = publisher.deploy(&world.plugin, &deploy(&both)).unwrap();
    assert_eq!(
        (index.majors.get(&1), index.majors.get(&2)),
        (Some(&one), Some(&both))
    );
    let majors = Deploy {
        majors: [1, 2].into(),
        ..deploy(&both)
    };
    let index = publisher.deploy(&world.plugin, &majors).unwrap();
    assert_eq!(
        (index.majors.get(&1), index.previous.get(&1)),
        (Some(&both), Some(&one))
    );

    let wrong = Deploy {
        majors: [3].into(),
        ..deploy(&both)
    };
    let error = publisher
        .deploy(&world.plugin, &wrong)
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("serves no contract of major 3: it serves 1, 2"),
        "{error}"
    );
    let stale = Deploy {
        expected_seq: Some(1),
        ..deploy(&one)
    };
    let error = publisher.deploy(&world.plugin, &stale).unwrap_err();
    assert!(
        matches!(
            error,
            PublishError::Stale {
                expected: 1,
                found: 3
            }
        ),
        "{error}"
    );
    let missing = publisher
        .find(&world.plugin, &"9.9.9".parse().unwrap())
        .unwrap_err();
    assert_eq!(
        missing.to_string(),
        "plugin orders has no release 9.9.9: it has 1.4.0, 2.0.0"
    );
    assert_eq!(publisher.index(&world.plugin).unwrap().unwrap().0, index);
}

#[test]
fn a_revoked_release_gives_way_to_the_one_before() {
    let world = World::new();
    let publisher = world.publisher();
    let old = world.publish("1.4.0", b"old", &["1.4.0"]);
    let new = world.publish("1.5.0", b"new", &["1.5.0"]);
    publisher.deploy(&world.plugin, &deploy(&old)).unwrap();
    publisher.deploy(&world.plugin, &deploy(&new)).unwrap();
    let revoked = publisher.revoke(&world.plugin, &new).unwrap();
    assert_eq!(revoked.fell_back, [(1, old.clone())].into());
    assert!(revoked.index.revoked.contains(&new) && revoked.index.names(&old));
    let error = publisher.deploy(&world.plugin, &deploy(&new)).unwrap_err();
    assert!(matches!(error, PublishError::Revoked { .. }), "{error}");
    let error = publisher
        .rollback(&world.plugin, 1, Some(&new))
        .unwrap_err();
    assert!(matches!(error, PublishError::Revoked { .. }), "{error}");
    let revoked = publisher.revoke(&world.plugin, &old).unwrap();
    assert_eq!((revoked.ended, revoked.index.majors.len()), ([1].into(), 0));
}

#[test]
fn what_is_damaged_is_neither_published_nor_deployed_and_is_named() {
    let world = World::new();
    let publisher = world.publisher();
    let release = world.publish("1.4.0", b"bytes", &["1.4.0"]);
    let library = world.artifact(&release);
    fs::remove_file(&library).unwrap();
    fs::write(&library, b"bytez").unwrap();
    let error = publisher
        .deploy(&world.plugin, &deploy(&release))
        .unwrap_err();
    assert!(
        error.to_string().contains("and the manifest says sha256:"),
        "{error}"
    );
    fs::write(world.release_folder(&release).join("extra"), b"x").unwrap();
    let problems = publisher.verify().unwrap().problems;
    assert_eq!(
        problems
            .iter()
            .map(|problem| problem.code)
            .collect::<Vec<_>>(),
        ["digest"]
    );
    fs::write(&library, b"bytes").unwrap();
    let problems = publisher.verify().unwrap().problems;
    assert_eq!(
        problems
            .iter()
            .map(|problem| problem.code)
            .collect::<Vec<_>>(),
        ["stray"]
    );

    let packed = world.packed("1.5.0", b"bytes", &["1.5.0"]);
    let platform = polywire_plugin::format::Platform::here();
    let library = packed.join(platform.as_str()).join("liborders.so");
    fs::remove_file(&library).unwrap();
    fs::write(&library, b"bytez").unwrap();
    let error = publisher.publish(&packed).unwrap_err().to_string();
    assert!(error.contains("and the manifest says sha256:"), "{error}");
    assert!(error.contains("pack it anew"), "{error}");
    fs::write(&library, b"bytes and more").unwrap();
    let error = publisher.publish(&packed).unwrap_err().to_string();
    assert!(
        error.contains("it has 14 bytes, and the manifest says 5"),
        "{error}"
    );
    assert_eq!(publisher.releases(&world.plugin).unwrap(), [release]);
}

#[test]
fn packing_refuses_what_nobody_would_load() {
    let world = World::new();
    let library = world.folder.path().join("empty.so");
    fs::write(&library, b"").unwrap();
    let target = world.folder.path().join("target");
    let description = world.description("1.0.0", &library, &["1.0.0"]);
    let error = pack(&description, &target).unwrap_err().to_string();
    assert!(
        error.contains("it has 0 bytes: 1 to 536870912 are valid"),
        "{error}"
    );
    let error = pack(&description, &target).unwrap_err().to_string();
    assert!(
        error.contains("name a folder that is new or empty"),
        "{error}"
    );
    let mut missing = description.clone();
    missing.libraries[0].1 = world.folder.path().join("nowhere.so");
    assert!(pack(&missing, &world.folder.path().join("other")).is_err());
    let huge = world.folder.path().join("huge.so");
    fs::File::create(&huge).unwrap().set_len(2 << 30).unwrap();
    let mut large = description;
    large.libraries[0].1 = huge;
    let error = pack(&large, &world.folder.path().join("large"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("it has 2147483648 bytes: 1 to 536870912 are valid"),
        "{error}"
    );
}

#[test]
fn only_trusted_keys_have_a_say_and_a_key_can_take_over() {
    let world = World::new();
    let release = world.publish("1.4.0", b"bytes", &["1.4.0"]);
    world.deploy(&release);
    let other = SigningKey::open(&SigningKey::generate(None).unwrap().secret, None).unwrap();
    let public = other.public().to_owned();
    let stranger = Publisher::open(&world.root(), other).unwrap();
    let error = stranger
        .deploy(&world.plugin, &deploy(&release))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("the signature of the index is refused: it was signed by key "),
        "{error}"
    );
    let both = TrustedKeys::parse([public.as_str(), world.key().public()]).unwrap();
    let heir = stranger.trusting(both).unwrap();
    assert_eq!(
        heir.deploy(&world.plugin, &deploy(&release)).unwrap().seq,
        2
    );
    let error = world
        .publisher()
        .trusting(TrustedKeys::parse([public]).unwrap())
        .unwrap_err();
    assert!(matches!(error, PublishError::Untrusted { .. }), "{error}");
}

#[test]
fn of_two_publishers_at_once_one_wins_and_the_other_is_told() {
    let world = World::new();
    let old = world.publish("1.4.0", b"old", &["1.4.0"]);
    let packed = world.packed("1.5.0", b"new", &["1.5.0"]);
    let (root, secret, plugin) = (world.root(), world.secret.clone(), world.plugin.clone());
    let told = Arc::new(Mutex::new(Vec::new()));
    let errors = Arc::clone(&told);
    let inner = packed.clone();
    let publisher = world.publisher().watched(Arc::new(move |step| {
        if step.call == "rename" {
            let key = SigningKey::open(&secret, None).unwrap();
            let second = Publisher::open(&root, key).unwrap();
            let mut errors = errors.lock().unwrap();
            errors.push(second.deploy(&plugin, &deploy(&old)).unwrap_err());
            errors.push(second.publish(&inner).unwrap_err());
            errors.push(second.gc(&plugin, Keep::default()).unwrap_err());
        }
        Ok(())
    }));
    let new = publisher.publish(&packed).unwrap().release;
    publisher.deploy(&world.plugin, &deploy(&new)).unwrap();
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 6);
    for error in told.iter() {
        assert!(matches!(error, PublishError::Busy { .. }), "{error}");
    }
    assert!(told[0].to_string().ends_with("try again when it is done"));
    assert_eq!(
        world
            .publisher()
            .index(&world.plugin)
            .unwrap()
            .unwrap()
            .0
            .seq,
        1
    );
}

#[test]
fn a_reader_sees_the_old_index_or_the_new_one_and_nothing_else() {
    let world = World::new();
    let releases = [
        world.publish("1.4.0", b"a", &["1.4.0"]),
        world.publish("1.5.0", b"b", &["1.5.0"]),
    ];
    world.deploy(&releases[0]);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let publisher = world.publisher();
            let (mut last, mut looks) = (0, 0_u64);
            while !done.load(Ordering::SeqCst) || looks == 0 {
                let (index, _) = publisher.index(&world.plugin).unwrap().unwrap();
                assert!(index.seq >= last, "{} after {last}", index.seq);
                assert!(index.names(&releases[((index.seq + 1) % 2) as usize]));
                last = index.seq;
                looks += 1;
            }
        });
        for turn in 1..=100 {
            world.deploy(&releases[turn % 2]);
        }
        done.store(true, Ordering::SeqCst);
        reader.join().unwrap();
    });
    assert_eq!(
        world
            .publisher()
            .index(&world.plugin)
            .unwrap()
            .unwrap()
            .0
            .seq,
        101
    );
}
