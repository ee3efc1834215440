//! The contract document, built once from the payload types.

use proc_macro2::TokenStream;
use quote::quote;

use super::interaction::{Interaction, Kind};
use super::parse::Declaration;

pub(super) fn write(declaration: &Declaration) -> TokenStream {
    let Declaration { name, version, .. } = declaration;
    let private = declaration.root.private();
    let document = declaration.document();
    let description = declaration.description.iter();
    let interactions = declaration
        .interactions
        .iter()
        .map(|interaction| describe(interaction, &private));
    let contract = quote!(#private::core::Result<::std::sync::Arc<#private::contract::Contract>>);
    quote! {
        #[doc(hidden)]
        fn #document() -> #contract {
            static CONTRACT: #private::Document = #private::Document::new();
            CONTRACT.get(|| {
                let contract = #private::contract::Contract::builder(#name, #version);
                #(let contract = contract.description(#description);)*
                #(let contract = #interactions;)*
                #private::document(#name, #version, contract.build())
            })
        }
    }
}

fn describe(interaction: &Interaction, private: &TokenStream) -> TokenStream {
    let payload = interaction.payload_type(private);
    let reply = interaction.reply_type(private);
    let error = interaction.error_type(private);
    let describe = match interaction.kind {
        Kind::Operation => quote!(operation::<#payload, #reply, #error>),
        Kind::Command => quote!(command::<#payload, #error>),
        Kind::Event => quote!(event::<#payload>),
    };
    let Interaction {
        name, idempotent, ..
    } = interaction;
    let since = optional(interaction.since.as_deref());
    let deprecated = optional(interaction.deprecated.as_deref());
    let description = optional(interaction.description.as_deref());
    quote! {
        #private::#describe(contract, #private::contract::InteractionInfo {
            name: #name,
            since: #since,
            deprecated: #deprecated,
            idempotent: #idempotent,
            description: #description,
        })
    }
}

fn optional(text: Option<&str>) -> TokenStream {
    match text {
        Some(text) => quote!(::core::option::Option::Some(#text)),
        None => quote!(::core::option::Option::None),
    }
}
