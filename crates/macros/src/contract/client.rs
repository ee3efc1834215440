//! The typed client of a consumer.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use super::interaction::{Interaction, Kind};
use super::parse::Declaration;

pub(super) fn write(declaration: &Declaration) -> TokenStream {
    let Declaration {
        visibility,
        name,
        version,
        ..
    } = declaration;
    let private = declaration.root.private();
    let client = declaration.named("Client");
    let document = declaration.document();
    let methods = declaration
        .interactions
        .iter()
        .map(|interaction| method(declaration, interaction, &private));
    let summary =
        format!("Client of contract `{name}`, generated from version {version}; cheap to clone.");
    quote! {
        #[doc = #summary]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #visibility struct #client {
            session: #private::core::Session,
        }

        impl #client {
            /// The same client with options for what is sent through it.
            #[must_use]
            #visibility fn with(&self, options: #private::core::CallOptions) -> Self {
                Self { session: self.session.with(options) }
            }

            /// The session underneath: its agreement, its changes, its channel.
            #[must_use]
            #visibility fn session(&self) -> &#private::core::Session {
                &self.session
            }

            #(#methods)*
        }

        #[automatically_derived]
        impl #private::core::ContractClient for #client {
            fn contract() -> #private::core::Result<::std::sync::Arc<#private::contract::Contract>> {
                #document()
            }

            fn new(session: #private::core::Session) -> Self {
                Self { session }
            }

            fn session(&self) -> &#private::core::Session {
                &self.session
            }
        }
    }
}

fn method(
    declaration: &Declaration,
    interaction: &Interaction,
    private: &TokenStream,
) -> TokenStream {
    let visibility = &declaration.visibility;
    let (ident, name) = (&interaction.ident, &interaction.name);
    let verb = match interaction.kind {
        Kind::Operation => "Calls",
        Kind::Command => "Sends",
        Kind::Event => "Subscribes to",
    };
    let carried = interaction.carried(&format!("{verb} `{}.{name}`.", declaration.name));
    let constant = quote!(const { #private::contract::Name::from_static(#name) });
    let ty = interaction.payload_type(private);
    let (parameter, argument) = match &interaction.payload {
        Some((payload, ty)) => (quote!(, #payload: #ty), quote!(&#payload)),
        None => (TokenStream::new(), quote!(&#private::core::Empty {})),
    };
    match (interaction.kind, &interaction.result) {
        (Kind::Operation, Some((reply, error))) => {
            let wire_reply = interaction.reply_type(private);
            let wire_error = interaction.error_type(private);
            let answered = interaction.replies_nothing().then(|| quote!(.map(|_| ())));
            let failed = interaction.cannot_fail().then(|| {
                quote!(.map_err(|error| match error {
                    #private::core::CallError::App(never) => match never {},
                    #private::core::CallError::Wire(error) => #private::core::CallError::Wire(error),
                }))
            });
            quote! {
                #carried
                ///
                /// # Errors
                /// The provider's own error, or why it did not answer.
                #visibility async fn #ident(&self #parameter) -> ::core::result::Result<#reply, #private::core::CallError<#error>> {
                    #private::call::<#ty, #wire_reply, #wire_error>(&self.session, #constant, #argument).await #answered #failed
                }
            }
        }
        (Kind::Event, _) => {
            let group = format_ident!("group", span = ident.span());
            quote! {
                #carried
                ///
                /// # Errors
                /// `NoMatch` when no version offered fits, `Unsupported` when the channel has no events, `Config` for a group's
                /// name that is none.
                #visibility async fn #ident(
                    &self,
                    #group: impl ::core::convert::Into<#private::core::Group> + ::core::marker::Send,
                ) -> #private::core::Result<#private::core::Subscriber<#ty>> {
                    #private::subscribe::<#ty>(&self.session, #constant, #group).await
                }
            }
        }
        _ => quote! {
            #carried
            ///
            /// # Errors
            /// Why nobody took responsibility for it.
            #visibility async fn #ident(&self #parameter) -> #private::core::Result<#private::core::Receipt> {
                #private::send::<#ty>(&self.session, #constant, #argument).await
            }
        },
    }
}
