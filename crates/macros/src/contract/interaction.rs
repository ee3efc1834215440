//! One method of the trait: an operation, a command or an event.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use semver::Version;
use syn::ext::IdentExt;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, Signature, TraitItemFn, Type};

use super::parse::parse_version;
use super::signature::{self, Parameters};
use crate::attributes::{Mistakes, documentation, take};
use crate::naming;

/// What generated clients and publishers already have.
const RESERVED: [&str; 4] = ["new", "with", "session", "contract"];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Operation,
    Command,
    Event,
}

pub(super) struct Interaction {
    pub(super) kind: Kind,
    pub(super) ident: Ident,
    /// The name on the wire.
    pub(super) name: String,
    /// What the trait's method keeps: documentation, `deprecated`, lints.
    pub(super) attributes: Vec<Attribute>,
    pub(super) description: Option<String>,
    pub(super) since: Option<String>,
    /// The note of `#[deprecated]`, empty when it has none.
    pub(super) deprecated: Option<String>,
    pub(super) idempotent: bool,
    /// The method as it was written.
    pub(super) signature: Signature,
    pub(super) payload: Option<(Ident, Type)>,
    /// Reply and error; none for an event.
    pub(super) result: Option<(Type, Type)>,
}

impl Interaction {
    /// Reads a method; `None` when a mistake was added.
    pub(super) fn parse(
        method: TraitItemFn,
        version: &Version,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let TraitItemFn {
            mut attrs,
            sig,
            default,
            ..
        } = method;
        let before = mistakes.count();
        let kind = kind(&mut attrs, mistakes);
        let idempotent = flag(&mut attrs, "idempotent", mistakes);
        if let (Some(attribute), Kind::Event) = (&idempotent, kind) {
            let text =
                "an event is told, not asked for: #[idempotent] goes on operations and commands";
            mistakes.at(attribute, text);
        }
        for condition in ["cfg", "cfg_attr"] {
            for attribute in take(&mut attrs, condition) {
                let text = "a contract is the same in every build: remove the condition";
                mistakes.at(attribute, text);
            }
        }
        let since = since(&mut attrs, version, mistakes);
        let name = name(&sig.ident, mistakes);
        if let Some(body) = default {
            let text = "a contract says what, not how: end the method with `;` and write its body in the implementation";
            mistakes.at(body, text);
        }
        let Parameters { payload, result } = mistakes.keep(signature::read(kind, &sig))?;
        if mistakes.count() > before {
            return None;
        }
        Some(Self {
            kind,
            ident: sig.ident.clone(),
            name,
            description: documentation(&attrs),
            deprecated: attrs.iter().find_map(note),
            attributes: attrs,
            since,
            idempotent: idempotent.is_some(),
            signature: sig,
            payload,
            result,
        })
    }

    /// What generated items carry over from the method: `deprecated`, and documentation or, without any, `default`.
    pub(super) fn carried(&self, default: &str) -> TokenStream {
        let kept = self.attributes.iter().filter(|attribute| {
            let path = attribute.path();
            path.is_ident("doc") || path.is_ident("deprecated")
        });
        let default = self
            .description
            .is_none()
            .then(|| quote!(#[doc = #default]));
        quote!(#default #(#kept)*)
    }

    /// The payload's type; that of no payload when there is none.
    pub(super) fn payload_type(&self, private: &TokenStream) -> TokenStream {
        match &self.payload {
            Some((_, payload)) => payload.to_token_stream(),
            None => quote!(#private::core::Empty),
        }
    }

    /// The reply's type on the wire: `()` travels as no payload does.
    pub(super) fn reply_type(&self, private: &TokenStream) -> TokenStream {
        match &self.result {
            Some((reply, _)) if !signature::is_unit(reply) => reply.to_token_stream(),
            _ => quote!(#private::core::Empty),
        }
    }

    /// Whether the handler replies `()`.
    pub(super) fn replies_nothing(&self) -> bool {
        let unit = |(reply, _): &(Type, Type)| signature::is_unit(reply);
        self.result.as_ref().is_some_and(unit)
    }

    /// The error's type on the wire: `Infallible` is not serde's to read and write.
    pub(super) fn error_type(&self, private: &TokenStream) -> TokenStream {
        match &self.result {
            Some((_, error)) if !signature::is_infallible(error) => error.to_token_stream(),
            _ => quote!(#private::core::NoError),
        }
    }

    /// Whether the handler's error is `Infallible`.
    pub(super) fn cannot_fail(&self) -> bool {
        let infallible = |(_, error): &(Type, Type)| signature::is_infallible(error);
        self.result.as_ref().is_some_and(infallible)
    }
}

fn kind(attributes: &mut Vec<Attribute>, mistakes: &mut Mistakes) -> Kind {
    let command = flag(attributes, "command", mistakes);
    let event = flag(attributes, "event", mistakes);
    match (command, event) {
        (Some(_), Some(event)) => {
            let text = "a command or an event, not both: remove one of the two";
            mistakes.at(event, text);
            Kind::Event
        }
        (Some(_), None) => Kind::Command,
        (None, Some(_)) => Kind::Event,
        (None, None) => Kind::Operation,
    }
}

/// Takes out an attribute without arguments.
fn flag(attributes: &mut Vec<Attribute>, name: &str, mistakes: &mut Mistakes) -> Option<Attribute> {
    let attribute = take(attributes, name).into_iter().next()?;
    if attribute.meta.require_path_only().is_err() {
        mistakes.at(&attribute, format!("#[{name}] takes no arguments"));
    }
    Some(attribute)
}

fn since(
    attributes: &mut Vec<Attribute>,
    version: &Version,
    mistakes: &mut Mistakes,
) -> Option<String> {
    let attribute = take(attributes, "since").into_iter().next()?;
    let Ok(text) = attribute.parse_args::<LitStr>() else {
        let usage = "write the version that brought it, as #[since(\"1.3.0\")]";
        mistakes.at(attribute, usage);
        return None;
    };
    let since = mistakes.keep(parse_version("since", &text))?;
    // Below 1.0 each minor version is a track of its own.
    let track = |version: &Version| match version.major {
        0 => (0, version.minor),
        major => (major, 0),
    };
    let own = track(version);
    if track(&since) != own || since.cmp_precedence(version).is_gt() {
        let (major, minor) = own;
        let message = format!(
            "since {since} is outside this contract, which is {version}: write {major}.{minor}.0 to {version}, or remove it when it was there from the beginning"
        );
        mistakes.at(&text, message);
    }
    Some(text.value())
}

fn name(ident: &Ident, mistakes: &mut Mistakes) -> String {
    let name = ident.unraw().to_string();
    if let Some(refusal) = naming::refuse("interaction name", &name) {
        mistakes.at(ident, refusal);
    } else if RESERVED.contains(&name.as_str()) {
        let text = format!("the generated client has `{name}` already: name this otherwise");
        mistakes.at(ident, text);
    }
    name
}

/// The note of Rust's own `#[deprecated]`.
fn note(attribute: &Attribute) -> Option<String> {
    if !attribute.path().is_ident("deprecated") {
        return None;
    }
    let note = match &attribute.meta {
        Meta::Path(_) => None,
        Meta::NameValue(pair) => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        Meta::List(list) => {
            let mut note = None;
            // What is wrong in it is the compiler's to say: the trait's method keeps the attribute.
            let _ = list.parse_nested_meta(|member| {
                let text: LitStr = member.value()?.parse()?;
                if member.path.is_ident("note") {
                    note = Some(text.value());
                }
                Ok(())
            });
            note
        }
    };
    Some(note.unwrap_or_default())
}
