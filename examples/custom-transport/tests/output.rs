//! The example prints what its readers are told, and its table is checked like any other.

use std::net::TcpListener;
use std::process::Command;

use custom_transport::LineFactory;
use polywire::Polywire;
use polywire::config::Environment;

#[test]
fn it_prints_what_is_expected() {
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_custom-transport"));
    command
        .env("POLYWIRE_TRANSPORT_LINE_LISTEN", &address)
        .env("POLYWIRE_TRANSPORT_LINE_CONNECT", &address);
    let output = command.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "hello Ada, in version 1.0.0\nline has no discover: call, and read the agreement of the session\n"
    );
    assert!(output.status.success());
}

#[test]
fn mistakes_in_its_table_have_a_line() {
    let text = "[channel.greetings]\ntransport = \"line\"\n[transport.line]\nlisten = \"0.0.0.0:1\"\nconect = \"127.0.0.1:1\"\n";
    let builder = Polywire::builder().transport(LineFactory).unwrap();
    let report = builder
        .config_text("line.toml", text)
        .environment(Environment::default())
        .check();
    let mistakes: Vec<_> = report.mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(
        mistakes,
        [
            "line.toml:4:10: 0.0.0.0:1 is not on this machine, and nothing here is encrypted: use 127.0.0.1",
            "line.toml:5:1: unknown key \"conect\" in [transport.line]: did you mean \"connect\"? valid keys: connect, listen, max_payload, type",
        ]
    );
}
