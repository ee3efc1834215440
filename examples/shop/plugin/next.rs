//! The same provider, as its next release.

polywire::export_plugin!(
    shop::orders::export,
    shop::v1::OrdersClient;
    plugin = "orders",
    release = "1.5.0"
);
