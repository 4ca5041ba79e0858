//! A source as the hub file declares it, and refined.

use std::{collections::HashMap, str::FromStr, sync::Arc};

use http::HeaderName;
use serde::Deserialize;

use super::{
    decode::Coding,
    extract::Extract,
    idempotency::{Idempotency, IdempotencySpec},
    limits::Limits,
    rate::RateSpec,
};
use crate::{
    event::{Invalid, Name},
    plugin::Bound,
    verify::{self, Scheme},
};

/// A source as the hub file declares it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// How its requests are verified. `{ scheme = "none" }` has to be said.
    pub verify: verify::Spec,
    /// Where an event's type is; the scheme's preset otherwise.
    #[serde(rename = "type")]
    pub event_type: Option<ExtractSpec>,
    /// Where an event's subject is.
    pub subject: Option<ExtractSpec>,
    /// Where the provider's id of an event is; the scheme's preset otherwise.
    pub id: Option<ExtractSpec>,
    /// Stores events with the same key once.
    pub idempotency: Option<IdempotencySpec>,
    /// The largest body in bytes, 1 MiB unless told otherwise, at most 16 MiB.
    pub max_body_bytes: Option<usize>,
    /// The size of all headers in bytes: 256 to 1 MiB, and never more than the host lets in.
    pub max_header_bytes: Option<usize>,
    /// The content codings that bodies may have; none unless told otherwise.
    pub content_encodings: Option<Vec<Coding>>,
    /// How many requests it takes in a second or a minute.
    pub rate: Option<RateSpec>,
    /// How many requests it takes at once, 1 to 10000.
    pub concurrency: Option<u32>,
}

/// Where a fact of an event is: exactly one of these.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtractSpec {
    /// In a header.
    pub header: Option<String>,
    /// In the JSON body, by a dotted path: `object.kind`, `items.0.id`.
    pub json: Option<String>,
    /// Always this.
    pub value: Option<String>,
}

/// A refined source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Verifies requests, unless `plugin` does.
    pub scheme: Scheme,
    /// The plugin that the scheme names; it exports `verify`.
    pub plugin: Option<Arc<Bound>>,
    /// Finds the type.
    pub(super) event_type: Option<Extract>,
    /// Finds the subject.
    pub(super) subject: Option<Extract>,
    /// Finds the provider's id.
    pub(super) id: Option<Extract>,
    /// By what events are the same.
    pub(super) idempotency: Option<Idempotency>,
    /// What it lets in.
    pub(super) limits: Limits,
}

impl Spec {
    /// Checks the spec, and joins it with the plugin that verifies, where it names one; `plugins` are those there are.
    pub fn refine(&self, plugins: &HashMap<Name, Arc<Bound>>) -> Result<Source, Invalid> {
        let scheme = self.verify.refine().map_err(|e| Invalid::at(format!("/verify{}", e.pointer), e.message))?;
        let plugin = scheme.plugin().map(|name| verifier(name, plugins)).transpose()?;
        let hints = scheme.hints();
        let id = extract(self.id.as_ref(), "/id", hints.id_header)?;
        Ok(Source {
            event_type: extract(self.event_type.as_ref(), "/type", hints.type_header)?,
            subject: extract(self.subject.as_ref(), "/subject", None)?,
            idempotency: self.idempotency.as_ref().map(|spec| spec.refine(id.as_ref())).transpose()?,
            id,
            scheme,
            plugin,
            limits: Limits::of(self)?,
        })
    }
}

fn verifier(name: &Name, plugins: &HashMap<Name, Arc<Bound>>) -> Result<Arc<Bound>, Invalid> {
    let refused = |message| Invalid::at("/verify/plugin", message);
    let plugin = plugins.get(name).ok_or_else(|| refused(format!("there is no plugin `{name}`")))?;
    if !plugin.exports.verify {
        return Err(refused(format!("the plugin `{name}` does not export `verify`; it can only be named in a rule's `plugins`")));
    }
    Ok(Arc::clone(plugin))
}

pub(super) fn extract(spec: Option<&ExtractSpec>, at: &str, preset: Option<&'static str>) -> Result<Option<Extract>, Invalid> {
    let Some(spec) = spec else {
        return Ok(preset.map(|name| Extract::Header(HeaderName::from_static(name))));
    };
    match (&spec.header, &spec.json, &spec.value) {
        (Some(name), None, None) => HeaderName::from_str(name)
            .map(|name| Some(Extract::Header(name)))
            .map_err(|_| Invalid::at(format!("{at}/header"), format!("`{name}` is not a header name"))),
        (None, Some(path), None) => Ok(Some(Extract::json(path))),
        (None, None, Some(value)) => Ok(Some(Extract::Fixed(value.clone()))),
        _ => Err(Invalid::at(at, "name exactly one of `header`, `json` and `value`, as in { header = \"x-event\" }")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refine(spec: serde_json::Value) -> Result<Source, Invalid> {
        serde_json::from_value::<Spec>(spec).expect("a spec").refine(&HashMap::new())
    }

    #[test]
    fn a_fact_has_one_place() {
        let wrong = refine(serde_json::json!({"verify": {"scheme": "none"}, "type": {"header": "a", "json": "b"}}));
        assert_eq!(wrong.expect_err("two places").pointer, "/type");
        let wrong = refine(serde_json::json!({"verify": {"scheme": "none"}, "id": {"header": "a b"}}));
        assert_eq!(wrong.expect_err("no header name").pointer, "/id/header");
    }

    #[test]
    fn a_plugin_that_is_not_there_verifies_nothing() {
        let wrong = refine(serde_json::json!({"verify": {"scheme": "plugin", "plugin": "shop"}}));
        assert_eq!(wrong.expect_err("no plugin").pointer, "/verify/plugin");
    }
}
