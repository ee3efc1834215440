//! Nothing in a file or the environment makes reading panic.

use super::{parse, read, wrong};
use crate::config::{Document, Environment};

const FILE: &str = r#"[service]
name = "storefront"
[channel.orders]
contract = "orders"
require = ["^2.0", "^1.2"]
transport = "http"
need = { trust = "untrusted" }
timeout = "10s"
[[channel.many]]
a.b."c d" = '''x'''
[transport.http]
url = "http://${HOST:-127.0.0.1}:7411"
token = "$${x}${TOKEN}"
max_body = "64KiB"
connections = 0x10
tls.cert = "a\u00e9"
"#;

/// A small generator with a fixed seed, so that a failure repeats.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (sides as u64)).unwrap_or(0)
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        // Mostly what TOML gives a meaning to.
        const ALPHABET: &[u8] = b"[]{}=.,\"'#\n\r\t \\$-_+:axT01e";
        let length = self.roll(most + 1);
        (0..length)
            .map(|_| match self.roll(8) {
                0 => u8::try_from(self.roll(256)).unwrap_or(0),
                _ => ALPHABET[self.roll(ALPHABET.len())],
            })
            .collect()
    }
}

fn survives(bytes: &[u8], environment: &Environment) {
    let text = String::from_utf8_lossy(bytes);
    let document = Document::parse("polywire.toml", &text, environment);
    read(&document);
    if let Err(mistakes) = document.finish() {
        assert!(mistakes.count() > 0);
        for mistake in &mistakes {
            let shown = mistake.to_string();
            assert!(!shown.contains('\n'), "{shown}");
        }
    }
    let printed = document.redacted();
    // What is printed is a config again, whatever was read.
    let again = toml::de::DeTable::parse(&printed);
    assert!(again.is_ok(), "{again:?}\n{printed}\nfrom\n{text}");
}

#[test]
fn random_bytes() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for _ in 0..2_000 {
        let bytes = dice.bytes(120);
        survives(&bytes, &Environment::new());
    }
}

#[test]
fn mutated_files() {
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    for _ in 0..2_000 {
        let mut bytes = FILE.as_bytes().to_vec();
        for _ in 0..=dice.roll(6) {
            let at = dice.roll(bytes.len());
            let end = (at + dice.roll(12)).min(bytes.len());
            let insert = if dice.roll(3) == 0 {
                let from = dice.roll(FILE.len());
                FILE.as_bytes()[from..(from + dice.roll(40)).min(FILE.len())].to_vec()
            } else {
                dice.bytes(4)
            };
            bytes.splice(at..end, insert);
            if bytes.is_empty() {
                break;
            }
        }
        survives(&bytes, &Environment::new().with("TOKEN", "t"));
    }
}

#[test]
fn random_variables() {
    let mut dice = Dice(0x1234_5678_9abc_def1);
    let words = [
        "CHANNEL",
        "ORDERS",
        "TRANSPORT",
        "HTTP",
        "TLS",
        "CERT",
        "NEED",
        "TRUST",
        "SERVICE",
        "NAME",
        "_",
        "",
        "x",
        "CONNECTIONS",
        "HOSTS",
        "REQUIRE",
    ];
    for _ in 0..1_000 {
        let mut environment = Environment::new();
        for _ in 0..=dice.roll(5) {
            let mut name = "POLYWIRE".to_owned();
            for _ in 0..dice.roll(6) {
                name.push('_');
                name.push_str(words[dice.roll(words.len())]);
            }
            let value = match dice.roll(4) {
                0 => "{ a.b = [1, { c = 'x' }] }".to_owned(),
                1 => "[\"a\", 2, [3]]".to_owned(),
                _ => String::from_utf8_lossy(&dice.bytes(12)).into_owned(),
            };
            environment = environment.with(name, value);
        }
        survives(FILE.as_bytes(), &environment);
        survives(b"", &environment);
    }
}

#[test]
fn depth_is_bounded() {
    assert_eq!(
        wrong(&parse(&format!("{}a = 1\n", "a.".repeat(100_000)))),
        "polywire.toml:1:66: a key with more than 32 dots"
    );
    assert_eq!(
        wrong(&parse(&format!("[{}a]\n", "a . ".repeat(100_000)))),
        "polywire.toml:1:132: a key with more than 32 dots"
    );
    let rule = format!("  # {}\n", ".".repeat(200));
    assert_eq!(wrong(&parse(&rule)), "");
    let nested = format!("service = {}1{}\n", "[".repeat(60), "]".repeat(60));
    assert_eq!(
        wrong(&parse(&nested)),
        "polywire.toml:1:42: values nest deeper than 32"
    );
    for (open, close) in [
        ("[", "]"),
        ("{a=", "}"),
        ("{a.b.c.d.e.f.g.h=", "}"),
        ("[{a.a.a.a.a.a.a.a.a.a.a=", "}]"),
    ] {
        for depth in [30, 79, 5_000] {
            let text = format!("service = {}1{}\n", open.repeat(depth), close.repeat(depth));
            survives(text.as_bytes(), &Environment::new());
            let value = text.trim_start_matches("service = ");
            survives(b"", &Environment::new().with("POLYWIRE_SERVICE", value));
        }
    }
}

#[test]
fn size_is_bounded() {
    let text = "#".repeat(crate::config::MAX_FILE_BYTES + 1);
    assert_eq!(
        wrong(&parse(&text)),
        "polywire.toml: 1048577 bytes or more are too large for a config file: at most 1048576 bytes"
    );
}
