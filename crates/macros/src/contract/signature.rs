//! The shapes that a method of a contract may have.

use proc_macro2::Ident;
use syn::{
    FnArg, GenericArgument, Pat, PatType, PathArguments, PathSegment, ReceiverKind, ReturnType,
    Safety, Signature, Type,
};

use super::interaction::Kind;

/// What a method takes beside `&self` and the context, and what it returns.
pub(super) struct Parameters {
    pub(super) payload: Option<(Ident, Type)>,
    /// Reply and error; none for an event.
    pub(super) result: Option<(Type, Type)>,
}

/// Reads the signature of an interaction.
pub(super) fn read(kind: Kind, signature: &Signature) -> syn::Result<Parameters> {
    let shape = Shape::of(kind, &signature.ident);
    shape.plain(signature)?;
    match kind {
        Kind::Event => shape.event(signature),
        Kind::Operation | Kind::Command => shape.handled(kind, signature),
    }
}

/// What a method is, and how it is written, for messages.
struct Shape {
    what: String,
    usage: String,
}

impl Shape {
    fn of(kind: Kind, ident: &Ident) -> Self {
        let (what, usage) = match kind {
            Kind::Operation => (
                "operation",
                format!(
                    "async fn {ident}(&self, cx: &Context, request: Request) -> Result<Reply, Error>;"
                ),
            ),
            Kind::Command => (
                "command",
                format!(
                    "#[command] async fn {ident}(&self, cx: &Context, command: Command) -> Result<(), Error>;"
                ),
            ),
            Kind::Event => ("event", format!("#[event] fn {ident}(event: Event);")),
        };
        Self {
            what: format!("{what} `{ident}`"),
            usage,
        }
    }

    /// An error where `tokens` stand: what is wrong, and the right shape. A problem that ends with "or" or "and" has
    /// another way out already.
    fn wrong(&self, tokens: impl quote::ToTokens, problem: &str) -> syn::Error {
        let Self { what, usage } = self;
        let goes_on = problem.ends_with(" or") || problem.ends_with(" and");
        let joint = if goes_on { " write" } else { ": write" };
        syn::Error::new_spanned(tokens, format!("{what} {problem}{joint} `{usage}`"))
    }

    fn plain(&self, signature: &Signature) -> syn::Result<()> {
        let generics = &signature.generics;
        if !generics.params.is_empty() || generics.where_clause.is_some() {
            let text = format!(
                "{} is generic, and a contract names its payloads: write one type",
                self.what
            );
            return Err(syn::Error::new_spanned(generics, text));
        }
        let is_safe = matches!(signature.safety, Safety::Default);
        if signature.constness.is_some() || signature.abi.is_some() || !is_safe {
            return Err(self.wrong(signature.fn_token, "is no plain function"));
        }
        Ok(())
    }

    fn event(&self, signature: &Signature) -> syn::Result<Parameters> {
        if let Some(token) = &signature.asyncness {
            return Err(self.wrong(token, "is async, and nobody implements it"));
        }
        if let Some(FnArg::Receiver(receiver)) = signature.inputs.first() {
            return Err(self.wrong(receiver, "takes `self`, and nobody implements it"));
        }
        if let ReturnType::Type(_, found) = &signature.output {
            return Err(self.wrong(found, "returns something, and nobody answers it"));
        }
        Ok(Parameters {
            payload: self.payload(signature.inputs.iter())?,
            result: None,
        })
    }

    fn handled(&self, kind: Kind, signature: &Signature) -> syn::Result<Parameters> {
        let ident = &signature.ident;
        let mut inputs = signature.inputs.iter();
        let receiver = inputs.next();
        if signature.asyncness.is_none() {
            let is_event = kind == Kind::Operation && !matches!(receiver, Some(FnArg::Receiver(_)));
            let text = if is_event {
                "is not async: put #[event] on it if it is an event, or"
            } else {
                "is not async"
            };
            return Err(self.wrong(signature.fn_token, text));
        }
        match receiver {
            Some(FnArg::Receiver(receiver)) if is_shared(&receiver.kind) => {}
            Some(other) => return Err(self.wrong(other, "does not take `&self` first")),
            None => return Err(self.wrong(ident, "does not take `&self` first")),
        }
        match inputs.next() {
            Some(FnArg::Typed(cx)) if is_context(&cx.ty) => {}
            Some(other) => {
                return Err(self.wrong(other, "does not take `cx: &Context` after `&self`"));
            }
            None => return Err(self.wrong(ident, "does not take `cx: &Context` after `&self`")),
        }
        let payload = self.payload(inputs)?;
        let problem = "does not return a `Result` of two types, whose error is `Infallible` where nothing can fail";
        let result = match &signature.output {
            ReturnType::Default => return Err(self.wrong(ident, problem)),
            ReturnType::Type(_, found) => {
                result(found).ok_or_else(|| self.wrong(found, problem))?
            }
        };
        if kind == Kind::Command && !is_unit(&result.0) {
            let problem = "replies something, and a command is one way: remove #[command] if its caller needs the reply, or";
            return Err(self.wrong(&result.0, problem));
        }
        Ok(Parameters {
            payload,
            result: Some(result),
        })
    }

    /// The one payload, if any.
    fn payload<'a>(
        &self,
        mut inputs: impl Iterator<Item = &'a FnArg>,
    ) -> syn::Result<Option<(Ident, Type)>> {
        let Some(first) = inputs.next() else {
            return Ok(None);
        };
        if let Some(second) = inputs.next() {
            let problem = "takes more than one payload, and later versions could not add to it: put all into one struct and";
            return Err(self.wrong(second, problem));
        }
        let FnArg::Typed(PatType { pat, ty, .. }) = first else {
            return Err(self.wrong(first, "takes `self` as its payload"));
        };
        let Pat::Ident(name) = &**pat else {
            return Err(self.wrong(pat, "has a payload without a plain name"));
        };
        match &**ty {
            Type::Reference(_) => Err(self.wrong(
                ty,
                "takes its payload by reference, and it crosses processes",
            )),
            Type::ImplTrait(_) => {
                Err(self.wrong(ty, "is generic, and a contract names its payloads"))
            }
            _ => Ok(Some((name.ident.clone(), Type::clone(ty)))),
        }
    }
}

/// `&self`.
fn is_shared(receiver: &ReceiverKind) -> bool {
    matches!(receiver, ReceiverKind::Reference(_, _, None))
}

fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        Type::Group(group) => last_segment(&group.elem),
        Type::Paren(paren) => last_segment(&paren.elem),
        _ => None,
    }
}

/// `&Context`, under any path that ends so.
fn is_context(ty: &Type) -> bool {
    let Type::Reference(reference) = ty else {
        return false;
    };
    let last = last_segment(&reference.elem);
    reference.mutability.is_none() && last.is_some_and(|last| last.ident == "Context")
}

/// The two types of a `Result`, under any path that ends so.
fn result(ty: &Type) -> Option<(Type, Type)> {
    let last = last_segment(ty).filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    let types = arguments.args.iter().map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    });
    let mut types = types.collect::<Option<Vec<_>>>()?.into_iter();
    match (types.next(), types.next(), types.next()) {
        (Some(reply), Some(error), None) => Some((reply, error)),
        _ => None,
    }
}

pub(super) fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

/// `std::convert::Infallible`, under any path that ends so.
pub(super) fn is_infallible(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|last| last.ident == "Infallible")
}
