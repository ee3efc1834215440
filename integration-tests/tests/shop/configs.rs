//! Every configuration that the examples ship is one that `polywire check` finds nothing wrong with.

use std::path::Path;

use polywire::Polywire;
use polywire::config::Environment;

#[test]
fn the_configurations_of_the_examples_are_good() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/shop");
    let mut checked = Vec::new();
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let Some(transport) = name.strip_suffix(".toml").filter(|name| *name != "Cargo") else {
            continue;
        };
        let report = Polywire::builder()
            .config_file(&path)
            .environment(Environment::default())
            .check();
        assert!(report.is_good(), "{report:?}");
        let orders = report
            .channels
            .iter()
            .find(|channel| channel.name == "orders")
            .unwrap();
        assert_eq!(orders.transport.as_deref(), Some(transport));
        assert_eq!(orders.require.as_deref(), Some("^1.2"));
        checked.push(transport.to_owned());
    }
    checked.sort();
    assert_eq!(checked, ["amqp", "http", "memory", "plugin", "webhook"]);
}
