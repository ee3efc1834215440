//! Switching is configuration: one program, byte for byte, over every transport.

use std::ffi::OsStr;
use std::net::TcpListener;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{amqp, bytes, folder, report, shop};

/// No variables.
const NONE: [(&str, &str); 0] = [];
const EVERYTHING: [&str; 3] = ["orders", "storefront", "billing"];

/// Runs all roles in one process, which must succeed, and returns the report.
fn run(config: &str, folder: &TempDir, variables: &[(&str, impl AsRef<OsStr>)]) -> Value {
    let mut command = shop(&EVERYTHING, config, folder);
    let output = command
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    report(folder)
}

/// What was done, without how long it took and over what.
fn done(report: &Value) -> Value {
    let mut done = report.clone();
    done["transport"] = Value::Null;
    for time in ["p50_us", "p99_us"] {
        done["storefront"][time] = Value::Null;
    }
    done
}

/// An address that was free a moment ago.
fn free() -> String {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string()
}

#[test]
fn the_same_program_does_the_same_over_memory_http_and_amqp() {
    let (before, folder) = (bytes(), folder());
    let over_memory = run("memory.toml", &folder, &NONE);
    let address = free();
    let url = format!("http://{address}");
    let variables = [
        ("POLYWIRE_TRANSPORT_HTTP_LISTEN", address.as_str()),
        ("POLYWIRE_TRANSPORT_HTTP_URL", &url),
    ];
    let over_http = run("http.toml", &folder, &variables);

    assert_eq!(over_memory["transport"], "memory");
    assert_eq!(over_http["transport"], "http");
    assert_eq!(done(&over_memory), done(&over_http));
    let over_amqp = run("amqp.toml", &folder, &amqp());
    assert_eq!(over_amqp["transport"], "amqp");
    assert_eq!(done(&over_memory), done(&over_amqp));
    let storefront = json!({
        "version": "1.4.0", "orders": 40, "refused": 1, "placed": 39, "shipped": 37, "cancelled": 2, "p50_us": null, "p99_us": null
    });
    assert_eq!(done(&over_http)["storefront"], storefront);
    assert_eq!(over_http["billing"]["events"], 37);
    assert_eq!(over_http["verdict"], "ok");
    assert!(bytes() == before, "the program changed");
}

#[test]
fn a_variable_of_the_environment_switches_too() {
    let folder = folder();
    // Nothing listens and nothing is reached where http.toml says, so this cannot be HTTP.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for transport in ["memory", "amqp"] {
        let mut variables = amqp().to_vec();
        variables.push(("POLYWIRE_CHANNEL_ORDERS_TRANSPORT", transport.to_owned()));
        variables.push(("POLYWIRE_TRANSPORT_HTTP_LISTEN", address.clone()));
        let report = run("http.toml", &folder, &variables);
        assert_eq!(report["transport"], transport);
        assert_eq!(report["verdict"], "ok");
    }
}

#[test]
fn a_requirement_that_is_not_met_is_said_before_any_work() {
    let folder = folder();
    let mut command = shop(&["orders", "storefront"], "memory.toml", &folder);
    command
        .args(["--client", "2"])
        .env("POLYWIRE_CHANNEL_ORDERS_REQUIRE", "^2")
        .env("POLYWIRE_SERVICE_INSTANCE", "shop-1");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        report(&folder)["verdict"],
        "call orders.quote: no version of contract \"orders\" satisfies ^2: the provider \"shop-1\" offers 1.4.0 (another major); upgrade the provider to 2.x or require ^1.4"
    );
}
