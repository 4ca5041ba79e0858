//! The attributes of `sluicebox-sdk`, which re-exports them and has the documentation of what they make.
//!
//! An attribute leaves its function as it is, so that tests can call it, and adds an implementation of one of the traits of
//! `sluicebox_sdk::export`, checked on every target. Only for a guest it exports it: natively that would not link.

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::quote;

mod batch;
mod config;
mod signature;

use signature::Signature;

/// Makes a function a filter, which decides whether an event goes on.
///
/// The function is `fn(Event[, Settings])` and returns `bool`, `Verdict`, or a `Result` of either.
///
/// ```
/// use sluicebox_sdk::prelude::*;
///
/// #[filter]
/// fn only_opened(event: Event) -> Result<bool> {
///     Ok(event.json_at::<String>("action")?.as_deref() == Some("opened"))
/// }
/// ```
#[proc_macro_attribute]
pub fn filter(args: TokenStream, item: TokenStream) -> TokenStream {
    plugin(&args.into(), &item.into(), "filter", "fn(Event[, Settings]) -> bool, Verdict, Result<bool> or Result<Verdict>", |f| {
        let call = f.call();
        quote! {
            impl ::sluicebox_sdk::export::Filter for Plugin {
                fn filter(input: ::sluicebox_sdk::Event) -> ::sluicebox_sdk::Result<::sluicebox_sdk::Verdict> {
                    ::sluicebox_sdk::export::IntoVerdict::into_verdict(#call)
                }
            }
        }
    })
}

/// Makes a function a transform, which decides what goes on in an event's place.
///
/// The function is `fn(Event[, Settings]) -> Result<Outcome>`.
///
/// ```
/// use sluicebox_sdk::prelude::*;
///
/// #[derive(Deserialize)]
/// struct Settings { greeting: String }
///
/// #[transform]
/// fn greet(event: Event, settings: Settings) -> Result<Outcome> {
///     emit(Message::text(format!("{}, {}", settings.greeting, event.text()?)))
/// }
/// ```
#[proc_macro_attribute]
pub fn transform(args: TokenStream, item: TokenStream) -> TokenStream {
    plugin(&args.into(), &item.into(), "transform", "fn(Event[, Settings]) -> Result<Outcome>", |f| {
        let call = f.call();
        quote! {
            impl ::sluicebox_sdk::export::Transform for Plugin {
                fn transform(input: ::sluicebox_sdk::Event) -> ::sluicebox_sdk::Result<::sluicebox_sdk::Outcome> {
                    ::sluicebox_sdk::export::IntoOutcome::into_outcome(#call)
                }
            }
        }
    })
}

/// Makes a function a batch, which folds many events into messages.
///
/// The function is `fn(Batch[, Settings])` and returns `Result<Message>` or `Result<Vec<Message>>`. `key` says which batch an event
/// joins:
///
/// - `#[batch(key = "customer.id")]`: the value there in the event's body; an event that has none is delivered alone.
/// - `#[batch(key = customer)]`: what this `fn(&Event)` returns, `Option<String>` or `Result<Option<String>>`; none: alone.
/// - `#[batch]`: all of the rule's events join one batch.
///
/// ```
/// use sluicebox_sdk::prelude::*;
///
/// #[batch(key = "customer.id")]
/// fn digest(batch: Batch) -> Result<Message> {
///     Message::json(&batch.iter().map(|event| event.json()).collect::<Result<Vec<Value>>>()?)
/// }
/// ```
#[proc_macro_attribute]
pub fn batch(args: TokenStream, item: TokenStream) -> TokenStream {
    let key = match batch::key(args.into()) {
        Ok(key) => key,
        Err(error) => return failed(&error, &item.into()),
    };
    let expects = "fn(Batch[, Settings]) -> Result<Message> or Result<Vec<Message>>";
    plugin(&Tokens::new(), &item.into(), "batch", expects, |f| {
        let call = f.call();
        quote! {
            impl ::sluicebox_sdk::export::Fold for Plugin {
                fn key(event: &::sluicebox_sdk::Event) -> ::sluicebox_sdk::Result<::core::option::Option<::std::string::String>> {
                    #key
                }

                fn fold(input: ::sluicebox_sdk::Batch) -> ::sluicebox_sdk::Result<::std::vec::Vec<::sluicebox_sdk::Message>> {
                    ::sluicebox_sdk::export::IntoMessages::into_messages(#call)
                }
            }
        }
    })
}

/// Makes a function the verifier of a source, which says whether a request is from it.
///
/// The function is `fn(Request[, Settings]) -> Result<Decision>`. Any error by `?` refuses the request, as `refuse` does; a panic does
/// not accept it either: the sender is told to come again.
///
/// ```
/// use sluicebox_sdk::prelude::*;
///
/// #[verify]
/// fn shop(request: Request) -> Result<Decision> {
///     if let Some(challenge) = request.query("challenge") { return answer(Response::text(challenge)); }
///     let Some(signature) = request.header("x-shop-signature") else { return refuse("there is no signature") };
///     let data = [request.url().as_bytes(), request.body()].concat();
///     match crypto::verify_hmac(crypto::Algorithm::Sha256, "shop", &data, signature.as_bytes())? {
///         true => accept(),
///         false => refuse("the signature is another's"),
///     }
/// }
/// # fn main() {
/// # sluicebox_sdk::testing::grant_secret("shop", |_, data| data.to_vec());
/// # let request = Request::post("u", "b").with_header("x-shop-signature", "ub");
/// # assert_eq!(shop(request), accept());
/// # }
/// ```
#[proc_macro_attribute]
pub fn verify(args: TokenStream, item: TokenStream) -> TokenStream {
    plugin(&args.into(), &item.into(), "verify", "fn(Request[, Settings]) -> Result<Decision>", |f| {
        let call = f.call();
        quote! {
            impl ::sluicebox_sdk::export::Verify for Plugin {
                fn verify(input: ::sluicebox_sdk::Request) -> ::sluicebox_sdk::Result<::sluicebox_sdk::Decision> {
                    ::sluicebox_sdk::export::IntoDecision::into_decision(#call)
                }
            }
        }
    })
}

/// Makes a type the plugin's settings: checked when they are applied, and described in the component.
///
/// For structs with named fields. The component then exports `validate-config`, so that `sluicebox apply` refuses settings that do not
/// fit and names the line; and it has a JSON Schema of them in its section `sluicebox:config-schema`. A setting that the type does not
/// know is a problem too. Only one type of a plugin is its settings: types of fields derive `Config` as well, with `#[config(part)]`
/// (enums of plain names need no mark). Names and defaults are serde's; doc comments become descriptions.
///
/// | attribute of a field | |
/// |---|---|
/// | `min = 0`, `max = 1.5` | a number's bounds |
/// | `min_len = 1`, `max_len = 64` | of a text in characters, of a list in items, of a table in members |
/// | `one_of = ["a", "b"]` | the only texts |
/// | `any` | a type that only serde knows: not described, but checked |
///
/// ```
/// use sluicebox_sdk::{config, prelude::*};
///
/// #[derive(Deserialize, Config)]
/// struct Settings {
///     /// In percent.
///     #[config(min = 0, max = 100)]
///     share: f64,
///     #[serde(default)]
///     tags: Vec<String>,
/// }
///
/// # fn main() {
/// let problems = config::check::<Settings>(&json!({ "share": 101, "tags": ["a", 7] })).unwrap_err();
/// assert_eq!(problems[0], config::Problem::new("/share", "must be at most 100"));
/// assert_eq!(problems[1], config::Problem::new("/tags/1", "expected a text, found a number"));
/// # }
/// ```
#[proc_macro_derive(Config, attributes(config))]
pub fn config(input: TokenStream) -> TokenStream {
    config::derive(input.into()).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// The function as it was, and beside it what makes it a plugin of this kind.
fn plugin(args: &Tokens, item: &Tokens, kind: &str, expects: &str, implement: impl FnOnce(&Signature) -> Tokens) -> TokenStream {
    let signature = match signature::no_arguments(args, kind).and_then(|()| Signature::read(item.clone(), kind, expects)) {
        Ok(signature) => signature,
        Err(error) => return failed(&error, item),
    };
    let implementation = implement(&signature);
    let kind = quote::format_ident!("{kind}");
    quote! {
        #[allow(clippy::needless_pass_by_value, reason = "the host hands over what it gives")]
        #item

        const _: () = {
            struct Plugin;

            #implementation

            // What nobody exports here is used all the same, so that the author gets no warning for it.
            #[cfg(not(target_family = "wasm"))]
            const _: () = ::sluicebox_sdk::export::#kind(&Plugin);

            #[cfg(target_family = "wasm")]
            ::sluicebox_sdk::export::#kind::export!(Plugin with_types_in ::sluicebox_sdk::export::#kind);
        };
    }
    .into()
}

/// The function stays, so that what uses it does not fail as well.
fn failed(error: &syn::Error, item: &Tokens) -> TokenStream {
    let error = error.to_compile_error();
    quote! { #error #item }.into()
}
