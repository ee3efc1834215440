//! A variant's documentation as its `Display`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Fields, Ident, Variant};

/// The match arm that writes `text`, where `{field}` and `{0}` stand for fields.
pub(super) fn arm(variant: &Variant, text: &str) -> syn::Result<TokenStream> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let names: Vec<String> = match &variant.fields {
        Fields::Named(fields) => fields
            .named
            .iter()
            .filter_map(|field| field.ident.as_ref())
            .map(Ident::to_string)
            .collect(),
        Fields::Unnamed(fields) => (0..fields.unnamed.len()).map(|at| at.to_string()).collect(),
        Fields::Unit => Vec::new(),
    };
    let template =
        parse(text, &names).map_err(|wrong| syn::Error::new(variant.ident.span(), wrong))?;
    let ident = &variant.ident;
    let Template { format, fields } = template;
    if fields.is_empty() {
        return Ok(quote!(Self::#ident { .. } => f.write_fmt(::core::format_args!(#format)),));
    }
    let mut bound = fields.clone();
    bound.sort_unstable();
    bound.dedup();
    let (mut patterns, mut bindings) = (Vec::new(), Vec::new());
    for name in bound {
        let binding = format_ident!("field_{}", name.trim_start_matches("r#"));
        let member: syn::Member = syn::parse_str(&name)?;
        patterns.push(quote!(#member: #binding));
        bindings.push(binding);
    }
    let arguments = fields
        .iter()
        .map(|name| format_ident!("field_{}", name.trim_start_matches("r#")));
    Ok(
        quote!(Self::#ident { #(#patterns,)* .. } => f.write_fmt(::core::format_args!(#format, #(#arguments),*)),),
    )
}

#[derive(Debug, PartialEq)]
struct Template {
    /// A format string whose placeholders have no names.
    format: String,
    /// The field of each placeholder.
    fields: Vec<String>,
}

fn parse(text: &str, known: &[String]) -> Result<Template, String> {
    let (mut format, mut fields) = (String::with_capacity(text.len()), Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        format.push_str(before);
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            format.push_str(&from[..2]);
            rest = after;
            continue;
        }
        let end = from.find('}');
        let Some(inside) = from
            .strip_prefix('{')
            .zip(end)
            .map(|(_, end)| &from[1..end])
        else {
            return Err(format!(
                "a lone {:?} in {text:?}: write it twice for a brace",
                &from[..1]
            ));
        };
        let (name, parameters) = inside.split_once(':').unwrap_or((inside, ""));
        let Some(field) = known
            .iter()
            .find(|field| field.trim_start_matches("r#") == name)
        else {
            let fields = if known.is_empty() {
                "it has no fields".to_owned()
            } else {
                format!("its fields are {}", known.join(", "))
            };
            return Err(format!(
                "{{{name}}} in {text:?} is no field of this variant: {fields}; write {{{{ and }}}} for braces"
            ));
        };
        fields.push(field.clone());
        format.push('{');
        if !parameters.is_empty() {
            format.push(':');
            format.push_str(parameters);
        }
        format.push('}');
        rest = &from[inside.len() + 2..];
    }
    format.push_str(rest);
    Ok(Template { format, fields })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Result<(String, Vec<String>), String> {
        let known = ["sku".to_owned(), "r#type".to_owned()];
        parse(text, &known).map(|Template { format, fields }| (format, fields))
    }

    #[test]
    fn fields_are_interpolated() {
        let (format, fields) = template("no {sku:?} of {type} in {sku}").unwrap();
        assert_eq!(
            (format.as_str(), fields),
            (
                "no {:?} of {} in {}",
                vec!["sku".to_owned(), "r#type".to_owned(), "sku".to_owned()]
            )
        );
        assert_eq!(
            template("plain {{text}}").unwrap(),
            ("plain {{text}}".to_owned(), Vec::new())
        );
    }

    #[test]
    fn typing_mistakes_are_refused() {
        assert_eq!(
            template("no {skv}").unwrap_err(),
            "{skv} in \"no {skv}\" is no field of this variant: its fields are sku, r#type; write {{ and }} for braces"
        );
        assert_eq!(
            parse("no {x}", &[]).unwrap_err(),
            "{x} in \"no {x}\" is no field of this variant: it has no fields; write {{ and }} for braces"
        );
        assert_eq!(
            template("a { b").unwrap_err(),
            "a lone \"{\" in \"a { b\": write it twice for a brace"
        );
        assert_eq!(
            template("a } b").unwrap_err(),
            "a lone \"}\" in \"a } b\": write it twice for a brace"
        );
    }
}
