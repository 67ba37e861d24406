//! From a struct to its implementation.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Error, Field, Fields, Path, Result};

use crate::field::Options;

/// The implementation, or the errors of all fields at once.
pub(crate) fn metric_set(input: &DeriveInput, core: &Path) -> TokenStream {
    implement(input, core).unwrap_or_else(|error| error.to_compile_error())
}

fn implement(input: &DeriveInput, core: &Path) -> Result<TokenStream> {
    if let Some(parameter) = input.generics.params.first() {
        let message =
            "a metric set has no parameters: its metrics are a constant table. Write a struct for each case";
        return Err(Error::new_spanned(parameter, message));
    }
    let mut parts = Vec::new();
    let mut handles = Vec::new();
    let mut errors: Option<Error> = None;
    for field in fields(input)? {
        match Part::new(field, core) {
            Ok(part) => {
                let (name, handle) = (&field.ident, &part.handle);
                handles.push(quote!(#name: #handle));
                parts.push(part);
            }
            Err(error) => match &mut errors {
                Some(errors) => errors.combine(error),
                None => errors = Some(error),
            },
        }
    }
    if let Some(errors) = errors {
        return Err(errors);
    }
    let name = &input.ident;
    let table = table(&parts, core);
    let checks = parts.iter().map(|part| &part.checks);
    Ok(quote! {
        #(#checks)*

        #[automatically_derived]
        impl #core::MetricSet for #name {
            const DESCRIPTORS: &'static [#core::Descriptor] = #table;

            fn from_cells(cells: &mut #core::SetCells) -> Self {
                Self { #(#handles),* }
            }
        }
    })
}

fn fields(input: &DeriveInput) -> Result<impl Iterator<Item = &Field>> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) if !fields.named.is_empty() => Ok(fields.named.iter()),
            _ => Err(Error::new_spanned(
                &input.ident,
                "a metric set has at least one field, and all have names",
            )),
        },
        Data::Enum(_) | Data::Union(_) => {
            Err(Error::new_spanned(&input.ident, "a metric set is a struct of metric handles"))
        }
    }
}

/// What a field brings.
struct Part {
    /// A descriptor, or for a set a slice of them.
    descriptors: TokenStream,
    is_set: bool,
    /// How it is taken from the cells.
    handle: TokenStream,
    /// Constant assertions.
    checks: TokenStream,
}

impl Part {
    fn new(field: &Field, core: &Path) -> Result<Self> {
        let options = Options::of(field)?;
        let ty = &field.ty;
        if options.is_set {
            return Ok(Self {
                descriptors: quote_spanned!(ty.span()=> <#ty as #core::MetricSet>::DESCRIPTORS),
                is_set: true,
                handle: quote_spanned!(ty.span()=> <#ty as #core::MetricSet>::from_cells(cells)),
                checks: TokenStream::new(),
            });
        }
        let metric = options.metric(core);
        Ok(Self {
            descriptors: quote_spanned!(ty.span()=> #core::Descriptor::of::<#ty>(#metric)),
            is_set: false,
            handle: quote_spanned!(ty.span()=> cells.take::<#ty>()),
            checks: options.checks(ty, core),
        })
    }
}

/// The table of all parts: where sets are among them, in one piece, as the cells are.
fn table(parts: &[Part], core: &Path) -> TokenStream {
    let descriptors = parts.iter().map(|part| &part.descriptors);
    if parts.iter().all(|part| !part.is_set) {
        return quote!(&[#(#descriptors),*]);
    }
    let slices = parts.iter().map(|Part { descriptors, is_set, .. }| match is_set {
        true => quote!(#descriptors),
        false => quote!(&[#descriptors]),
    });
    quote! {{
        const PARTS: &[&[#core::Descriptor]] = &[#(#slices),*];
        const TABLE: [#core::Descriptor; #core::Descriptor::count(PARTS)] = #core::Descriptor::concat(PARTS);
        &TABLE
    }}
}
