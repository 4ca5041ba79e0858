//! Pages of listings.

use schemars::JsonSchema;
use serde::Serialize;

use crate::journal::Page;

/// A page of a listing, newest first.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "{T}Page")]
pub(in crate::api) struct PageTold<T> {
    /// Some of them.
    items: Vec<T>,
    /// `after` of the next page, if there is one.
    next: Option<String>,
}

impl<T> PageTold<T> {
    /// A page, each of its items told so.
    pub(in crate::api) fn of<R>(page: &Page<R>, told: impl Fn(&R) -> T) -> Self {
        Self::ending(page.items.iter().map(told).collect(), page.next.map(|next| next.to_string()))
    }

    /// These, and where it goes on.
    pub(in crate::api) fn ending(items: Vec<T>, next: Option<String>) -> Self {
        Self { items, next }
    }
}
