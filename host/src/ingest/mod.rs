//! stub of the ingest part
use std::{collections::HashMap, sync::Arc};

use serde::Deserialize;

use crate::{
    event::{Invalid, Name},
    verify,
};

/// A source as the hub file declares it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// How its requests are verified.
    pub verify: verify::Spec,
}

/// A refined source.
#[derive(Clone, Debug)]
pub struct Source {}

impl Spec {
    /// Checks the spec.
    pub fn refine(&self) -> Result<Source, Invalid> {
        Ok(Source {})
    }
}

/// This part's piece of the snapshot.
#[derive(Debug, Default)]
pub struct Book {
    /// By workspace and name.
    pub sources: HashMap<(Name, Name), Arc<Source>>,
}
