//! Run with `cargo run -p shop -- orders storefront billing --config examples/shop/memory.toml`, or each role in a
//! terminal of its own with `--config examples/shop/http.toml`.

use clap::Parser;
use shop::options::Options;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> shop::Result<()> {
    let filter = EnvFilter::try_from_env("POLYWIRE_LOG").unwrap_or_else(|_| EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    shop::run(&Options::parse()).await
}
