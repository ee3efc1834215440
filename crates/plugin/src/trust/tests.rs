use std::fs;

use polywire_contract::Digest;
use tempfile::TempDir;

use super::*;
use crate::format::RepositoryId;
use crate::refusal::Refusal;

fn key() -> SigningKey {
    SigningKey::open(&SigningKey::generate(None).unwrap().secret, None).unwrap()
}

#[test]
fn a_signature_counts_for_its_bytes_its_purpose_and_its_key_alone() {
    let (ours, theirs) = (key(), key());
    let trusted = TrustedKeys::parse([ours.public()]).unwrap();
    let signature = ours.sign(Purpose::Index, b"bytes").unwrap();
    assert_eq!(
        trusted.verify(Purpose::Index, b"bytes", &signature),
        Ok(ours.id())
    );

    let error = trusted
        .verify(Purpose::Index, b"other", &signature)
        .unwrap_err();
    assert_eq!(error, SignatureError::Invalid { key: ours.id() });
    let error = trusted
        .verify(Purpose::Manifest, b"bytes", &signature)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "it is a signature for \"polywire plugin index\", and one for \"polywire plugin manifest\" is needed"
    );
    // The trusted comment is signed too.
    let forged = signature.replace("plugin index", "plugin manifest");
    let error = trusted
        .verify(Purpose::Manifest, b"bytes", &forged)
        .unwrap_err();
    assert_eq!(error, SignatureError::Invalid { key: ours.id() });

    let foreign = theirs.sign(Purpose::Index, b"bytes").unwrap();
    let error = trusted
        .verify(Purpose::Index, b"bytes", &foreign)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        format!(
            "it was signed by key {}, and the trusted keys are {}",
            theirs.id(),
            ours.id()
        )
    );
    let long = "x".repeat(TrustedKeys::MAX_SIGNATURE + 1);
    for text in ["", "a\nb\nc\nd", &long, &signature[..signature.len() / 2]] {
        let error = trusted.verify(Purpose::Index, b"bytes", text).unwrap_err();
        assert_eq!(error, SignatureError::Malformed, "{text:?}");
    }
    let both = TrustedKeys::parse([theirs.public(), ours.public()]).unwrap();
    assert_eq!(
        both.verify(Purpose::Index, b"bytes", &signature),
        Ok(ours.id())
    );
}

/// The pair was made by another implementation: `scrypt` and `blake2b` of Python, and the formulas of RFC 8032.
const ENCRYPTED: &str = "untrusted comment: encrypted\nRWRTY0IyICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8AgAAAAAAAAAAAAAEAAAAAB1QhmaiR7U0lrnwS4yazGP8WbTSvwLprS312Q8n1gYPKKGBwIOrGfHV0p9Sb6MauX2oP/yAdjAO2YUPQafRPvUphydMwbpqJaHyM28wZ9zNX6E6cV8vxF/LGPy2Xs0kRC0BVbnGSVdI=\n";
const PUBLIC: &str = "RWQBAgMEBQYHCAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";

#[test]
fn an_encrypted_key_of_another_implementation_opens_with_its_password_alone() {
    let opened = SigningKey::open(ENCRYPTED, Some("correct horse")).unwrap();
    assert_eq!(opened.public(), PUBLIC);
    assert_eq!(opened.id().to_string(), "0807060504030201");
    assert_eq!("0807060504030201".parse::<KeyId>().unwrap(), opened.id());
    let signature = opened.sign(Purpose::Beacon, b"x").unwrap();
    let trusted = TrustedKeys::parse([PUBLIC]).unwrap();
    assert!(trusted.verify(Purpose::Beacon, b"x", &signature).is_ok());

    let error = SigningKey::open(ENCRYPTED, Some("wrong"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("not a secret key that this password opens"),
        "{error}"
    );
    let error = SigningKey::open(ENCRYPTED, None).unwrap_err().to_string();
    assert!(
        error.contains("encrypted: then give its password"),
        "{error}"
    );
    for text in ["", "x", "untrusted comment: x\nAAAA\n"] {
        assert!(SigningKey::open(text, None).is_err(), "{text:?}");
        assert!(SigningKey::open(text, Some("p")).is_err(), "{text:?}");
    }
}

#[test]
fn secrets_are_in_no_debug_text() {
    let texts = SigningKey::generate(None).unwrap();
    assert_eq!(format!("{texts:?}"), "KeyTexts(redacted)");
    let key = SigningKey::open(&texts.secret, None).unwrap();
    assert_eq!(
        format!("{key:?}"),
        format!("SigningKey({}, redacted)", key.id())
    );
    assert!(
        TrustedKeys::parse([&texts.public]).is_ok(),
        "the whole file is a key too"
    );
}

#[test]
fn sets_of_keys_that_make_no_sense_are_refused() {
    let key = key();
    let none = TrustedKeys::parse(Vec::<String>::new()).unwrap_err();
    assert_eq!(
        none.to_string(),
        "0 public keys: 1 to 8 are valid, the newest first"
    );
    let twice = TrustedKeys::parse([key.public(), key.public()]).unwrap_err();
    assert_eq!(twice, TrustError::Twice { id: key.id() });
    for text in ["", "RW", "x", ENCRYPTED] {
        let error = TrustedKeys::parse([key.public(), text]).unwrap_err();
        assert_eq!(error, TrustError::PublicKey { at: 2 });
    }
    assert!("+80706050403020".parse::<KeyId>().is_err());
}

struct Seen {
    folder: TempDir,
    repository: RepositoryId,
    new: SigningKey,
    old: SigningKey,
}

impl Seen {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            repository: RepositoryId::random(),
            new: key(),
            old: key(),
        }
    }

    fn sighting(&self, key: &SigningKey, seq: u64, text: &str) -> Sighting {
        Sighting {
            repository: self.repository.clone(),
            seq,
            key: key.id(),
            digest: Digest::of(text.as_bytes()),
        }
    }

    /// Each time by a new store, as after a restart.
    fn accept(&self, keys: &[&SigningKey], found: &Sighting) -> Result<(), &'static str> {
        let keys = TrustedKeys::parse(keys.iter().map(|key| key.public())).unwrap();
        let store = SeenStore::open(self.folder.path()).unwrap();
        let plugin = "orders".parse().unwrap();
        store
            .accept(&plugin, &keys, found)
            .map_err(|refusal| refusal.code())
    }
}

