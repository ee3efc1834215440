//! Its calls may wait: they run on threads of their own.
#![allow(missing_docs, unsafe_code)]

mod provider;

const VERSION: &str = "1.5.0";

polywire_plugin_export::export_plugin!(provider::server, provider::Client; plugin = "orders", release = "1.5.0");
