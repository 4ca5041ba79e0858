//! Write Sluicebox plugins: WebAssembly components that filter, transform or batch webhooks on their way, or verify them at the door.
//!
//! A plugin is one function with an attribute. This is a whole one:
//!
//! ```
//! use sluicebox_sdk::prelude::*;
//!
//! #[derive(Deserialize, Config)]
//! struct Settings {
//!     /// Smaller ones go nowhere.
//!     #[config(min = 0, max = 1_000_000)]
//!     min_cents: u64,
//! }
//!
//! #[derive(Serialize, Deserialize)]
//! struct Invoice { cents: u64, card: Option<String> }
//!
//! #[transform]
//! fn redact(event: Event, settings: Settings) -> Result<Outcome> {
//!     let mut invoice: Invoice = event.json()?;
//!     if invoice.cents < settings.min_cents { return drop("below threshold"); }
//!     invoice.card = None;
//!     emit(Message::json(&invoice)?)
//! }
//! # fn main() {}
//! ```
//!
//! | attribute | function | what it decides |
//! |---|---|---|
//! | [`#[filter]`](macro@filter) | `fn(Event[, Settings]) -> bool` or [`Verdict`], or a `Result` of either | whether the event goes on |
//! | [`#[transform]`](macro@transform) | `fn(Event[, Settings]) -> Result<Outcome>` | what goes on in its place: nothing, one or many |
//! | [`#[batch]`](macro@batch) | `fn(Batch[, Settings]) -> Result<Message>` or `Result<Vec<Message>>` | what many events fold into |
//!
//! | [`#[verify]`](macro@verify) | `fn(Request[, Settings]) -> Result<Decision>` | whether a request is from its source |
//!
//! A component may have one of each; those of events run in this order. The settings are any type that serde can read from the plugin's
//! `config` table in the hub file; what it cannot read rejects the event as `invalid-config`. Settings that
//! derive [`Config`](macro@Config) are checked before that: `sluicebox apply` refuses what does not fit, and names the line.
//!
//! # The crate around it
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib", "rlib"]
//!
//! [dependencies]
//! sluicebox-sdk = "0.1"
//! serde = { version = "1", features = ["derive"] }     # only where there are types to derive: what serde derives names `serde`
//! ```
//!
//! Built with `cargo build --release --target wasm32-unknown-unknown`. The standard library is there, but for what needs an
//! operating system: `Instant::now()` panics ([`clock`] tells the time), `println!` is silent ([`log`] is not), `HashMap` works.
//!
//! # Testing
//!
//! The attributes leave the function as it is, so a test calls it, natively and without a host:
//!
//! ```
//! use sluicebox_sdk::prelude::*;
//!
//! #[filter]
//! fn only_paid(event: Event) -> bool { event.event_type() == "invoice.paid" }
//!
//! # fn main() {
//! assert!(only_paid(Event::new("shop", "invoice.paid")));
//! # }
//! ```
//!
//! [`testing`] has what a test may set and see beyond that: the settings that [`config`] reads, the
//! [`clock`], the seed of [`random`], what is in [`state`], the lines that were logged and the [`metrics`] that were told.
//! One thing differs between there and a guest: a [`Value`](serde_json::Value) keeps the order of its keys in a guest only, so
//! that this crate changes no other user of `serde_json` in the same build. A test that compares values, not bytes, sees no
//! difference. Where bytes count, edit them in place with [`json::find`].
//!
//! # Failing
//!
//! Any error ends the call by `?`, as a rejection: the event becomes a dead letter of its rule, with code and text.
//! [`retry_after`] asks to be called again instead. A panic is reported with its place, and counts as the plugin's fault.

#![deny(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

// What the macros write names this crate, here too.
extern crate self as sluicebox_sdk;

mod batch;
mod decision;
mod error;
mod event;
mod message;
mod verify;

pub mod clock;
pub mod config;
pub mod crypto;
pub mod json;
pub mod log;
pub mod metrics;
pub mod random;
pub mod state;

/// The guide's snippets are compiled with the tests of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../docs/plugins.md")]
mod guide {}

#[doc(hidden)]
pub mod export;
#[cfg(target_family = "wasm")]
mod guest;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

/// What the host does for a plugin: in a test, the stand-in of its thread.
#[cfg(target_family = "wasm")]
use guest as host;
#[cfg(not(target_family = "wasm"))]
use testing as host;

pub use batch::{Batch, FlushReason};
pub use config::Config;
pub use decision::{KeepOrDrop, Outcome, Verdict, drop, emit, emit_all, keep};
pub use error::{DurationExt, Error, Failure, Result, reject, retry_after};
pub use event::Event;
pub use message::Message;
pub use sluicebox_sdk_macros::{Config, batch, filter, transform, verify};
pub use verify::{Decision, Request, Response, accept, accept_with, answer, refuse};
pub use {serde, serde_json};

/// Everything a plugin usually needs: `use sluicebox_sdk::prelude::*;`.
///
/// Its [`drop`] ends an event, and hides the standard library's of that name.
pub mod prelude {
    pub use crate::{Batch, Config, Error, Event, FlushReason, Message, Outcome, Result, Verdict};
    pub use crate::{Decision, Request, Response, accept, accept_with, answer, refuse};
    pub use crate::{
        DurationExt, clock, config, crypto, drop, emit, emit_all, keep, log, metrics, random, reject, retry_after, state,
    };
    pub use crate::{batch, filter, transform, verify};
    pub use serde::{Deserialize, Serialize};
    pub use serde_json::{Value, json};
}
