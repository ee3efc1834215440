//! What several macros read from attributes.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, Path, Token};

/// The crate that generated code names.
pub(crate) struct Root(Option<Path>);

impl Root {
    /// `::polywire`.
    pub(crate) const DEFAULT: Self = Self(None);

    /// Reads the path of `crate = path`, after the `=`.
    pub(crate) fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(LitStr) {
            return Err(
                input.error("the crate is a path without quotes: write `crate = my::polywire`")
            );
        }
        Path::parse_mod_style(input).map(|path| Self(Some(path)))
    }

    /// The module with everything that generated code needs.
    pub(crate) fn private(&self) -> TokenStream {
        match &self.0 {
            Some(path) => quote!(#path::__private),
            None => quote!(::polywire::__private),
        }
    }

    /// The path of a crate that is re-exported for generated code, as serde's and schemars' `crate` attributes take it.
    pub(crate) fn private_text(&self, name: &str) -> String {
        let mut text = self.private().to_string();
        text.retain(|c| c != ' ');
        text.push_str("::");
        text.push_str(name);
        text
    }
}

/// The lines of a documentation comment, each without the space it begins with.
fn doc_lines(attributes: &[Attribute]) -> Vec<String> {
    let texts = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        });
    let mut lines = Vec::new();
    for text in texts {
        // Not `lines`: an empty one ends a paragraph.
        let split = text.split('\n');
        lines
            .extend(split.map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()));
    }
    lines
}

/// The whole documentation comment; `None` when there is none.
pub(crate) fn documentation(attributes: &[Attribute]) -> Option<String> {
    let text = doc_lines(attributes).join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// The first paragraph of a documentation comment as one line; `None` when there is none.
pub(crate) fn summary(attributes: &[Attribute]) -> Option<String> {
    let lines = doc_lines(attributes);
    let paragraph = lines
        .iter()
        .map(|line| line.trim())
        .skip_while(|line| line.is_empty())
        .take_while(|line| !line.is_empty());
    let text = paragraph.collect::<Vec<_>>().join(" ");
    (!text.is_empty()).then_some(text)
}

/// The members of all `#[serde(...)]` attributes. What does not parse is left to serde to report.
pub(crate) fn serde_members(attributes: &[Attribute]) -> Vec<Meta> {
    let lists = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("serde"));
    let parsed = lists.filter_map(|list| {
        list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .ok()
    });
    parsed.flatten().collect()
}

/// The value of `#[serde(rename = "...")]`.
pub(crate) fn serde_rename(attributes: &[Attribute]) -> Option<LitStr> {
    serde_members(attributes)
        .into_iter()
        .find_map(|member| match member {
            Meta::NameValue(pair) if pair.path.is_ident("rename") => match pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => Some(text),
                _ => None,
            },
            _ => None,
        })
}

/// Takes out the attributes of a name, in order.
pub(crate) fn take(attributes: &mut Vec<Attribute>, name: &str) -> Vec<Attribute> {
    attributes
        .extract_if(.., |attribute| attribute.path().is_ident(name))
        .collect()
}

/// Collects every mistake, so that one compilation shows all of them.
#[derive(Default)]
pub(crate) struct Mistakes(Vec<syn::Error>);

impl Mistakes {
    pub(crate) fn add(&mut self, mistake: syn::Error) {
        self.0.push(mistake);
    }

    /// How many there are so far.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// Says `message` where `tokens` stand.
    pub(crate) fn at(&mut self, tokens: impl quote::ToTokens, message: impl std::fmt::Display) {
        self.add(syn::Error::new_spanned(tokens, message));
    }

    /// The value, unless it is a mistake.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|mistake| self.add(mistake)).ok()
    }

    pub(crate) fn finish(self) -> syn::Result<()> {
        let all = self.0.into_iter().reduce(|mut all, mistake| {
            all.combine(mistake);
            all
        });
        all.map_or(Ok(()), Err)
    }
}
