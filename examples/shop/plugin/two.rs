//! The shop's provider of version 2 alone, as a shared library.

polywire::export_plugin!(
    shop::orders::export_two,
    shop::v2::OrdersClient;
    plugin = "orders",
    release = "2.0.0"
);
