//! The shop's provider as a shared library, which `transport = "plugin"` loads.

polywire::export_plugin!(
    shop::orders::export,
    shop::v1::OrdersClient;
    plugin = "orders",
    release = "1.4.0"
);
