//! The contracts of a transport as routes of somebody else's application.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::{MethodRouter, any};

use crate::server::Server;

/// Routes for every contract that is or will be served, or for the extension, and for discovery. Health is left to the application.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(server: &Arc<Server>) -> Router<S> {
    let handler = || -> MethodRouter<S> {
        let server = server.clone();
        any(move |request: Request| async move { server.handle(request).await.map(Body::new) })
    };
    let documents = Router::new()
        .route("/contracts/{contract}/{document}", handler())
        .route(crate::wire::OFFERS_PATH, handler());
    match server.prefix() {
        Some(prefix) => documents.route(&format!("{prefix}/{{*path}}"), handler()),
        None => documents
            .route("/{contract}/{track}/{interaction}", handler())
            .route("/{contract}/{track}/{interaction}/settle", handler()),
    }
}
