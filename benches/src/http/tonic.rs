//! A tonic unary call with the same fields as protobuf over HTTP/2.

use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};

use super::load::Call;
use crate::payload::{Order, Quote};
use generated::orders_client::OrdersClient;
use generated::orders_server::{Orders, OrdersServer};

#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::doc_markdown,
    clippy::missing_errors_doc,
    reason = "generated"
)]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/orders.v1.Orders.rs"));
}

struct Handler;

#[tonic::async_trait]
impl Orders for Handler {
    async fn quote(&self, request: Request<Order>) -> Result<Response<Quote>, Status> {
        Ok(Response::new(request.into_inner().quote()))
    }
}

/// Serves until the listener fails.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener) -> Result<(), tonic::transport::Error> {
    Server::builder()
        .add_service(OrdersServer::new(Handler))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
        .await
}

/// The client: one HTTP/2 connection, as tonic has it.
#[derive(Clone, Debug)]
pub struct Client {
    orders: OrdersClient<Channel>,
}

impl Client {
    /// A client of the server at an address.
    ///
    /// # Errors
    /// When there is no connection.
    pub async fn new(address: &str) -> Result<Self, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
        Ok(Self {
            orders: OrdersClient::new(endpoint.connect().await?),
        })
    }
}

impl Call for Client {
    type Error = Status;

    async fn call(&self, order: Order) -> Result<Quote, Status> {
        // The generated client wants `&mut self`; a clone is its documented way to share a connection.
        Ok(self.orders.clone().quote(order).await?.into_inner())
    }
}
