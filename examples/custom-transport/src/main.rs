//! Run with `cargo run -p custom-transport`.

#![allow(clippy::print_stdout, reason = "this is what it shows")]

use custom_transport::LineFactory;
use polywire::prelude::*;

const CONFIG: &str = r#"
    [channel.greetings]
    transport = "line"

    [transport.line]
    listen = "127.0.0.1:7421"
    connect = "127.0.0.1:7421"
"#;

#[polywire::contract(name = "greetings", version = "1.0.0")]
trait Greetings {
    async fn greet(&self, cx: &Context, name: Name) -> Result<Greeting, std::convert::Infallible>;
}

#[polywire::payload]
struct Name {
    name: String,
}

#[polywire::payload]
struct Greeting {
    text: String,
}

struct Host;

impl Greetings for Host {
    async fn greet(
        &self,
        cx: &Context,
        Name { name }: Name,
    ) -> Result<Greeting, std::convert::Infallible> {
        let text = format!("hello {name}, in version {}", cx.version());
        Ok(Greeting { text })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let wire = Polywire::builder()
        .transport(LineFactory)?
        .config_text("line.toml", CONFIG)
        .build()?;
    wire.provide("greetings", GreetingsServer::new(Host))
        .await?;

    let greetings: GreetingsClient = wire.connect("greetings").await?;
    let greeting = greetings
        .greet(Name {
            name: "Ada".to_owned(),
        })
        .await?;
    println!("{}", greeting.text);

    // What a transport does not have, it says.
    let session = greetings.session();
    if let Err(error) = session
        .channel()
        .discover(session.requirement().contract())
        .await
    {
        println!("{error}");
    }
    wire.close().await?;
    Ok(())
}
