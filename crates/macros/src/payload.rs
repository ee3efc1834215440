//! `#[payload]`: a type that travels.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Attribute, Item, ItemEnum, Meta, Path, Token, Variant, parse_quote};

use crate::attributes::{Root, serde_members};

pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let expanded = parse_arguments.parse2(arguments).and_then(|root| {
        let mut item: Item = syn::parse2(item)?;
        match &mut item {
            Item::Struct(item) => derive(&mut item.attrs, &root),
            Item::Enum(item) => {
                derive(&mut item.attrs, &root);
                let is_open = |variant: &Variant| {
                    serde_members(&variant.attrs)
                        .iter()
                        .any(|member| member.path().is_ident("other"))
                };
                if item.variants.iter().any(is_open) {
                    mark_open(item);
                }
            }
            other => {
                return Err(syn::Error::new_spanned(
                    other,
                    "#[payload] goes on a struct or an enum",
                ));
            }
        }
        Ok(item.into_token_stream())
    });
    expanded.unwrap_or_else(syn::Error::into_compile_error)
}

fn parse_arguments(input: ParseStream<'_>) -> syn::Result<Root> {
    if input.is_empty() {
        return Ok(Root::DEFAULT);
    }
    if !input.peek(Token![crate]) {
        return Err(input.error("#[payload] takes no argument but `crate = path`"));
    }
    input.parse::<Token![crate]>()?;
    input.parse::<Token![=]>()?;
    let root = Root::parse(input)?;
    input.parse::<Option<Token![,]>>()?;
    if input.is_empty() {
        Ok(root)
    } else {
        Err(input.error("#[payload] takes no argument but `crate = path`"))
    }
}

/// Derives what the type does not derive itself.
pub(crate) fn derive(attributes: &mut Vec<Attribute>, root: &Root) {
    let own = derived(attributes);
    let missing = |name: &str| !own.iter().any(|derived| derived == name);
    let private = root.private();
    let mut paths = Vec::new();
    for (name, path) in [
        ("Serialize", quote!(#private::serde::Serialize)),
        ("Deserialize", quote!(#private::serde::Deserialize)),
        ("JsonSchema", quote!(#private::schemars::JsonSchema)),
        ("Clone", quote!(::core::clone::Clone)),
        ("Debug", quote!(::core::fmt::Debug)),
    ] {
        if missing(name) {
            paths.push(path);
        }
    }
    if !paths.is_empty() {
        attributes.insert(0, parse_quote!(#[derive(#(#paths),*)]));
    }
    if (missing("Serialize") || missing("Deserialize")) && !names_crate(attributes, "serde") {
        let path = root.private_text("serde");
        attributes.push(parse_quote!(#[serde(crate = #path)]));
    }
    if missing("JsonSchema") && !names_crate(attributes, "schemars") {
        let path = root.private_text("schemars");
        attributes.push(parse_quote!(#[schemars(crate = #path)]));
    }
}

/// Says in the schema that a later minor version may add variants.
pub(crate) fn mark_open(item: &mut ItemEnum) {
    item.attrs
        .push(parse_quote!(#[schemars(extend("x-open" = true))]));
}

fn derived(attributes: &[Attribute]) -> Vec<String> {
    let lists = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"));
    let paths = lists.filter_map(|list| {
        list.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated)
            .ok()
    });
    paths
        .flatten()
        .filter_map(|path| path.segments.last().map(|last| last.ident.to_string()))
        .collect()
}

fn names_crate(attributes: &[Attribute], of: &str) -> bool {
    let lists = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident(of));
    let members = lists.filter_map(|list| {
        list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .ok()
    });
    members
        .flatten()
        .any(|member| member.path().is_ident("crate"))
}
