//! What is said about a field.

use proc_macro2::TokenStream;
use quote::{ToTokens as _, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::meta::ParseNestedMeta;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned as _;
use syn::token::Bracket;
use syn::{Error, Expr, ExprLit, Field, Lit, LitStr, Meta, Path, Result, Token, Type, bracketed};

/// The options of one field.
pub(crate) struct Options {
    name: LitStr,
    description: String,
    unit: Option<Expr>,
    /// The name of its rate.
    rate: Option<LitStr>,
    /// Policy and name; those of one policy in their order.
    names: Vec<(String, LitStr)>,
    scale: Option<Expr>,
    bucket_limit: Option<Expr>,
    bounds: Option<Expr>,
    pub(crate) is_set: bool,
}

const KEYS: &str = "`name`, `unit`, `rate`, `names(...)`, `scale`, `bucket_limit`, `bounds` and `set`";

const RATE_OF_NO_SUM: &str =
    "a rate goes with a counter or a meter: make the field one of these, or leave `rate` out";
const NO_HISTOGRAM: &str =
    "`scale`, `bucket_limit` and `bounds` go with a histogram: make the field one, or leave them out";

impl Options {
    pub(crate) fn of(field: &Field) -> Result<Self> {
        let Some(ident) = &field.ident else {
            return Err(Error::new_spanned(field, "the fields of a metric set have names"));
        };
        let mut options = Self {
            name: LitStr::new(&camel_case(&ident.unraw().to_string()), ident.span()),
            description: first_paragraph(field),
            unit: None,
            rate: None,
            names: Vec::new(),
            scale: None,
            bucket_limit: None,
            bounds: None,
            is_set: false,
        };
        let mut given = Vec::new();
        for attribute in &field.attrs {
            if attribute.path().is_ident("cfg") {
                let message =
                    "a metric set has the same metrics in every build: put this field into a set of its own";
                return Err(Error::new_spanned(attribute, message));
            }
            if attribute.path().is_ident("metric") {
                attribute.parse_nested_meta(|meta| options.take(&meta, &mut given))?;
            }
        }
        if options.is_set && given.len() > 1 {
            return Err(Error::new_spanned(
                field,
                "a field that is a metric set has its metrics' names and units from there",
            ));
        }
        if !options.is_set && options.description.is_empty() {
            let message =
                "a metric has a doc comment, which is its description for people who read a dashboard";
            return Err(Error::new_spanned(ident, message));
        }
        Ok(options)
    }

    fn take(&mut self, meta: &ParseNestedMeta<'_>, given: &mut Vec<String>) -> Result<()> {
        let key = meta.path.to_token_stream().to_string();
        if given.contains(&key) {
            return Err(meta.error(format!("`{key}` is there twice")));
        }
        match key.as_str() {
            "name" => self.name = not_empty(meta.value()?.parse()?)?,
            "unit" => self.unit = Some(meta.value()?.parse()?),
            "names" => meta.parse_nested_meta(|name| {
                let policy = name.path.to_token_stream().to_string();
                if self.names.iter().any(|(known, _)| *known == policy) {
                    return Err(name.error(format!("`{policy}` is there twice")));
                }
                let names = names_of(name.value()?)?;
                self.names.extend(names.into_iter().map(|name| (policy.clone(), name)));
                Ok(())
            })?,
            "rate" => self.rate = Some(not_empty(meta.value()?.parse()?)?),
            "scale" => self.scale = Some(meta.value()?.parse()?),
            "bucket_limit" => self.bucket_limit = Some(meta.value()?.parse()?),
            "bounds" => self.bounds = Some(meta.value()?.parse()?),
            "set" if meta.input.peek(Token![=]) => return Err(meta.error("`set` has no value")),
            "set" => self.is_set = true,
            _ => return Err(meta.error(format!("unknown key `{key}`: there are {KEYS}"))),
        }
        given.push(key);
        Ok(())
    }

    /// What is wrong with a handle of this type, found when the struct is compiled: what handles are is not known before.
    pub(crate) fn checks(&self, ty: &Type, core: &Path) -> TokenStream {
        let kind = quote!(<#ty as #core::MetricHandle>::KIND);
        let mut checks = TokenStream::new();
        if let Some(rate) = &self.rate {
            checks.extend(quote_spanned! {rate.span()=>
                const _: () = ::core::assert!(#kind.is_monotonic_sum(), #RATE_OF_NO_SUM);
            });
        }
        if let Some(option) = [&self.scale, &self.bucket_limit, &self.bounds].into_iter().flatten().next() {
            checks.extend(quote_spanned! {option.span()=>
                const _: () = ::core::assert!(::core::matches!(#kind, #core::MetricKind::Histogram), #NO_HISTOGRAM);
            });
        }
        checks
    }

    /// The metric, as a constant expression.
    pub(crate) fn metric(&self, core: &Path) -> TokenStream {
        let Self { name, description, .. } = self;
        let mut metric = quote!(#core::Metric::new(#name).with_description(#description));
        if let Some(unit) = &self.unit {
            let unit = unit_of(unit, core);
            metric.extend(quote!(.with_unit(#unit)));
        }
        if let Some(rate) = &self.rate {
            metric.extend(quote!(.with_rate_name(#rate)));
        }
        if !self.names.is_empty() {
            let names = self.names.iter().map(|(policy, name)| quote!((#policy, #name)));
            metric.extend(quote!(.with_policy_names(&[#(#names),*])));
        }
        if self.scale.is_some() || self.bucket_limit.is_some() || self.bounds.is_some() {
            let mut options = quote!(#core::HistogramOptions::DEFAULT);
            options.extend(self.scale.iter().map(|scale| quote!(.with_scale(#scale))));
            options.extend(self.bucket_limit.iter().map(|limit| quote!(.with_bucket_limit(#limit))));
            options.extend(self.bounds.iter().map(|bounds| quote!(.with_bounds(&#bounds))));
            metric.extend(quote!(.with_histogram(#options)));
        }
        metric
    }
}

/// A name, or in brackets a name and those that the metric had before.
fn names_of(value: ParseStream<'_>) -> Result<Vec<LitStr>> {
    if !value.peek(Bracket) {
        return Ok(vec![not_empty(value.parse()?)?]);
    }
    let content;
    let bracket = bracketed!(content in value);
    let names = content.parse_terminated(<LitStr as Parse>::parse, Token![,])?;
    if names.is_empty() {
        return Err(Error::new(bracket.span.join(), "a list of names has at least one"));
    }
    names.into_iter().map(not_empty).collect()
}

fn not_empty(name: LitStr) -> Result<LitStr> {
    if name.value().is_empty() {
        return Err(Error::new_spanned(name, "a metric's name has at least one character"));
    }
    Ok(name)
}

/// A UCUM code, the bare name of a constant, or any other constant expression.
fn unit_of(unit: &Expr, core: &Path) -> TokenStream {
    match unit {
        Expr::Lit(ExprLit { lit: Lit::Str(code), .. }) => quote!(#core::Unit::new(#code)),
        Expr::Path(path) if path.path.get_ident().is_some() => quote!(#core::Unit::#path),
        other => other.to_token_stream(),
    }
}

/// The first paragraph of a doc comment, in one line.
fn first_paragraph(field: &Field) -> String {
    let line = |attribute: &syn::Attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    };
    let text = field.attrs.iter().filter_map(line).collect::<Vec<_>>().join("\n");
    let lines =
        text.lines().map(str::trim).skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

/// `num_records_in` as Flink writes it: `numRecordsIn`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_').filter(|word| !word.is_empty());
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut characters = word.chars();
        camel.extend(characters.next().into_iter().flat_map(char::to_uppercase));
        camel.push_str(characters.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse::Parser as _;

    fn options(field: &str) -> Result<Options> {
        Options::of(&Field::parse_named.parse_str(field)?)
    }

    #[test]
    fn names_and_descriptions_come_from_the_field() {
        let field = "/** What came\n * in.\n *\n * More. */ r#num_records__in: Counter";
        let plain = options(&field.replace(" * ", " ").replace(" *\n", "\n")).unwrap();
        assert_eq!(plain.name.value(), "numRecordsIn");
        assert_eq!(plain.description, "What came in.");
        assert!(!plain.is_set);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (field, expected) in [
            (
                "a: Counter",
                "a metric has a doc comment, which is its description for people who read a dashboard",
            ),
            ("/// A.\n#[metric(nam = \"b\")] a: Counter", &format!("unknown key `nam`: there are {KEYS}")),
            ("/// A.\n#[metric(name = \"\")] a: Counter", "a metric's name has at least one character"),
            ("/// A.\n#[metric(name = \"b\", name = \"c\")] a: Counter", "`name` is there twice"),
            ("/// A.\n#[metric(name = 1)] a: Counter", "expected string literal"),
            ("/// A.\n#[metric(names(flink = \"b\", flink = \"c\"))] a: Counter", "`flink` is there twice"),
            ("/// A.\n#[metric(names(flink = []))] a: Counter", "a list of names has at least one"),
            (
                "/// A.\n#[metric(names(flink = \"\"))] a: Counter",
                "a metric's name has at least one character",
            ),
            (
                "/// A.\n#[metric(names(flink = [\"b\", \"\"]))] a: Counter",
                "a metric's name has at least one character",
            ),
            ("/// A.\n#[metric(rate = \"\")] a: Counter", "a metric's name has at least one character"),
            ("/// A.\n#[metric(rate = 1)] a: Counter", "expected string literal"),
            ("#[metric(set = true)] a: Set", "`set` has no value"),
            (
                "#[metric(set, unit = \"s\")] a: Set",
                "a field that is a metric set has its metrics' names and units from there",
            ),
            (
                "#[cfg(unix)] /// A.\na: Counter",
                "a metric set has the same metrics in every build: put this field into a set of its own",
            ),
        ] {
            let error = options(field).map(|_| ()).unwrap_err().to_string();
            assert_eq!(error, expected, "{field}");
        }
    }
}
