use super::*;
use polywire_contract::{Digest, Name, Requirement, negotiate};

mod fuzz;

fn description() -> Description {
    Description {
        plugin: "orders".parse().unwrap(),
        version: "1.4.2".parse().unwrap(),
        isolation: Tier::Native,
        abi: Abi { major: 1, minor: 0 },
        artifacts: vec![Artifact {
            platform: "x86_64-linux-gnu".parse().unwrap(),
            file: "x86_64-linux-gnu/liborders.so".parse().unwrap(),
            size: 5,
            digest: Digest::of(b"bytes"),
        }],
        contracts: vec![served("1.4.0"), served("2.0.1")],
    }
}

fn served(version: &str) -> Served {
    Served {
        name: Name::from_static("orders"),
        version: version.parse().unwrap(),
        digest: Digest::of(version.as_bytes()),
        status: polywire_contract::Status::Current,
        interactions: None,
    }
}

fn text() -> String {
    String::from_utf8(Manifest::new(description()).unwrap().to_bytes().unwrap()).unwrap()
}

/// A manifest with its digest made right again after a change.
fn sealed(text: &str) -> Result<Manifest, FormatError> {
    match Manifest::parse(text.as_bytes()) {
        Err(FormatError::Digest { stated, computed }) => {
            Manifest::parse(text.replace(&stated, &computed).as_bytes())
        }
        other => other,
    }
}

#[test]
fn a_manifest_is_read_as_it_was_written_and_offers_its_contracts() {
    let manifest = Manifest::new(description()).unwrap();
    let read = Manifest::parse(&manifest.to_bytes().unwrap()).unwrap();
    assert_eq!(read, manifest);
    assert_eq!(read.release().version().to_string(), "1.4.2");
    assert_eq!(read.majors().into_iter().collect::<Vec<_>>(), [1, 2]);
    let name = Name::from_static("orders");
    let wanted = Requirement::parse_list(name.clone(), "^1.2").unwrap();
    let agreement = negotiate(&wanted, &read.offer(&name)).unwrap();
    assert_eq!(agreement.version.to_string(), "1.4.0");
    let wanted = Requirement::parse_list(name.clone(), "^3").unwrap();
    assert!(negotiate(&wanted, &read.offer(&name)).is_err());
}

#[test]
fn every_change_of_a_manifest_changes_its_digest() {
    for (from, to) in [
        ("size = 5", "size = 6"),
        ("minor = 0", "minor = 1"),
        ("1.4.0", "1.4.1"),
        ("liborders", "libothers"),
        ("plugin = \"orders\"", "plugin = \"borders\""),
        ("format = 1", "format = 1\nlater = true"),
    ] {
        let changed = text().replacen(from, to, 1);
        assert_ne!(changed, text(), "{from}");
        let error = Manifest::parse(changed.as_bytes()).unwrap_err();
        assert!(
            matches!(error, FormatError::Digest { .. }),
            "{from}: {error}"
        );
        assert!(error.to_string().contains("sha256:"), "{error}");
    }
}

#[test]
fn a_manifest_tolerates_new_keys_and_refuses_what_would_hurt() {
    assert!(sealed(&text().replacen("plugin =", "channels = [\"beta\"]\nplugin =", 1)).is_ok());
    assert!(sealed(&text().replacen("size = 5", "size = 5\nmirror = \"m\"", 1)).is_ok());
    for (from, to, says) in [
        (
            "isolation = \"native\"",
            "isolation = \"process\"",
            "isolation tier process is not supported yet: only native is",
        ),
        (
            "isolation = \"native\"",
            "isolation = \"wasm\"",
            "isolation tier wasm is not supported yet: only native is",
        ),
        (
            "isolation = \"native\"",
            "isolaton = \"native\"",
            "missing field `isolation`",
        ),
        (
            "status = \"current\"",
            "staus = \"current\"",
            "unknown field `staus`",
        ),
        (
            "format = 1",
            "format = 2",
            "needs a reader of format 2, and this one reads up to 1: upgrade the consumer",
        ),
        ("format = 1", "format = 0", "format 0 does not exist"),
        ("format = 1", "format = -1", "format 0 does not exist"),
        (
            "size = 5",
            "size = 0",
            "artifact x86_64-linux-gnu/liborders.so of 0 bytes",
        ),
        (
            "size = 5",
            "size = 2147483648",
            "of 2147483648 bytes: 1 to 536870912 are valid",
        ),
        ("size = 5", "size = 5\nshare = 0.5", "a fraction"),
        (
            "version = \"1.4.2\"",
            "version = \"1.4.2+b\"",
            "without build metadata",
        ),
        (
            "version = \"1.4.2\"",
            "version = \"1.4.2-RC1\"",
            "in lower case",
        ),
        (
            "version = \"2.0.1\"",
            "version = \"1.4.0+b\"",
            "differ in build metadata only",
        ),
        (
            "x86_64-linux-gnu/liborders.so",
            "../liborders.so",
            "is not valid: write a folder and a file",
        ),
    ] {
        let changed = text().replacen(from, to, 1);
        assert_ne!(changed, text(), "{from} is not there");
        let error = sealed(&changed).unwrap_err().to_string();
        assert!(error.contains(says), "{to}: {error}");
    }
    let mut twice = description();
    twice.artifacts.push(twice.artifacts[0].clone());
    assert!(
        Manifest::new(twice)
            .unwrap_err()
            .to_string()
            .contains("two artifacts for x86_64")
    );
    let mut none = description();
    none.artifacts.clear();
    assert!(
        Manifest::new(none)
            .unwrap_err()
            .to_string()
            .contains("0 artifacts")
    );
    let mut many = description();
    many.contracts = (0..=Manifest::MAX_CONTRACTS as u64)
        .map(|n| served(&format!("1.{n}.0")))
        .collect();
    assert!(
        Manifest::new(many)
            .unwrap_err()
            .to_string()
            .contains("201 contract versions")
    );
    let large = vec![b' '; Manifest::MAX_BYTES as usize + 1];
    assert!(matches!(
        Manifest::parse(&large),
        Err(FormatError::TooLarge { .. })
    ));
}

