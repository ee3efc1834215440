//! Its calls end soon: they run where their callers are.
#![allow(missing_docs, unsafe_code)]

mod provider;

polywire_plugin_export::export_plugin!(provider::server, provider::Client; short);
