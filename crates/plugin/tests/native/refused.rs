//! Libraries that do not become a generation.

#![allow(unsafe_code, reason = "a library is opened by other means")]

use polywire_plugin::native::{Fate, Limits, Loader};

use crate::libraries::{World, anything, compiled, fixture};

#[test]
fn each_wrong_descriptor_is_refused_by_its_field() {
    for (define, message) in [
        ("BAD_MAGIC", "descriptor.magic is 0x7: expected 0x4c505750"),
        (
            "BAD_SIZE",
            "descriptor.size is 40: this structure has 144 to 4096 bytes",
        ),
        (
            "TOO_MANY",
            "descriptor.contracts has 100000 contracts: expected 1 to 100",
        ),
        ("NO_CALL", "descriptor.call is null: expected a function"),
        (
            "BAD_TEXT",
            "descriptor.contracts[0].methods[1] is not UTF-8 from byte 2 on",
        ),
        (
            "NO_SYMBOL",
            "exports no polywire_plugin_v1: it is no plugin, or was built without export_plugin!",
        ),
        (
            "LATER_MAJOR",
            "exports no polywire_plugin_v1: it was built for version 3 of the interface, upgrade this host",
        ),
    ] {
        let world = World::new();
        let library = compiled(world.folder(), define, &[define]);
        let error = world.load(&library, "").unwrap_err().to_string();
        assert!(error.ends_with(message), "{error}");
        assert_eq!(world.ended().fate, Fate::Unmapped, "{define}");
        assert_eq!(world.lines(), Vec::<String>::new(), "{define}");
    }
}

#[test]
fn what_differs_from_what_was_promised_is_refused_before_it_is_made() {
    let world = World::new();
    let library = compiled(world.folder(), "greeter", &[]);
    let error = world
        .loader
        .load(&library, b"", &|descriptor| {
            Err(format!(
                "the manifest says 0.4.0, the library {}",
                descriptor.release
            ))
        })
        .unwrap_err()
        .to_string();
    let message = "is not what it should be: the manifest says 0.4.0, the library 0.3.1";
    assert!(error.ends_with(message), "{error}");
    assert_eq!(world.ended().fate, Fate::Unmapped);
    assert_eq!(world.lines(), Vec::<String>::new());
}

#[test]
fn a_plugin_that_refuses_to_start_says_why() {
    let world = World::new();
    let library = compiled(world.folder(), "greeter", &[]);
    let error = world.load(&library, "!").unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin greeter 0.3.1 failed in init: this configuration is not for me"
    );
    assert_eq!(world.ended().fate, Fate::Unmapped);
    let plain = fixture("plain");
    let error = world.load(&plain, "cheap").unwrap_err().to_string();
    assert!(
        error.ends_with("failed in init: \"cheap\" is no price: write cents such as 250"),
        "{error}"
    );
    assert_eq!(world.ended().fate, Fate::Unmapped);
    let error = world.load(&plain, "unfit").unwrap_err().to_string();
    assert!(
        error.ends_with("failed in self_test: the price list is empty"),
        "{error}"
    );
    assert_eq!(world.ended().fate, Fate::Unmapped);
}

#[test]
fn files_that_are_no_library_are_refused() {
    let world = World::new();
    let missing = world.folder().join("missing.so");
    let error = world.loader.load(&missing, b"", &anything).unwrap_err();
    assert!(
        error.to_string().contains("missing.so: No such file"),
        "{error}"
    );
    let text = world.folder().join("text.so");
    std::fs::write(&text, "not a library").unwrap();
    for _ in 0..2 {
        let error = world.loader.load(&text, b"", &anything).unwrap_err();
        assert!(error.to_string().contains("cannot be loaded: /"), "{error}");
    }
}

#[test]
fn a_file_is_loaded_once_whatever_its_name() {
    let world = World::new();
    let library = compiled(world.folder(), "greeter", &[]);
    let link = world.folder().join("link.so");
    std::os::unix::fs::symlink(&library, &link).unwrap();
    let hard = world.folder().join("hard.so");
    std::fs::hard_link(&library, &hard).unwrap();
    let first = world.loader.load(&library, b"", &anything).unwrap();
    for path in [&library, &link, &hard] {
        let error = world.loader.load(path, b"", &anything).unwrap_err();
        let message = "is loaded already: give each generation a copy of its own";
        assert!(error.to_string().ends_with(message), "{error}");
    }
    drop(first);
    assert_eq!(world.ended().fate, Fate::Unmapped);
    let again = world.loader.load(&hard, b"", &anything).unwrap();
    drop(again);
    assert_eq!(world.ended().fate, Fate::Unmapped);
}

#[test]
fn a_file_that_something_else_has_loaded_is_left_to_it() {
    let world = World::new();
    let library = compiled(world.folder(), "greeter", &[]);
    // SAFETY: it is a plugin in C, which has no constructors.
    let other = unsafe { libloading::Library::new(&library) }.unwrap();
    let error = world.loader.load(&library, b"", &anything).unwrap_err();
    assert!(error.to_string().contains("is loaded already"), "{error}");
    drop(other);
    drop(world.loader.load(&library, b"", &anything).unwrap());
    assert_eq!(world.ended().fate, Fate::Unmapped);
}

#[test]
fn a_new_file_is_not_taken_for_one_that_was_removed() {
    let world = World::within(Limits {
        max_resident: 2000,
        ..Limits::default()
    });
    let library = compiled(world.folder(), "greeter", &[]);
    for _ in 0..300 {
        let copy = world.copy(&library);
        let generation = world.loader.load(&copy, b"", &anything).unwrap();
        drop(generation);
        // The system may give its number to the next one as soon as nothing has it open.
        std::fs::remove_file(copy).unwrap();
    }
    for _ in 0..300 {
        assert_eq!(world.ended().fate, Fate::Unmapped);
    }
}

#[test]
fn no_more_are_resident_than_may_be() {
    let world = World::within(Limits {
        max_resident: 0,
        ..Limits::default()
    });
    let library = compiled(world.folder(), "greeter", &[]);
    let error = world.load(&library, "").unwrap_err().to_string();
    assert!(
        error.contains("plugin libraries are in this process, its maximum"),
        "{error}"
    );
    // Whatever other tests have loaded by now, those that stay are among those that are there.
    let (resident, retired) = Loader::resident();
    assert!(retired <= resident, "{retired} of {resident}");
}
