//! The example program, and a small part of its data.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_shop-under-test");

/// A file of the example.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples/shop")
        .join(name)
}

/// The folder of the provider's libraries, which cargo builds with the tests of the whole workspace.
pub(crate) fn plugins() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let folder = program.ancestors().nth(2).unwrap().join("examples");
    assert!(
        folder.join("libshop_orders_two.so").is_file(),
        "the libraries are missing in {}: cargo build -p shop --examples makes them",
        folder.display()
    );
    folder
}

/// The program, byte for byte.
pub(crate) fn bytes() -> Vec<u8> {
    std::fs::read(PROGRAM).unwrap()
}

/// The variables for AMQP at the broker of these tests, where the program shares nothing with any other.
pub(crate) fn amqp() -> [(&'static str, String); 3] {
    let url = std::env::var("POLYWIRE_TEST_AMQP_URL").expect(
        "POLYWIRE_TEST_AMQP_URL is not set: run `cargo xtask test`, or `cargo xtask broker up` and export what it says",
    );
    let namespace = format!("shop-{}", polywire::core::MessageId::random());
    [
        ("POLYWIRE_TRANSPORT_AMQP_URL", url),
        ("POLYWIRE_TRANSPORT_AMQP_NAMESPACE", namespace),
        ("POLYWIRE_TRANSPORT_AMQP_EXPIRE_UNUSED", "60s".to_owned()),
    ]
}

/// A folder with the first forty orders in `orders.json`: one of them refused, two cancelled.
pub(crate) fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(file("data/orders.json")).unwrap();
    let mut orders: Vec<Value> = serde_json::from_str(&text).unwrap();
    orders.truncate(40);
    std::fs::write(
        folder.path().join("orders.json"),
        serde_json::to_string(&orders).unwrap(),
    )
    .unwrap();
    folder
}

/// The program in the given roles, on that folder's orders, reporting to `report.json` there.
pub(crate) fn shop(roles: &[&str], config: &str, folder: &TempDir) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(roles).arg("--config").arg(file(config));
    command.arg("--data").arg(folder.path().join("orders.json"));
    command
        .arg("--report")
        .arg(folder.path().join("report.json"));
    command
}

/// The report that a finished program left.
pub(crate) fn report(folder: &TempDir) -> Value {
    let text = std::fs::read_to_string(folder.path().join("report.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}
