//! Run with `cargo run -p axum-router`.
//!
//! While it runs (`-- --stay`), a plain `curl` is a consumer too:
//! `curl http://127.0.0.1:7431/greetings/v1/greet --json '{"name":"Ada"}'`.

#![allow(clippy::print_stdout, reason = "this is what it shows")]

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use polywire::http::{HttpConfig, HttpTransport};
use polywire::prelude::*;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

#[polywire::contract(name = "greetings", version = "1.0.0")]
trait Greetings {
    #[idempotent]
    async fn greet(&self, cx: &Context, guest: Guest) -> Result<Greeting, NoError>;
}

#[polywire::payload]
struct Guest {
    name: String,
}

#[polywire::payload]
struct Greeting {
    text: String,
}

struct Host;

impl Greetings for Host {
    async fn greet(&self, _: &Context, guest: Guest) -> Result<Greeting, NoError> {
        let text = format!("hello {}", guest.name);
        Ok(Greeting { text })
    }
}

/// The application: its own routes, and those of every contract that the transport serves.
fn app(transport: &HttpTransport) -> Router {
    Router::new()
        .route("/", get(async || "a shop"))
        .merge(transport.router())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let transport = Arc::new(HttpTransport::new(HttpConfig::default(), false)?);
    let app = app(&transport);
    let provider = Polywire::builder()
        .config_text(
            "provider.toml",
            "[channel.greetings]\ntransport = \"app\"\n",
        )
        .ready_transport("app", transport)
        .build()?;
    provider
        .provide("greetings", GreetingsServer::new(Host))
        .await?;

    let address = std::env::var("ADDRESS").unwrap_or_else(|_| "127.0.0.1:7431".to_owned());
    let listener = TcpListener::bind(address).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        let stopped = async { stopped.await.unwrap_or_default() };
        axum::serve(listener, app)
            .with_graceful_shutdown(stopped)
            .await
    });

    let config =
        format!("[channel.greetings]\ntransport = \"http\"\n[transport.http]\nurl = \"{url}\"\n");
    let consumer = Polywire::builder()
        .config_text("consumer.toml", config)
        .build()?;
    let greetings: GreetingsClient = consumer.connect("greetings").await?;
    let greeting = greetings
        .greet(Guest {
            name: "Ada".to_owned(),
        })
        .await?;
    println!("{}", greeting.text);
    consumer.close().await?;

    if std::env::args().any(|argument| argument == "--stay") {
        println!("ready {url}");
        provider.run().await?;
    } else {
        provider.run_until(std::future::ready(())).await?;
    }
    let _ = stop.send(());
    Ok(serving.await??)
}
