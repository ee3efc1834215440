//! The macro's arguments and the trait, as the writers need them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::format_ident;
use semver::Version;
use syn::parse::ParseStream;
use syn::punctuated::Punctuated;
use syn::{Attribute, ItemTrait, LitStr, Token, TraitItem, TypeParamBound, Visibility};

use super::interaction::{Interaction, Kind};
use crate::attributes::{Mistakes, Root, documentation};
use crate::naming;

/// `name = "...", version = "...", crate = path`.
pub(super) struct Arguments {
    name: LitStr,
    version: LitStr,
    parsed: Version,
    root: Root,
}

impl Arguments {
    pub(super) fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (mut name, mut version, mut root) = (None, None, Root::DEFAULT);
        while !input.is_empty() {
            if input.peek(Token![crate]) {
                input.parse::<Token![crate]>()?;
                input.parse::<Token![=]>()?;
                root = Root::parse(input)?;
            } else {
                let key: Ident = input.parse()?;
                let slot = match key.to_string().as_str() {
                    "name" => &mut name,
                    "version" => &mut version,
                    other => {
                        let text = format!(
                            "unknown argument `{other}`: #[contract] takes `name`, `version` and `crate`"
                        );
                        return Err(syn::Error::new(key.span(), text));
                    }
                };
                input.parse::<Token![=]>()?;
                if slot.replace(input.parse::<LitStr>()?).is_some() {
                    return Err(syn::Error::new(
                        key.span(),
                        format!("`{key}` is given twice"),
                    ));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let missing = |what: &str| {
            let text = format!(
                "a contract needs a {what}: write `#[contract(name = \"orders\", version = \"1.4.0\")]`"
            );
            syn::Error::new(Span::call_site(), text)
        };
        let name = name.ok_or_else(|| missing("name"))?;
        let version = version.ok_or_else(|| missing("version"))?;
        if let Some(refusal) = naming::refuse("contract name", &name.value()) {
            return Err(syn::Error::new(name.span(), refusal));
        }
        let parsed = parse_version("version", &version)?;
        Ok(Self {
            name,
            version,
            parsed,
            root,
        })
    }
}

/// A contract as it was written.
pub(super) struct Declaration {
    pub(super) root: Root,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) attributes: Vec<Attribute>,
    pub(super) description: Option<String>,
    pub(super) visibility: Visibility,
    pub(super) ident: Ident,
    pub(super) supertraits: Punctuated<TypeParamBound, Token![+]>,
    pub(super) interactions: Vec<Interaction>,
}

impl Declaration {
    pub(super) fn parse(arguments: Arguments, item: TokenStream) -> syn::Result<Self> {
        let item = parse_trait(item)?;
        let mut mistakes = Mistakes::default();
        if !item.generics.params.is_empty() || item.generics.where_clause.is_some() {
            let text = "a contract has no generic parameters: its payloads stand in one document";
            mistakes.at(&item.generics, text);
        }
        if let Some(token) = &item.unsafety {
            mistakes.at(token, "a contract is no unsafe trait: remove `unsafe`");
        }
        let mut interactions: Vec<Interaction> = Vec::new();
        for member in item.items {
            let TraitItem::Fn(method) = member else {
                let text = "a contract has only operations, commands and events: move this to another trait";
                mistakes.at(member, text);
                continue;
            };
            let parsed = Interaction::parse(method, &arguments.parsed, &mut mistakes);
            let Some(interaction) = parsed else { continue };
            let name = &interaction.name;
            if interactions.iter().any(|other| other.name == *name) {
                let text = format!("two interactions are named {name:?}: rename one of them");
                mistakes.at(&interaction.ident, text);
                continue;
            }
            interactions.push(interaction);
        }
        mistakes.finish()?;
        Ok(Self {
            root: arguments.root,
            name: arguments.name.value(),
            version: arguments.version.value(),
            description: documentation(&item.attrs),
            attributes: item.attrs,
            visibility: item.vis,
            ident: item.ident,
            supertraits: item.supertraits,
            interactions,
        })
    }

    /// The trait's name with something after it.
    pub(super) fn named(&self, suffix: &str) -> Ident {
        format_ident!("{}{suffix}", self.ident)
    }

    /// The function that has the contract document.
    pub(super) fn document(&self) -> Ident {
        let name = naming::snake(&self.ident.to_string());
        format_ident!("__{name}_contract", span = self.ident.span())
    }

    /// The module with a type per event.
    pub(super) fn events_module(&self) -> Ident {
        let name = naming::snake(&self.ident.to_string());
        format_ident!("{name}_events", span = self.ident.span())
    }

    /// What the provider tells.
    pub(super) fn events(&self) -> impl Iterator<Item = &Interaction> {
        let all = self.interactions.iter();
        all.filter(|interaction| interaction.kind == Kind::Event)
    }

    /// Operations and commands: what the provider handles.
    pub(super) fn handled(&self) -> impl Iterator<Item = &Interaction> {
        let all = self.interactions.iter();
        all.filter(|interaction| interaction.kind != Kind::Event)
    }
}

fn parse_trait(item: TokenStream) -> syn::Result<ItemTrait> {
    let is_trait = item
        .clone()
        .into_iter()
        .any(|token| token.to_string() == "trait");
    if is_trait {
        return syn::parse2(item);
    }
    let text = "#[contract] goes on a trait: its methods are the operations, commands and events";
    Err(syn::Error::new_spanned(item, text))
}

/// A full semantic version.
pub(super) fn parse_version(what: &str, text: &LitStr) -> syn::Result<Version> {
    Version::parse(&text.value()).map_err(|error| {
        let message = format!(
            "{what} {:?} is no semantic version: {error}; write all three numbers, such as \"1.4.0\"",
            text.value()
        );
        syn::Error::new(text.span(), message)
    })
}
