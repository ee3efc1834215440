//! What everything is posted to: a process of its own that answers `202` and counts.

use std::error::Error;
use std::io::{Write as _, stdout};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::http::{Server, parent_gone};

/// Serves on a free port of loopback, prints the address and ends with standard input.
///
/// # Errors
/// When it cannot listen.
pub async fn serve() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    writeln!(stdout(), "{}", listener.local_addr()?)?;
    let listener = listener.tap_io(|stream| {
        // Without it small answers would wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
    });
    let app = Router::new()
        .route("/hooks", post(take))
        .route("/taken/{count}", get(taken))
        .with_state(Arc::new(watch::Sender::new(0)));
    tokio::select! {
        served = axum::serve(listener, app) => Ok(served?),
        _ = parent_gone() => Ok(()),
    }
}

type Count = Arc<watch::Sender<usize>>;

async fn take(State(count): State<Count>, _body: Bytes) -> StatusCode {
    count.send_modify(|count| *count += 1);
    StatusCode::ACCEPTED
}

/// Answers when so many have been taken since it began.
async fn taken(State(count): State<Count>, Path(wanted): Path<usize>) {
    // The sender is in the state, so waiting ends with it at the latest.
    let _ = count.subscribe().wait_for(|count| *count >= wanted).await;
}

/// The running sink, and how many have been sent to it.
#[derive(Debug)]
pub(super) struct Sink {
    server: Server,
    sent: usize,
}

impl Sink {
    pub(super) async fn start() -> Result<Self, Box<dyn Error>> {
        let server = Server::start(&["sink"]).await?;
        Ok(Self { server, sent: 0 })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hooks", self.server.address)
    }

    /// Waits until so many more have been taken than were before.
    pub(super) async fn takes(&mut self, more: usize) -> Result<(), Box<dyn Error>> {
        self.sent += more;
        let url = format!("http://{}/taken/{}", self.server.address, self.sent);
        reqwest::get(url).await?.error_for_status()?;
        Ok(())
    }
}