#[test]
fn no_restart_takes_an_older_index_and_no_number_has_two_contents() {
    let seen = Seen::new();
    let keys = [&seen.old];
    assert_eq!(
        seen.accept(&keys, &seen.sighting(&seen.old, 7, "a")),
        Ok(())
    );
    assert_eq!(
        seen.accept(&keys, &seen.sighting(&seen.old, 7, "a")),
        Ok(())
    );
    assert_eq!(
        seen.accept(&keys, &seen.sighting(&seen.old, 6, "b")),
        Err("rewound")
    );
    assert_eq!(
        seen.accept(&keys, &seen.sighting(&seen.old, 7, "b")),
        Err("equivocal")
    );
    assert_eq!(
        seen.accept(&keys, &seen.sighting(&seen.old, 9, "c")),
        Ok(())
    );
    assert_eq!(
        seen.accept(&keys, &seen.sighting(&seen.old, 7, "a")),
        Err("rewound")
    );
    let mut other = seen.sighting(&seen.old, 10, "d");
    other.repository = RepositoryId::random();
    assert_eq!(seen.accept(&keys, &other), Err("other-repository"));
}

#[test]
fn a_key_that_leaked_cannot_hold_its_successor_off_nor_come_back() {
    let seen = Seen::new();
    let (old, new) = (&seen.old, &seen.new);
    assert_eq!(seen.accept(&[old], &seen.sighting(old, 5, "five")), Ok(()));
    assert_eq!(
        seen.accept(&[new, old], &seen.sighting(old, 1_000_000, "leaked")),
        Ok(())
    );
    assert_eq!(
        seen.accept(&[new, old], &seen.sighting(new, 6, "six")),
        Ok(())
    );
    assert_eq!(
        seen.accept(&[new, old], &seen.sighting(old, 1_000_000, "leaked")),
        Ok(()),
        "still trusted, and still ahead"
    );
    assert_eq!(
        seen.accept(&[new, old], &seen.sighting(new, 6, "six")),
        Ok(())
    );
    assert_eq!(
        seen.accept(&[new, old], &seen.sighting(new, 5, "five")),
        Err("rewound")
    );
    // Taken out of the configuration, it has no say any more.
    assert_eq!(seen.accept(&[new], &seen.sighting(new, 7, "seven")), Ok(()));

    let seen = Seen::new();
    let (old, new) = (&seen.old, &seen.new);
    assert_eq!(
        seen.accept(&[new, old], &seen.sighting(old, 17, "last of old")),
        Ok(())
    );
    assert_eq!(
        seen.accept(&[new, old], &seen.sighting(new, 18, "first of new")),
        Ok(())
    );
    assert_eq!(
        seen.accept(&[new, old], &seen.sighting(old, 17, "last of old")),
        Err("rewound")
    );
}

#[test]
fn a_memory_that_is_damaged_accepts_nothing() {
    let seen = Seen::new();
    let keys = [&seen.old];
    assert_eq!(
        seen.accept(&keys, &seen.sighting(&seen.old, 7, "a")),
        Ok(())
    );
    let path = seen.folder.path().join("orders.seen.json");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(
        seen.accept(&keys, &seen.sighting(&seen.old, 8, "b")),
        Err("storage")
    );
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("elsewhere", &path).unwrap();
    assert_eq!(
        seen.accept(&keys, &seen.sighting(&seen.old, 8, "b")),
        Err("storage")
    );
}

#[test]
fn a_crash_between_any_two_steps_of_remembering_forgets_nothing() {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    for stop in 1..50 {
        let seen = Seen::new();
        let keys = TrustedKeys::parse([seen.old.public()]).unwrap();
        let plugin = "orders".parse().unwrap();
        assert_eq!(
            seen.accept(&[&seen.old], &seen.sighting(&seen.old, 1, "a")),
            Ok(())
        );
        let steps = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&steps);
        let store = SeenStore::watched(
            seen.folder.path(),
            Arc::new(move |_| {
                if count.fetch_add(1, Ordering::SeqCst) + 1 == stop {
                    return Err(io::Error::other("the power is gone"));
                }
                Ok(())
            }),
        );
        let accepted = store
            .map_err(Refusal::from)
            .and_then(|store| store.accept(&plugin, &keys, &seen.sighting(&seen.old, 2, "b")));
        if steps.load(Ordering::SeqCst) < stop {
            assert!(accepted.is_ok());
            assert!(stop > 6, "only {stop} steps");
            return;
        }
        assert!(accepted.is_err());
        assert_eq!(
            seen.accept(&[&seen.old], &seen.sighting(&seen.old, 0, "z")),
            Err("rewound")
        );
        assert_eq!(
            seen.accept(&[&seen.old], &seen.sighting(&seen.old, 2, "b")),
            Ok(())
        );
    }
    panic!("it never came to an end");
}
