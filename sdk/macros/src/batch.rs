//! The argument of `#[batch(key = ...)]`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Lit, LitStr, MetaNameValue, Result, Token, punctuated::Punctuated};

const EXPECTS: &str = "`#[batch]` expects `key = \"path.in.the.body\"`, `key = function`, or nothing";

/// The body of `fn key`, with `event` in scope.
pub(crate) fn key(args: TokenStream) -> Result<TokenStream> {
    if args.is_empty() {
        return Ok(quote! { ::core::result::Result::Ok(::core::option::Option::Some(::std::string::String::new())) });
    }
    let at = args.span();
    let pairs = Punctuated::<MetaNameValue, Token![,]>::parse_terminated
        .parse2(args)
        .map_err(|error| Error::new(error.span(), EXPECTS))?;
    match pairs.into_iter().collect::<Vec<_>>().as_slice() {
        [MetaNameValue { path, value, .. }] if path.is_ident("key") => match value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => at_path(text),
            Expr::Path(function) => Ok(quote_spanned! { function.span() =>
                ::sluicebox_sdk::export::IntoKey::into_key(#function(event))
            }),
            other => Err(Error::new(other.span(), EXPECTS)),
        },
        _ => Err(Error::new(at, EXPECTS)),
    }
}

/// A key is one value, so its path has names only: no `*`, and no places in an array, which a function can still look at.
fn at_path(text: &LitStr) -> Result<TokenStream> {
    if text.value().split('.').any(|name| name.is_empty() || name.contains(['[', ']', '*'])) {
        return Err(Error::new(text.span(), "the key of `#[batch]` expects names with dots between them, as in \"customer.id\""));
    }
    Ok(quote! { ::core::result::Result::Ok(::sluicebox_sdk::export::key_at(event, #text)) })
}
