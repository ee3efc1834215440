//! `#[error]`: an enum that handlers answer with and callers get back.

mod message;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::{Fields, Ident, ItemEnum, Meta, Token, Variant, parse_quote};

use crate::attributes::{Mistakes, Root, serde_members, serde_rename, summary, take};
use crate::{naming, payload};

const NEEDS_FALLBACK: &str = "an error needs a fallback, which consumers get for a code that a later version adds: \
    end the enum with `#[fallback] Unknown`, or write `#[error(closed)]` if a new code shall need a new major version";

struct Arguments {
    root: Root,
    closed: bool,
}

impl Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut arguments = Self {
            root: Root::DEFAULT,
            closed: false,
        };
        while !input.is_empty() {
            if input.peek(Token![crate]) {
                input.parse::<Token![crate]>()?;
                input.parse::<Token![=]>()?;
                arguments.root = Root::parse(input)?;
            } else {
                let word: Ident = input.parse()?;
                if word != "closed" {
                    return Err(syn::Error::new(
                        word.span(),
                        format!(
                            "unknown argument `{word}`: #[error] takes `closed` and `crate = path`"
                        ),
                    ));
                }
                arguments.closed = true;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

/// What the implementations need of one variant.
struct Case {
    ident: Ident,
    code: String,
    description: Option<String>,
    retryable: bool,
    /// The match arm of `Display`.
    display: TokenStream,
}

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = Arguments::parse.parse2(arguments).and_then(|arguments| {
        let item = syn::parse2(item.clone()).map_err(|_| {
            syn::Error::new_spanned(
                item,
                "#[error] goes on an enum with a variant per error code",
            )
        })?;
        write(&arguments, item)
    });
    expanded.unwrap_or_else(syn::Error::into_compile_error)
}

fn write(arguments: &Arguments, mut item: ItemEnum) -> syn::Result<TokenStream> {
    let mut mistakes = Mistakes::default();
    if !item.generics.params.is_empty() {
        mistakes.at(
            &item.generics,
            "an error has no generic parameters: its schema stands in one contract",
        );
    }
    if let Some(set) = serde_members(&item.attrs).iter().find(|member| {
        ["tag", "content", "untagged", "rename_all"]
            .iter()
            .any(|name| member.path().is_ident(name))
    }) {
        mistakes.at(
            set,
            "#[error] decides how an error is written, as {\"code\": \"...\", fields}: remove this",
        );
    }
    let last = item.variants.len().saturating_sub(1);
    let mut has_fallback = false;
    let mut cases: Vec<Case> = Vec::with_capacity(item.variants.len());
    for (at, variant) in item.variants.iter_mut().enumerate() {
        let fallback = take(&mut variant.attrs, "fallback");
        if let Some(attribute) = fallback.first() {
            mistakes.keep(attribute.meta.require_path_only().map(drop));
            has_fallback = true;
            if at != last {
                mistakes.at(
                    &variant.ident,
                    "the fallback comes last: move it to the end of the enum",
                );
            }
            if !matches!(variant.fields, Fields::Unit) {
                mistakes.at(&variant.fields, "the fallback has no fields: it stands for codes whose fields are not known yet");
            }
            variant.attrs.push(parse_quote!(#[serde(other)]));
        }
        let Some(case) = mistakes.keep(Case::of(variant)) else {
            continue;
        };
        if let Some(other) = cases.iter().find(|other| other.code == case.code) {
            mistakes.at(
                &variant.ident,
                format!(
                    "code {:?} is that of `{}` too: rename one of them",
                    case.code, other.ident
                ),
            );
        }
        cases.push(case);
    }
    if !arguments.closed && !has_fallback {
        mistakes.at(&item.ident, NEEDS_FALLBACK);
    }
    mistakes.finish()?;

    payload::derive(&mut item.attrs, &arguments.root);
    item.attrs
        .push(parse_quote!(#[serde(tag = "code", rename_all = "snake_case")]));
    if has_fallback {
        payload::mark_open(&mut item);
    }
    let implementations = implement(&arguments.root, &item.ident, &cases);
    let item = item.into_token_stream();
    Ok(quote!(#item #implementations))
}

impl Case {
    fn of(variant: &mut Variant) -> syn::Result<Self> {
        let retryable = take(&mut variant.attrs, "retryable");
        if let Some(attribute) = retryable.first() {
            attribute.meta.require_path_only()?;
        }
        if let Fields::Unnamed(fields) = &variant.fields
            && fields.unnamed.len() != 1
        {
            return Err(syn::Error::new_spanned(
                fields,
                "an error's fields have names, which stand beside its code: write `{ name: Type }`",
            ));
        }
        let both_ways =
            |member: &Meta| matches!(member, Meta::List(list) if list.path.is_ident("rename"));
        if let Some(rename) = serde_members(&variant.attrs)
            .iter()
            .find(|member| both_ways(member))
        {
            return Err(syn::Error::new_spanned(
                rename,
                "a code is the same both ways: write `rename = \"...\"`",
            ));
        }
        let code = match serde_rename(&variant.attrs) {
            Some(code) => {
                if let Some(refusal) = naming::refuse("error code", &code.value()) {
                    return Err(syn::Error::new(code.span(), refusal));
                }
                code.value()
            }
            None => naming::code(&variant.ident.to_string()),
        };
        if let Some(refusal) = naming::refuse("error code", &code) {
            return Err(syn::Error::new(variant.ident.span(), refusal));
        }
        let summary = summary(&variant.attrs);
        let message = message::read(variant, summary.as_deref().unwrap_or(&code))?;
        Ok(Self {
            ident: variant.ident.clone(),
            display: message.arm,
            description: summary.map(|_| message.plain),
            retryable: !retryable.is_empty(),
            code,
        })
    }
}

fn implement(root: &Root, ident: &Ident, cases: &[Case]) -> TokenStream {
    let private = root.private();
    let displays = cases.iter().map(|case| &case.display);
    let idents: Vec<&Ident> = cases.iter().map(|case| &case.ident).collect();
    let codes: Vec<&String> = cases.iter().map(|case| &case.code).collect();
    let descriptions = cases.iter().map(|case| match &case.description {
        Some(text) => quote!(::core::option::Option::Some(#text)),
        None => quote!(::core::option::Option::None),
    });
    let retryable: Vec<&Ident> = cases
        .iter()
        .filter(|case| case.retryable)
        .map(|case| &case.ident)
        .collect();
    let is_retryable = if retryable.is_empty() {
        quote!(false)
    } else {
        quote!(::core::matches!(self, #(Self::#retryable { .. })|*))
    };
    quote! {
        #[automatically_derived]
        impl ::core::fmt::Display for #ident {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                match self { #(#displays)* }
            }
        }

        #[automatically_derived]
        impl ::core::error::Error for #ident {}

        #[automatically_derived]
        impl #private::contract::ErrorCodes for #ident {
            fn codes() -> ::std::vec::Vec<#private::contract::ErrorCode> {
                ::std::vec![#(#private::contract::ErrorCode::new(#codes, #descriptions)),*]
            }
        }

        #[automatically_derived]
        impl #private::core::ApplicationError for #ident {
            fn code(&self) -> #private::contract::Name {
                match self { #(Self::#idents { .. } => const { #private::contract::Name::from_static(#codes) },)* }
            }

            fn is_retryable(&self) -> bool {
                #is_retryable
            }
        }
    }
}
