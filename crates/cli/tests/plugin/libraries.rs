//! What is packed, and what cannot be.

use std::fs;

use serde_json::json;

use crate::world::{World, example, here};

#[test]
fn a_library_is_packed_and_published_as_it_describes_itself() {
    let world = World::new();
    let library = example();
    let library = library.to_str().unwrap();
    let packed = world.json(&format!("pack {library} --to packed"));
    let release = packed["release"].as_str().unwrap();
    assert!(release.starts_with(concat!(env!("CARGO_PKG_VERSION"), "+")));
    assert_eq!(packed["plugin"], env!("CARGO_PKG_NAME"));
    assert_eq!(packed["platforms"], json!([here()]));
    assert_eq!(packed["folder"], "packed");
    let contract = &packed["contracts"][0];
    assert_eq!(
        (&contract["name"], &contract["version"]),
        (&json!("orders"), &json!("1.4.0"))
    );
    assert_eq!(contract["interactions"], json!(["count", "shipped"]));
    assert!(contract["digest"].as_str().unwrap().starts_with("sha256:"));

    // What one machine packed, another one signs; and the same library is the same release.
    let published = world.write("publish --packed packed --create");
    assert_eq!(
        (&published["release"], &published["new"]),
        (&packed["release"], &json!(true))
    );
    let again = world.run(&format!("publish {library} --key publisher.key"));
    assert_eq!((again.code, again.out), (Some(0), format!("{release}\n")));
    assert!(
        again
            .err
            .ends_with(" was there already, with the same content\n"),
        "{}",
        again.err
    );
}

#[test]
fn libraries_for_several_platforms_are_one_release() {
    let world = World::new();
    world.compile("liborders", &["TWO_MAJORS"]);
    fs::write(
        world.path().join("foreign.so"),
        b"built for another machine",
    )
    .unwrap();
    let told = world.write(&format!(
        "publish --create --library s390x-linux-gnu=foreign.so --library {}=liborders.so",
        here()
    ));
    assert_eq!(told["platforms"], json!(["s390x-linux-gnu", here()]));
    let versions = told["contracts"].as_array().unwrap().iter();
    let versions: Vec<_> = versions.map(|contract| &contract["version"]).collect();
    assert_eq!(versions, ["1.4.0", "2.0.0"]);
    assert_eq!(world.look("verify")["problems"], json!([]));
}

#[test]
fn a_library_that_tells_what_it_serves_is_heard_and_served_nothing() {
    let world = World::new();
    world.compile("liborders", &["DESCRIBES"]);
    let ran = world.run("pack liborders.so --to packed --format json");
    let logged = "the library logs: what I serve\n";
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), logged));
    let told: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(told["contracts"][0]["version"], "1.4.0");
}

#[test]
fn what_is_no_library_is_told() {
    let world = World::new();
    fs::write(world.path().join("notes.so"), b"no library").unwrap();
    world.compile("nameless", &["NAMELESS"]);
    world.compile("vague", &["RELEASE=\"1.4\""]);
    let path = |name: &str| world.path().join(name).display().to_string();
    let pack = |what: &str| world.refused(&format!("pack {what} --to packed"));
    assert_eq!(
        pack("nowhere.so"),
        "library \"nowhere.so\" cannot be read: No such file or directory (os error 2)"
    );
    assert_eq!(
        pack("."),
        "library \".\" is no file: name a library that was built"
    );
    let notes = path("notes.so");
    let error = pack(&notes);
    assert!(
        error.starts_with(&format!("plugin {notes} cannot be loaded: {notes}: ")),
        "{error}"
    );
    let nameless = path("nameless.so");
    assert_eq!(
        pack(&nameless),
        format!(
            "plugin {nameless}: its contract orders 1.4.0 has no fingerprint: write the SHA-256 of its canonical contract.json \
             into the descriptor"
        )
    );
    let error = pack("vague.so");
    assert!(
        error.starts_with(
            "plugin vague.so: descriptor.release is wrong: \"1.4\" is no release version: "
        ),
        "{error}"
    );
    assert_eq!(
        pack("--library s390x-linux-gnu=notes.so"),
        format!(
            "no library for this machine, {}, among those for s390x-linux-gnu: one is needed, since it is asked what it serves",
            here()
        )
    );
    assert!(!world.path().join("packed").exists());
    world.compile("liborders", &[]);
    let error = world.refused("pack liborders.so --to .");
    assert!(
        error.ends_with("name a folder that is new or empty"),
        "{error}"
    );
}
