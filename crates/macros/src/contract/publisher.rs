//! The typed publisher of a provider, and a type per event.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Visibility;

use super::interaction::Interaction;
use super::parse::Declaration;
use crate::naming;

pub(super) fn write(declaration: &Declaration) -> TokenStream {
    let events: Vec<&Interaction> = declaration.events().collect();
    if events.is_empty() {
        return TokenStream::new();
    }
    let Declaration {
        visibility,
        name,
        version,
        ..
    } = declaration;
    let private = declaration.root.private();
    let publisher = declaration.named("Publisher");
    let document = declaration.document();
    let module = declaration.events_module();
    let marker = |event: &Interaction| {
        format_ident!("{}", naming::camel(&event.name), span = event.ident.span())
    };
    let inner = inside_module(visibility);
    let markers = events.iter().map(|event| {
        let marker = marker(event);
        let carried = event.carried(&format!("Event `{name}.{}`.", event.name));
        quote!(#carried #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)] #inner struct #marker;)
    });
    let types = events.iter().map(|event| {
        let (marker, event_name) = (marker(event), &event.name);
        let payload = event.payload_type(&private);
        quote! {
            #[automatically_derived]
            #[allow(deprecated)]
            impl #private::core::EventType for #module::#marker {
                type Payload = #payload;
                const NAME: #private::contract::Name = #private::contract::Name::from_static(#event_name);

                fn contract() -> #private::core::Result<::std::sync::Arc<#private::contract::Contract>> {
                    #document()
                }
            }
        }
    });
    let methods = events.iter().map(|event| {
        let (ident, marker) = (&event.ident, marker(event));
        let carried = event.carried(&format!("Publishes `{name}.{}`.", event.name));
        let (parameter, argument) = match &event.payload {
            Some((payload, ty)) => (quote!(, #payload: &#ty), quote!(#payload)),
            None => (TokenStream::new(), quote!(&#private::core::Empty {})),
        };
        quote! {
            #carried
            ///
            /// # Errors
            /// Why nobody took responsibility for it.
            #[allow(deprecated)]
            #visibility async fn #ident(&self #parameter) -> #private::core::Result<#private::core::Receipt> {
                self.publisher.publish::<#module::#marker>(#argument).await
            }
        }
    });
    let summary =
        format!("Publisher of the events of contract `{name}` {version}; cheap to clone.");
    let module_summary =
        format!("The events of contract `{name}` {version} as types, for `Versions::adapt_event`.");
    quote! {
        #[doc = #module_summary]
        // A marker is as visible as the contract, whose payloads need not be more visible than that.
        #[allow(unreachable_pub)]
        #visibility mod #module {
            #(#markers)*
        }

        #(#types)*

        #[doc = #summary]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #visibility struct #publisher {
            publisher: #private::core::Publisher,
        }

        impl #publisher {
            /// The same publisher with options for what it publishes.
            #[must_use]
            #visibility fn with(&self, options: #private::core::CallOptions) -> Self {
                Self { publisher: self.publisher.with(options) }
            }

            #(#methods)*
        }

        #[automatically_derived]
        impl #private::core::ContractPublisher for #publisher {
            fn contract() -> #private::core::Result<::std::sync::Arc<#private::contract::Contract>> {
                #document()
            }

            fn new(publisher: #private::core::Publisher) -> Self {
                Self { publisher }
            }
        }
    }
}

/// The same visibility as seen from one module further inside: a type may not be more visible than its payload.
fn inside_module(visibility: &Visibility) -> TokenStream {
    match visibility {
        Visibility::Public(_) => quote!(pub),
        Visibility::Inherited => quote!(pub(super)),
        Visibility::Restricted(restricted) => {
            let path = &restricted.path;
            let relative = path
                .segments
                .first()
                .is_some_and(|first| first.ident != "crate");
            match path.get_ident() {
                Some(only) if only == "self" => quote!(pub(super)),
                _ if relative => quote!(pub(in super::#path)),
                _ => quote!(pub(in #path)),
            }
        }
    }
}
