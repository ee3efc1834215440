//! A variant's documentation as its `Display`.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Fields, Ident, Member, Variant};

/// A variant's text.
pub(super) struct Message {
    /// The match arm of `Display`.
    pub(super) arm: TokenStream,
    /// The text for people: `{field}` without format parameters, braces as they are displayed.
    pub(super) plain: String,
}

/// Reads `text`, where `{field}` and `{0}` stand for fields.
pub(super) fn read(variant: &Variant, text: &str) -> syn::Result<Message> {
    let text = text.strip_suffix('.').unwrap_or(text);
    let known: Vec<String> = match &variant.fields {
        Fields::Named(fields) => {
            let idents = fields.named.iter().filter_map(|field| field.ident.as_ref());
            idents.map(Ident::to_string).collect()
        }
        Fields::Unnamed(fields) => (0..fields.unnamed.len()).map(|at| at.to_string()).collect(),
        Fields::Unit => Vec::new(),
    };
    let wrong = |problem: String| syn::Error::new(variant.ident.span(), problem);
    let template = Template::parse(text, &known).map_err(wrong)?;
    let Template {
        format,
        plain,
        fields,
    } = template;
    let mut bound = fields.clone();
    bound.sort_unstable();
    bound.dedup();
    let mut patterns = Vec::with_capacity(bound.len());
    for name in &bound {
        let (member, binding): (Member, _) = (syn::parse_str(name)?, binding(name));
        patterns.push(quote!(#member: #binding));
    }
    let ident = &variant.ident;
    let arguments = fields.iter().map(|name| binding(name));
    let arm = quote! {
        Self::#ident { #(#patterns,)* .. } => f.write_fmt(::core::format_args!(#format #(, #arguments)*)),
    };
    Ok(Message { arm, plain })
}

/// A field's variable, which collides with nothing that the implementation uses.
fn binding(field: &str) -> Ident {
    format_ident!("field_{}", field.trim_start_matches("r#"))
}

#[derive(Debug, Default, PartialEq)]
struct Template {
    /// A format string whose placeholders have no names.
    format: String,
    plain: String,
    /// The field of each placeholder.
    fields: Vec<String>,
}

impl Template {
    fn parse(text: &str, known: &[String]) -> Result<Self, String> {
        let mut template = Self::default();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            template.format.push_str(before);
            template.plain.push_str(before);
            let brace = &from[..1];
            if from[1..].starts_with(brace) {
                template.format.push_str(&from[..2]);
                template.plain.push_str(brace);
                rest = &from[2..];
                continue;
            }
            let Some((inside, after)) =
                from.strip_prefix('{').and_then(|from| from.split_once('}'))
            else {
                return Err(format!(
                    "a lone {brace:?} in {text:?}: write it twice for a brace"
                ));
            };
            template.placeholder(inside, known).map_err(|problem| {
                format!("{{{inside}}} in {text:?} {problem}; write {{{{ and }}}} for braces")
            })?;
            rest = after;
        }
        template.format.push_str(rest);
        template.plain.push_str(rest);
        Ok(template)
    }

    /// `field` or `field:parameters`.
    fn placeholder(&mut self, inside: &str, known: &[String]) -> Result<(), String> {
        let (name, parameters) = inside.split_once(':').unwrap_or((inside, ""));
        let is_name = |field: &&String| field.trim_start_matches("r#") == name;
        let Some(field) = known.iter().find(is_name) else {
            return Err(match known {
                [] => "is no field of this variant, which has none".to_owned(),
                known => format!(
                    "is no field of this variant: its fields are {}",
                    known.join(", ")
                ),
            });
        };
        self.fields.push(field.clone());
        self.format.push('{');
        if !parameters.is_empty() {
            self.format.push(':');
            self.format.push_str(parameters);
        }
        self.format.push('}');
        self.plain.push_str(&format!("{{{name}}}"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Result<Template, String> {
        Template::parse(text, &["sku".to_owned(), "r#type".to_owned()])
    }

    #[test]
    fn fields_are_interpolated() {
        let fields = ["sku", "r#type", "sku"].map(str::to_owned).to_vec();
        let expected = Template {
            format: "no {:?} of {} in {}".to_owned(),
            plain: "no {sku} of {type} in {sku}".to_owned(),
            fields,
        };
        assert_eq!(template("no {sku:?} of {type} in {sku}"), Ok(expected));
        let expected = Template {
            format: "plain {{text}}".to_owned(),
            plain: "plain {text}".to_owned(),
            fields: Vec::new(),
        };
        assert_eq!(template("plain {{text}}"), Ok(expected));
    }

    #[test]
    fn typing_mistakes_are_refused() {
        let refusals = [
            (
                "no {skv:?}",
                "{skv:?} in \"no {skv:?}\" is no field of this variant: its fields are sku, r#type; write {{ and }} for braces",
            ),
            (
                "a { b",
                "a lone \"{\" in \"a { b\": write it twice for a brace",
            ),
            (
                "a } b",
                "a lone \"}\" in \"a } b\": write it twice for a brace",
            ),
            ("a }", "a lone \"}\" in \"a }\": write it twice for a brace"),
        ];
        for (text, refusal) in refusals {
            assert_eq!(template(text), Err(refusal.to_owned()), "{text}");
        }
        let none = Template::parse("no {x}", &[]);
        let refusal = "{x} in \"no {x}\" is no field of this variant, which has none; write {{ and }} for braces";
        assert_eq!(none, Err(refusal.to_owned()));
    }
}
