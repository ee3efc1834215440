//! Generates the gRPC service from a description in Rust, so that no `protoc` is needed.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let quote = Method::builder()
        .name("quote")
        .route_name("Quote")
        .input_type("crate::payload::Order")
        .output_type("crate::payload::Quote")
        .codec_path("tonic_prost::ProstCodec")
        .build();
    let orders = Service::builder()
        .name("Orders")
        .package("orders.v1")
        .method(quote)
        .build();
    Builder::new().compile(&[orders]);
}
