//! The bare program: an axum handler with JSON extractors, called by reqwest.

use std::io;

use axum::routing::post;
use axum::serve::ListenerExt as _;
use axum::{Json, Router};
use tokio::net::TcpListener;

use super::load::Call;
use crate::payload::{Order, Quote};

/// Serves until the listener fails.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    let app = Router::new().route("/orders/v1/quote", post(quote));
    let listener = listener.tap_io(|stream| {
        // Without it small replies would wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app).await
}

async fn quote(Json(order): Json<Order>) -> Json<Quote> {
    Json(order.quote())
}

/// The client.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    url: reqwest::Url,
}

impl Client {
    /// A client of the server at an address.
    ///
    /// # Errors
    /// When the address makes no URL.
    pub fn new(address: &str) -> Result<Self, Box<dyn std::error::Error>> {
        Ok(Self {
            http: reqwest::Client::builder().tcp_nodelay(true).build()?,
            url: format!("http://{address}/orders/v1/quote").parse()?,
        })
    }
}

impl Call for Client {
    type Error = reqwest::Error;

    async fn call(&self, order: Order) -> Result<Quote, reqwest::Error> {
        let request = self.http.post(self.url.clone()).json(&order);
        request.send().await?.error_for_status()?.json().await
    }
}
