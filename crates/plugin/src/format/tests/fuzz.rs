use std::path::{Component, Path};

use proptest::prelude::*;

use super::{description, text};
use crate::format::*;

/// Whether a document is valid.
type Valid = fn(&[u8]) -> bool;

fn stays_inside(root: &Path, path: &Path) -> bool {
    path.strip_prefix(root).is_ok_and(|below| {
        below.components().count() > 0
            && below
                .components()
                .all(|part| matches!(part, Component::Normal(_)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn no_name_leaves_its_folder(text in "[a-z./\\\\+0-9-]{0,12}|\\PC{0,12}|x/[.a-z]{1,8}") {
        let root = Path::new("/repository");
        if let Ok(name) = text.parse::<PluginName>() {
            prop_assert!(stays_inside(root, &root.join(name.as_str())));
        }
        if let Ok(name) = text.parse::<InstanceId>() {
            prop_assert!(stays_inside(root, &root.join(name.as_str())));
        }
        if let Ok(path) = text.parse::<ArtifactPath>() {
            prop_assert!(stays_inside(root, &path.below(root)));
            prop_assert_eq!(path.below(root), root.join(path.as_str()));
        }
        let id = format!("{text}+{}", "a".repeat(64));
        if let Ok(release) = id.parse::<ReleaseId>() {
            prop_assert!(stays_inside(root, &root.join(release.to_string())));
            prop_assert_eq!(release.to_string(), id);
        }
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = (Manifest::parse(&bytes), Index::parse(&bytes), Ack::parse(&bytes), Beacon::parse(&bytes));
        let _ = (RepositoryFile::parse(&bytes), Signed::parse("the index", &bytes));
    }

    #[test]
    fn no_damage_makes_a_reader_panic(at in 0_usize..2000, byte in any::<u8>(), cut in 0_usize..2000) {
        let mut ack = Ack::new(RepositoryId::random(), "orders".parse().unwrap(), "host".parse().unwrap());
        ack.running.insert(1, Manifest::new(description()).unwrap().release().clone());
        let mut index = Index::empty(RepositoryId::random(), "orders".parse().unwrap());
        index.seq = 1;
        let read: [(Vec<u8>, Valid); 3] = [
            (text().into_bytes(), |bytes| Manifest::parse(bytes).is_ok()),
            (index.to_bytes().unwrap(), |bytes| Index::parse(bytes).is_ok()),
            (ack.to_bytes().unwrap(), |bytes| Ack::parse(bytes).is_ok()),
        ];
        for (mut bytes, parse) in read {
            let length = bytes.len();
            bytes[at % length] = byte;
            parse(&bytes);
            // All but the line end is needed.
            bytes.truncate(cut % (length - 1));
            prop_assert!(!parse(&bytes), "a document that is cut short is not valid");
        }
    }
}

#[test]
fn no_nesting_exhausts_the_stack() {
    for depth in [100, 1_000, 100_000] {
        let json = format!("{{\"format\":1,\"later\":{}", "[".repeat(depth));
        assert!(Index::parse(json.as_bytes()).is_err());
        for later in ["[".repeat(depth), "{a=".repeat(depth)] {
            let toml = format!("format = 1\nlater = {later}");
            assert!(Manifest::parse(toml.as_bytes()).is_err());
        }
    }
    for depth in [100, 5_000] {
        let toml = format!("format = 1\n{}a = 1", "a.".repeat(depth));
        assert!(Manifest::parse(toml.as_bytes()).is_err());
    }
}
