//! The demonstration, as `cargo xtask demo` runs it, on a small data file.

use xtask::demo::{Demo, Plugins};

use crate::program;

#[test]
fn every_transport_has_its_row_and_the_refusal_is_resolved() {
    let (before, folder) = (program::bytes(), program::folder());
    let demo = Demo::new(
        program::PROGRAM.into(),
        Plugins::within(&program::plugins()),
        folder.path().join("orders.json"),
        folder.path().join("reports"),
    );
    let mut out = Vec::new();
    demo.run(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();

    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with('│'))
        .map(|line| {
            line.split(['│', '┆'])
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    let without_times =
        |row: &Vec<&str>| [row[0], row[1], row[2], row[3], row[5]].map(str::to_owned);
    let found: Vec<_> = rows.iter().map(without_times).collect();
    let title = ["transport", "version agreed", "orders", "events", "verdict"];
    let expected = [
        title,
        ["memory", "1.4.0", "40", "37", "ok"],
        ["http", "1.4.0", "40", "37", "ok"],
        ["amqp", "1.4.0", "40", "37", "ok"],
        ["webhook", "1.4.0", "40", "37", "ok"],
        ["plugin", "1.4.0", "40", "37", "ok"],
        title,
        ["http", "2.0.0", "40", "37", "ok"],
        title,
        ["amqp", "1.4.0", "40", "37", "ok"],
        title,
        ["webhook", "1.4.0", "40", "37", "ok"],
    ];
    assert_eq!(found, expected.map(|row| row.map(str::to_owned)), "{text}");

    assert!(
        text.contains("with http.toml, switched by POLYWIRE_CHANNEL_ORDERS_TRANSPORT=amqp:"),
        "{text}"
    );

    let refusal = text
        .lines()
        .find(|line| line.contains("no version of contract"))
        .unwrap();
    assert!(
        refusal.starts_with(
            "  call orders.quote: no version of contract \"orders\" satisfies ^2: the provider "
        ),
        "{refusal}"
    );
    assert!(
        refusal.ends_with(
            " offers 1.4.0 (another major); upgrade the provider to 2.x or require ^1.4"
        ),
        "{refusal}"
    );
    for said in [
        "  1.4.0 serves\n",
        "\n  1.5.0 is deployed, and serves ",
        "\n  2.0.0 cannot take its place: release 2.0.0",
        "\n  2.0.0 is deployed beside it, and 1.5.0 serves on\n",
        "\n  1.4.0 is back ",
        " after a rollback\n",
        " the deployment window of plugin \"orders\" has expired: repository ",
        "\n  it is back: calls are let in ",
        " were refused, all while the repository was away\n",
    ] {
        assert!(text.contains(said), "{said:?}: {text}");
    }
    assert!(program::bytes() == before, "the program changed");
}
