//! `ETag`, `If-Match` and `If-None-Match` (RFC 9110, sections 8.8.3 and 13.1): a document is changed only while it is as whoever asked has
//! seen it.

use aide::{
    generate::GenContext,
    openapi::{Header, HeaderStyle, Operation, ParameterSchemaOrContent, ReferenceOr, Response as Described},
    operation::{OperationInput, OperationOutput},
};
use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::openapi::{Json, header_parameters, note_refusals, schema_object};
use crate::{
    hub::{Condition, Tags},
    ingest::Problem,
};

/// What has to hold for the call to be done.
pub(super) struct If(pub(super) Condition);

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Headers {
    /// Only where the document is still the one with this `ETag`; `*`: where it is there.
    #[schemars(rename = "If-Match", regex(pattern = r#"^(\*|(W/)?"[!#-+.-~-]*"(, ?(W/)?"[!#-+.-~-]*")*)$"#))]
    is: Option<String>,
    /// `*`: only where it is not there yet.
    #[schemars(rename = "If-None-Match", regex(pattern = r#"^(\*|(W/)?"[!#-+.-~-]*"(, ?(W/)?"[!#-+.-~-]*")*)$"#))]
    is_not: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for If {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, _: &S) -> Result<Self, Problem> {
        let (is, is_not) = (tags(&parts.headers, &header::IF_MATCH)?, tags(&parts.headers, &header::IF_NONE_MATCH)?);
        Ok(Self(Condition { is, is_not }))
    }
}

impl OperationInput for If {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        header_parameters::<Headers>(operation);
        note_refusals(operation, &["bad-parameter", "precondition-failed"]);
    }
}

/// The tags of a header, which may come several times.
fn tags(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Problem> {
    let mut found = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| bad_tags(name))?;
        if text.trim() == "*" {
            return Ok(Some(Tags::Any));
        }
        found.extend(listed(text).ok_or_else(|| bad_tags(name))?);
    }
    Ok((!found.is_empty()).then_some(Tags::Of(found)))
}

/// `"a", "b"`. A weak tag is none of ours, so it is none that a document has.
fn listed(text: &str) -> Option<Vec<String>> {
    let one = |tag: &str| {
        let tag = tag.trim();
        let (weak, quoted) = tag.strip_prefix("W/").map_or(("", tag), |quoted| ("W/", quoted));
        let opaque = quoted.strip_prefix('"')?.strip_suffix('"')?;
        (!opaque.contains('"')).then(|| format!("{weak}{opaque}"))
    };
    text.split(',').map(one).collect()
}

fn bad_tags(name: &HeaderName) -> Problem {
    let detail = format!("{name}: `*`, or tags in quotes as an ETag header gave them");
    Problem::new(StatusCode::BAD_REQUEST, "bad-parameter", detail)
}

/// An answer of JSON with the tag of what it is about, where that is known.
#[derive(Debug)]
pub(super) struct Tagged<T> {
    pub(super) tag: Option<String>,
    pub(super) answer: Json<T>,
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = self.answer.into_response();
        if let Some(tag) = self.tag.and_then(|tag| HeaderValue::from_str(&format!("\"{tag}\"")).ok()) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

impl<T: JsonSchema> OperationOutput for Tagged<T> {
    type Inner = T;

    fn operation_response(ctx: &mut GenContext, operation: &mut Operation) -> Option<Described> {
        let mut response = Json::<T>::operation_response(ctx, operation)?;
        response.headers.insert("ETag".to_owned(), ReferenceOr::Item(described()));
        Some(response)
    }

    fn inferred_responses(ctx: &mut GenContext, operation: &mut Operation) -> Vec<(Option<u16>, Described)> {
        Self::operation_response(ctx, operation).map(|response| (Some(200), response)).into_iter().collect()
    }
}

fn described() -> Header {
    Header {
        description: Some(
            "What `If-Match` of a later change names; missing where something else was changed at the same time.".to_owned(),
        ),
        style: HeaderStyle::Simple,
        required: false,
        deprecated: None,
        format: ParameterSchemaOrContent::Schema(schema_object(json!({ "type": "string" }))),
        example: None,
        examples: Default::default(),
        extensions: Default::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_they_are_sent() {
        let read = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::IF_MATCH, HeaderValue::from_static(value));
            }
            tags(&headers, &header::IF_MATCH).map_err(|problem| problem.kind)
        };
        let of = |tags: &[&str]| Ok(Some(Tags::Of(tags.iter().map(|&tag| tag.to_owned()).collect())));
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["*"]), Ok(Some(Tags::Any)));
        assert_eq!(read(&["\"a\""]), of(&["a"]));
        assert_eq!(read(&["\"a\" ,\"b\"", "W/\"c\""]), of(&["a", "b", "W/c"]));
        for bad in ["a", "\"a", "\"a\"\"b\"", "", "\"a\",", "*, \"a\""] {
            assert_eq!(read(&[bad]), Err("bad-parameter"), "{bad}");
        }
    }
}
