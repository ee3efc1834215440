//! The example prints what its readers are told, and answers whoever speaks plain HTTP.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_axum-router");

#[test]
fn it_prints_what_is_expected() {
    let output = Command::new(PROGRAM)
        .env("ADDRESS", "127.0.0.1:0")
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello Ada\n");
    assert!(output.status.success());
}

/// Ends with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only for a process that has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn its_own_routes_and_those_of_the_contract_are_one_application() {
    let mut command = Command::new(PROGRAM);
    command
        .arg("--stay")
        .env("ADDRESS", "127.0.0.1:0")
        .stdout(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    let output = BufReader::new(running.0.stdout.take().unwrap());
    let ready = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.strip_prefix("ready http://").map(str::to_owned));
    let address = ready.unwrap();

    let (head, body) = ask(&address, "GET / HTTP/1.1", "");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, "a shop");

    let (head, body) = ask(
        &address,
        "POST /greetings/v1/greet HTTP/1.1",
        "{\"name\":\"Grace\"}",
    );
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.to_ascii_lowercase()
            .contains("\r\ncontract-version: 1.0.0\r\n"),
        "{head}"
    );
    assert_eq!(body, "{\"text\":\"hello Grace\"}");
}

/// A request as anybody would write it; the head and the body of the answer.
fn ask(address: &str, line: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let length = body.len();
    write!(
        stream,
        "{line}\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (format!("{head}\r\n"), body.to_owned())
}
