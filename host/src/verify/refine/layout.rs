//! From a layout, a row's or one that the hub file writes, to a signature that the engine can check.

use super::{
    super::{
        Spec,
        place::{Place, PlaceAt},
        signature::Signature,
        table::{Layout, PLAIN, TimeAt},
        template::Template,
        time::{SignedTime, TimePlace},
    },
    keys, rules,
};
use crate::event::Invalid;

/// The layout that the spec of an `hmac` or a `signature` describes.
pub(super) fn configured(spec: &Spec) -> Result<Layout<'_>, Invalid> {
    let (place, _) = place(spec)?.ok_or_else(|| {
        Invalid::at("/header", "name the header that holds the signature, or the place in the body (`json`) or the `query`")
    })?;
    let algorithm = spec.algorithm.unwrap_or(PLAIN.algorithm);
    if algorithm.is_public() && spec.scheme == "hmac" {
        return Err(Invalid::at("/algorithm", "this is no HMAC; write scheme = \"signature\""));
    }
    Ok(Layout {
        algorithm,
        encoding: spec.encoding.unwrap_or(PLAIN.encoding),
        key: spec.secret_encoding.unwrap_or(PLAIN.key),
        place,
        alias: spec.header_alias.as_ref().map(|(one, other)| (one.as_str(), other.as_str())),
        separator: spec.separator,
        prefix: spec.prefix.as_deref().unwrap_or(PLAIN.prefix),
        public_prefix: spec.public_prefix.as_deref(),
        time: time(spec)?,
        unit: spec.timestamp_unit.unwrap_or(PLAIN.unit),
        tolerance_ms: spec.tolerance.map_or(PLAIN.tolerance_ms, |tolerance| tolerance.ms),
        id: one_of(&spec.id_header, &spec.id_json, &spec.id_query, "id_")?.map(|(place, _)| place),
        signed: spec.signed.as_deref().unwrap_or(PLAIN.signed),
        body_hash: spec.body_hash_query.as_deref(),
        unsigned_body: spec.unsigned_body.unwrap_or(PLAIN.unsigned_body),
    })
}

/// Where the spec says that the signature or the secret stands, and the field that says it.
pub(super) fn place(spec: &Spec) -> Result<Option<(PlaceAt<'_>, &'static str)>, Invalid> {
    one_of(&spec.header, &spec.json, &spec.query, "")
}

/// The one place that is named.
fn one_of<'a>(
    header: &'a Option<String>,
    json: &'a Option<String>,
    query: &'a Option<String>,
    what: &str,
) -> Result<Option<(PlaceAt<'a>, &'static str)>, Invalid> {
    match (header, json, query) {
        (None, None, None) => Ok(None),
        (Some(name), None, None) => Ok(Some((PlaceAt::Header(name), "/header"))),
        (None, Some(path), None) => Ok(Some((PlaceAt::Json(path), "/json"))),
        (None, None, Some(name)) => Ok(Some((PlaceAt::Query(name), "/query"))),
        _ => {
            let second = if header.is_some() && json.is_some() { "json" } else { "query" };
            let told = format!("it stands in one place: keep one of `{what}header`, `{what}json` and `{what}query`");
            Err(Invalid::at(format!("/{what}{second}"), told))
        }
    }
}

fn time(spec: &Spec) -> Result<Option<TimeAt<'_>>, Invalid> {
    let at = one_of(&spec.timestamp_header, &spec.timestamp_json, &spec.timestamp_query, "timestamp_")?;
    let time = match (at, spec.timestamp_prefix.as_deref()) {
        (None, entry) => entry.map(TimeAt::Entry),
        (Some((place, _)), None) => Some(TimeAt::At(place)),
        (Some(_), Some(_)) => {
            return Err(Invalid::at("/timestamp_prefix", "the time stands in one place: keep this, or the other"));
        }
    };
    let given = [("/tolerance", spec.tolerance.is_some()), ("/timestamp_unit", spec.timestamp_unit.is_some())];
    match given.into_iter().find(|(_, given)| *given && time.is_none()) {
        Some((pointer, _)) => {
            Err(Invalid::at(pointer, "without a `timestamp_header` there is no time to compare; name it, or remove this"))
        }
        None => Ok(time),
    }
}

/// What the engine checks.
pub(super) fn signature(spec: &Spec, layout: Layout<'_>) -> Result<Signature, Invalid> {
    let signed = Template::parse(layout.signed).map_err(|message| Invalid::at("/signed", message))?;
    rules::check(spec, layout, &signed)?;
    let place = |at, what: &str| Place::of(at, layout.alias, &pointer(at, what));
    Ok(Signature {
        place: place(layout.place, "")?,
        separator: layout.separator,
        encoding: layout.encoding,
        versions: keys::versions(spec, layout)?,
        time: layout.time.map(|at| signed_time(at, layout)).transpose()?,
        id: layout.id.map(|at| place(at, "id_")).transpose()?,
        signed,
        body_hash: layout.body_hash.map(str::to_owned),
        url: spec.url.clone(),
    })
}

fn signed_time(at: TimeAt<'_>, layout: Layout<'_>) -> Result<SignedTime, Invalid> {
    let place = match at {
        TimeAt::At(at) => TimePlace::At(Place::of(at, layout.alias, &pointer(at, "timestamp_"))?),
        TimeAt::Entry(prefix) => TimePlace::Entry(prefix.to_owned()),
    };
    Ok(SignedTime { place, unit: layout.unit, tolerance_ms: layout.tolerance_ms })
}

/// The field that names a place.
pub(super) fn pointer(at: PlaceAt<'_>, what: &str) -> String {
    let kind = match at {
        PlaceAt::Header(_) => "header",
        PlaceAt::Json(_) => "json",
        PlaceAt::Query(_) => "query",
    };
    format!("/{what}{kind}")
}
