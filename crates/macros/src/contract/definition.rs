//! The trait that a provider implements.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ReturnType;
use syn::spanned::Spanned;

use super::interaction::Interaction;
use super::parse::Declaration;

pub(super) fn write(declaration: &Declaration) -> TokenStream {
    let Declaration {
        attributes,
        visibility,
        ident,
        supertraits,
        name,
        ..
    } = declaration;
    let methods = declaration.handled().map(method);
    let supertraits = supertraits.iter();
    let message = format!("`{{Self}}` does not implement the contract `{ident}`");
    let note = format!(
        "write `impl {ident} for {{Self}}` with an `async fn` per operation and command of {name:?}"
    );
    quote! {
        #(#attributes)*
        #[diagnostic::on_unimplemented(message = #message, note = #note)]
        #visibility trait #ident: #(#supertraits +)* ::core::marker::Send + ::core::marker::Sync + 'static {
            #(#methods)*
        }
    }
}

/// The method with a `Send` future: handlers run on any thread, and `async fn` in a trait does not promise that.
fn method(interaction: &Interaction) -> TokenStream {
    let attributes = &interaction.attributes;
    let signature = &interaction.signature;
    let (ident, inputs) = (&signature.ident, &signature.inputs);
    let output = match &signature.output {
        ReturnType::Type(_, output) => quote!(#output),
        ReturnType::Default => quote!(()),
    };
    let future = quote_spanned!(signature.output.span()=>
        impl ::core::future::Future<Output = #output> + ::core::marker::Send
    );
    quote! {
        #(#attributes)*
        fn #ident(#inputs) -> #future;
    }
}