#[test]
fn an_index_is_read_as_it_was_written_and_refuses_contradictions() {
    let mut index = Index::empty(RepositoryId::random(), "orders".parse().unwrap());
    assert!(index.to_bytes().unwrap_err().to_string().contains("seq 0"));
    index.seq = 3;
    let release = Manifest::new(description()).unwrap().release().clone();
    index.majors.insert(1, release.clone());
    let bytes = index.to_bytes().unwrap();
    assert_eq!(Index::parse(&bytes).unwrap(), index);
    assert!(index.names(&release));

    let text = String::from_utf8(bytes).unwrap();
    let later = text.replacen("\"format\": 1", "\"format\": 2, \"later\": {}", 1);
    assert_eq!(Index::parse(later.as_bytes()).unwrap().seq, 3);
    for (from, to, says) in [
        (
            "\"min_format\": 1",
            "\"min_format\": 2",
            "min_format 2 is above format 1",
        ),
        ("\"format\": 1,", "\"format\": 2,", ""),
        (
            "\"seq\": 3",
            "\"seq\": 9007199254740992",
            "seq 9007199254740992",
        ),
        ("\"revoked\"", "\"revokd\"", "missing field `revoked`"),
        ("\"orders\"", "\"Orders\"", "plugin name"),
        ("\"1\":", "\"one\":", "invalid"),
    ] {
        let result = Index::parse(text.replacen(from, to, 1).as_bytes());
        if says.is_empty() {
            assert!(result.is_ok(), "a newer format that old readers understand");
        } else {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(says), "{to}: {error}");
        }
    }
    let newer = text.replacen("\"format\": 1", "\"format\": 2", 1).replacen(
        "\"min_format\": 1",
        "\"min_format\": 2",
        1,
    );
    assert!(matches!(
        Index::parse(newer.as_bytes()),
        Err(FormatError::Newer { needed: 2, .. })
    ));
    index.revoked.insert(release);
    assert!(
        index
            .to_bytes()
            .unwrap_err()
            .to_string()
            .contains("is named and revoked")
    );
}

#[test]
fn the_other_documents_are_read_as_they_were_written() {
    let (id, plugin): (_, PluginName) = (RepositoryId::random(), "orders".parse().unwrap());
    let file = RepositoryFile::new(id.clone());
    assert_eq!(RepositoryFile::parse(&file.to_bytes()).unwrap(), file);
    let typo = format!("format = 1\nid = \"{id}\"\nnmae = \"x\"\n");
    let error = RepositoryFile::parse(typo.as_bytes())
        .unwrap_err()
        .to_string();
    assert!(error.contains("unknown field `nmae`"), "{error}");
    let newer = format!("format = 7\nid = \"{id}\"\nkind = \"x\"\n");
    let error = RepositoryFile::parse(newer.as_bytes()).unwrap_err();
    assert!(
        matches!(error, FormatError::Newer { needed: 7, .. }),
        "{error}"
    );

    let beacon = Beacon::new(id.clone(), plugin.clone(), 4, 1_800_000_000_000);
    assert_eq!(Beacon::parse(&beacon.to_bytes().unwrap()).unwrap(), beacon);

    let mut ack = Ack::new(id, plugin, "host-1.example".parse().unwrap());
    let release = Manifest::new(description()).unwrap().release().clone();
    ack.running.insert(1, release.clone());
    ack.error = Some(AckError::new(None, "digest", &"x".repeat(1000)));
    assert_eq!(Ack::parse(&ack.to_bytes().unwrap()).unwrap(), ack);
    assert_eq!(ack.needs().collect::<Vec<_>>(), [&release]);
    assert_eq!(ack.error.as_ref().unwrap().message.len(), 200);
    ack.beat = u64::MAX;
    assert!(ack.to_bytes().is_err());
}

#[test]
fn names_that_would_leave_a_folder_or_mean_something_else_are_refused() {
    for text in [
        "",
        ".",
        "..",
        "../x",
        "/x",
        "a/b",
        "a\\b",
        "a\0b",
        ".hidden",
        "Orders",
        "orders.",
        "con",
        "nul",
        "com1",
        "lpt9",
        "a b",
        "ä",
        "1orders",
        "-x",
        &"a".repeat(65),
    ] {
        assert!(text.parse::<PluginName>().is_err(), "{text:?}");
    }
    for text in [
        "", "x", "/x", "x/", "x/..", "../x", "x/../y", "x/y/z", "x//y", "./x", "x/.y", "x/y.",
        "X/y", "x/con.so", "nul/x", "x/a..b", "x\\y/z", "x/y\0", "c:/x", "x/y ", "x/~",
    ] {
        assert!(text.parse::<ArtifactPath>().is_err(), "{text:?}");
    }
    assert!(
        "x86_64-linux-gnu/libstdc++.so.6"
            .parse::<ArtifactPath>()
            .is_ok()
    );
    for text in ["host.", ".host", "a..b", "aux.local", "Host", "a/b"] {
        assert!(text.parse::<InstanceId>().is_err(), "{text:?}");
    }
    assert!(Platform::here().as_str().parse::<Platform>().is_ok());
    let error = "con".parse::<PluginName>().unwrap_err().to_string();
    assert!(
        error.starts_with("plugin name \"con\" is not valid: write 1 to 64 of a-z"),
        "{error}"
    );
}
