//! Its calls end soon: they run where their callers are.
#![allow(missing_docs, unsafe_code)]

mod provider;

const VERSION: &str = "1.4.0";

polywire_plugin_export::export_plugin!(provider::server, provider::Client; plugin = "orders", release = "1.4.0", short);
