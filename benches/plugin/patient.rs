//! Its calls may wait: they run on threads of their own.
#![allow(missing_docs, unsafe_code)]

mod provider;

polywire_plugin_export::export_plugin!(provider::server, provider::Client);
