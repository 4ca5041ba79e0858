//! The function under an attribute: what its tokens tell of whether it fits. Its types are left to the compiler, which knows them.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::spanned::Spanned;
use syn::{Error, FnArg, Ident, ItemFn, Result, ReturnType};

/// A function that takes an event or a batch, and perhaps settings.
pub(crate) struct Signature {
    name: Ident,
    /// Where the type of each argument is, for the compiler to point at.
    input: Span,
    settings: Option<Span>,
}

impl Signature {
    pub(crate) fn read(item: TokenStream, kind: &str, expects: &str) -> Result<Self> {
        let expected = |at: Span| Error::new(at, format!("`#[{kind}]` expects {expects}"));
        let sig = syn::parse2::<ItemFn>(item).map_err(|error| expected(error.span()))?.sig;
        let odd = [
            sig.asyncness.as_ref().map(Spanned::span),
            sig.abi.as_ref().map(Spanned::span),
            sig.variadic.as_ref().map(Spanned::span),
            sig.generics.params.first().map(Spanned::span),
        ];
        if let Some(at) = odd.into_iter().flatten().next() {
            return Err(expected(at));
        }
        if matches!(sig.output, ReturnType::Default) {
            return Err(expected(sig.ident.span()));
        }
        let mut types = Vec::new();
        for input in &sig.inputs {
            match input {
                FnArg::Typed(argument) => types.push(argument.ty.span()),
                FnArg::Receiver(receiver) => return Err(expected(receiver.span())),
            }
        }
        match types[..] {
            [input] => Ok(Self { name: sig.ident, input, settings: None }),
            [input, settings] => Ok(Self { name: sig.ident, input, settings: Some(settings) }),
            [] => Err(expected(sig.ident.span())),
            [_, _, third, ..] => Err(expected(third)),
        }
    }

    /// The call, with `input` in scope.
    pub(crate) fn call(&self) -> TokenStream {
        let Self { name, input, settings } = self;
        let input = quote_spanned! { *input => input };
        let settings = settings.map(|at| quote_spanned! { at => ::sluicebox_sdk::config::settings()? });
        quote_spanned! { name.span() => #name(#input, #settings) }
    }
}

/// For the attributes that take none.
pub(crate) fn no_arguments(args: &TokenStream, kind: &str) -> Result<()> {
    if args.is_empty() { Ok(()) } else { Err(Error::new(args.span(), format!("`#[{kind}]` takes no arguments"))) }
}
