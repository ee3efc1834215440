//! `#[contract]`: a trait becomes a contract.

mod client;
mod definition;
mod document;
mod interaction;
mod parse;
mod publisher;
mod server;
mod signature;

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser;

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let parsed = parse::Arguments::parse
        .parse2(arguments)
        .and_then(|arguments| parse::Declaration::parse(arguments, item));
    let declaration = match parsed {
        Ok(declaration) => declaration,
        Err(mistakes) => return mistakes.into_compile_error(),
    };
    let definition = definition::write(&declaration);
    let document = document::write(&declaration);
    let client = client::write(&declaration);
    let server = server::write(&declaration);
    let publisher = publisher::write(&declaration);
    quote!(#definition #document #client #server #publisher)
}
