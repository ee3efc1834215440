//! The provider that stands between a service and the user's handler.

use proc_macro2::TokenStream;
use quote::quote;

use super::interaction::Interaction;
use super::parse::Declaration;

pub(super) fn write(declaration: &Declaration) -> TokenStream {
    let Declaration {
        visibility,
        ident,
        name,
        version,
        ..
    } = declaration;
    let private = declaration.root.private();
    let server = declaration.named("Server");
    let document = declaration.document();
    let arms: Vec<TokenStream> = declaration
        .handled()
        .map(|interaction| arm(declaration, interaction, &private))
        .collect();
    // A contract of events alone handles nothing.
    let unused = arms.is_empty().then(|| quote!(let _ = (handler, body);));
    let summary = format!("Provider of contract `{name}` {version}, answered by a handler.");
    quote! {
        #[doc = #summary]
        #visibility struct #server<T> {
            handler: ::std::sync::Arc<T>,
        }

        impl<T: #ident> #server<T> {
            /// A provider that answers with this handler.
            #[must_use]
            #visibility fn new(handler: T) -> Self {
                Self::from_arc(::std::sync::Arc::new(handler))
            }

            /// A provider that shares its handler, with the adapter of another version for example.
            #[must_use]
            #visibility fn from_arc(handler: ::std::sync::Arc<T>) -> Self {
                Self { handler }
            }
        }

        #[automatically_derived]
        impl<T> ::core::clone::Clone for #server<T> {
            fn clone(&self) -> Self {
                Self { handler: ::core::clone::Clone::clone(&self.handler) }
            }
        }

        #[automatically_derived]
        impl<T> ::core::fmt::Debug for #server<T> {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.debug_struct(::core::stringify!(#server)).field("version", &#version).finish_non_exhaustive()
            }
        }

        #[automatically_derived]
        impl<T: #ident> #private::core::Provider for #server<T> {
            fn contract(&self) -> #private::core::Result<::std::sync::Arc<#private::contract::Contract>> {
                #document()
            }

            #[allow(deprecated)]
            fn handle<'a>(
                &'a self,
                cx: &'a #private::core::Context,
                body: #private::bytes::Bytes,
            ) -> #private::BoxFuture<'a, #private::core::Result<#private::core::Answer>> {
                let handler: &'a T = &self.handler;
                #unused
                match cx.head().interaction.as_str() {
                    #(#arms)*
                    _ => #private::no_handler(cx),
                }
            }
        }
    }
}

/// A future of its own per interaction, so that none is as large as the largest.
fn arm(declaration: &Declaration, interaction: &Interaction, private: &TokenStream) -> TokenStream {
    let contract = &declaration.ident;
    let (ident, name) = (&interaction.ident, &interaction.name);
    let (decode, argument) = match &interaction.payload {
        Some((_, ty)) => (
            quote!(let payload: #ty = #private::payload::<#ty>(body)?;),
            quote!(, payload),
        ),
        None => (quote!(#private::no_payload(body)?;), TokenStream::new()),
    };
    let wire_reply = interaction.reply_type(private);
    let wire_error = interaction.error_type(private);
    let reply = interaction
        .replies_nothing()
        .then(|| quote!(.map(|()| #private::core::Empty {})));
    let never = interaction
        .cannot_fail()
        .then(|| quote!(.map_err(|never| -> #private::core::NoError { match never {} })));
    quote! {
        #name => ::std::boxed::Box::pin(async move {
            #decode
            #private::answer::<#wire_reply, #wire_error>(<T as #contract>::#ident(handler, cx #argument).await #reply #never)
        }),
    }
}
