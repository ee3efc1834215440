//! From a release to what serves.

use serde_json::json;

use crate::world::{World, short, words};

#[test]
fn releases_are_deployed_taken_back_and_revoked() {
    let (world, old) = World::deployed("1.4.0");
    let new = world.published("1.5.0");
    let told = world.write("deploy 1.5.0");
    let expected = json!({
        "plugin": "orders",
        "seq": 2,
        "majors": {"1": new},
        "replaced": {"1": old},
    });
    assert_eq!(told, expected);

    let status = world.look("status");
    let plugin = &status["plugins"][0];
    assert_eq!(plugin["index"]["majors"], json!({"1": new}));
    assert_eq!(plugin["index"]["previous"], json!({"1": old}));
    assert_eq!(
        plugin["releases"],
        json!([
            {"release": old, "majors": [], "revoked": false},
            {"release": new, "majors": [1], "revoked": false},
        ])
    );

    let back = world.run("rollback --key publisher.key");
    assert_eq!(
        words(&back.out),
        format!("major release before\n1 {} {}", short(&old), short(&new))
    );
    assert_eq!((back.code, back.err.as_str()), (Some(0), ""));
    let error = world.refused("rollback --key publisher.key");
    assert_eq!(
        error,
        "major 1 of plugin orders has no release to go back to: deploy one by its version"
    );
    let told = world.write(&format!("rollback --major 1 --to {}", short(&new)));
    assert_eq!(told["majors"], json!({"1": new}));

    world.write("deploy 1.4.0");
    world.write("deploy 1.5.0");
    let told = world.write("revoke 1.5.0");
    let expected = json!({
        "plugin": "orders",
        "seq": 7,
        "revoked": new,
        "fell_back": {"1": old},
        "ended": [],
    });
    assert_eq!(told, expected);
    let error = world.refused("deploy 1.5.0 --key publisher.key");
    assert_eq!(
        error,
        format!("release {new} is revoked: publish a new version")
    );
    let ended = world.run("revoke 1.4.0 --key publisher.key");
    assert_eq!(
        ended.out,
        format!(
            "{} is revoked\nmajor 1 is served by nothing: deploy a release\n",
            short(&old)
        )
    );
    let status = world.run(&format!("status --trust {}", world.public));
    let table = words(&status.out);
    assert!(
        table.ends_with(&format!(
            "\nrelease serves revoked\n{} - yes\n{} - yes",
            short(&old),
            short(&new)
        )),
        "{table}"
    );
}

#[test]
fn a_release_is_deployed_for_every_major_that_it_serves_or_for_those_named() {
    let (world, old) = World::deployed("1.4.0");
    world.compile("both", &["TWO_MAJORS", "RELEASE=\"2.0.0\""]);
    let told = world.write("publish both.so");
    let both = &told["release"];
    let told = world.write("deploy 2.0.0 --major 2");
    assert_eq!(told["majors"], json!({"1": old, "2": both}));
    assert_eq!(told["replaced"], json!({"2": null}));
    let told = world.write("deploy 2.0.0 --expected-seq 2");
    assert_eq!(told["majors"], json!({"1": both, "2": both}));
    assert_eq!(told["replaced"], json!({"1": old, "2": both}));

    let error = world.refused("deploy 2.0.0 --expected-seq 2 --key publisher.key");
    assert_eq!(
        error,
        "the index has seq 3, and 2 was expected: look at what was deployed in between"
    );
    let error = world.refused("deploy 2.0.0 --major 3 --key publisher.key");
    assert!(
        error.ends_with(" serves no contract of major 3: it serves 1, 2"),
        "{error}"
    );
    let error = world.refused("rollback --key publisher.key");
    assert_eq!(
        error,
        "plugin orders is deployed for several majors, 1, 2: add --major"
    );
    assert_eq!(
        world.write("rollback --major 1")["majors"],
        json!({"1": old, "2": both})
    );
}
