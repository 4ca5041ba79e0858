//! What handlers take: paths, queries and bodies, refused with a problem that says where they are wrong, and described by their types.

use aide::{
    generate::GenContext,
    openapi::{
        HeaderStyle, Operation, Parameter, ParameterData, ParameterSchemaOrContent, PathStyle, QueryStyle, ReferenceOr,
        RequestBody,
    },
    operation::OperationInput,
};
use axum::extract::{self, FromRequest, FromRequestParts, Query, Request};
use bytes::Bytes;
use http::{StatusCode, header, request};
use schemars::{JsonSchema, generate::Contract};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    super::Parts,
    schema::{self, media, note_refusals, object},
};
use crate::{event::plain_words, ingest::Problem};

/// The largest hub file or document, in bytes.
pub(in crate::api) const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The parts of a path that have names: a type with a member for each.
pub(in crate::api) struct Path<T>(pub(in crate::api) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Problem> {
        let path = extract::Path::from_request_parts(parts, state).await;
        path.map(|extract::Path(path)| Self(path))
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "bad-parameter", error.body_text()))
    }
}

impl<T: JsonSchema> OperationInput for Path<T> {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        path_parameters::<T>(operation);
        note_refusals(operation, &["bad-parameter"]);
    }
}

/// A query string of this shape.
pub(in crate::api) struct Checked<T>(pub(in crate::api) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Checked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, _state: &S) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(query)| Self(query))
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "bad-query", told_of_query(&error.body_text())))
    }
}

/// What axum says of a query, in the words of who wrote it: `limit: this is no whole number`.
fn told_of_query(text: &str) -> String {
    let text = text.rsplit_once("query string: ").map_or(text, |(_, text)| text);
    match text.split_once(": ").filter(|(key, _)| !key.contains([' ', '`'])) {
        Some((key, text)) => format!("{key}: {}", plain_words(text)),
        None => plain_words(text),
    }
}

impl<T: JsonSchema> OperationInput for Checked<T> {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        for member in schema::members_of::<T>() {
            let query = Parameter::Query {
                parameter_data: parameter(member),
                allow_reserved: false,
                style: QueryStyle::Form,
                allow_empty_value: None,
            };
            operation.parameters.push(ReferenceOr::Item(query));
        }
        note_refusals(operation, &["bad-query"]);
    }
}

/// The parts of a path, each a member of a type.
pub(super) fn path_parameters<T: JsonSchema>(operation: &mut Operation) {
    for (name, schema, _) in schema::members_of::<T>() {
        let parameter_data = parameter((name, schema, true));
        operation.parameters.push(ReferenceOr::Item(Parameter::Path { parameter_data, style: PathStyle::Simple }));
    }
}

/// The headers that a call may have, each a member of a type.
pub(in crate::api) fn header_parameters<T: JsonSchema>(operation: &mut Operation) {
    for member in schema::members_of::<T>() {
        let header = Parameter::Header { parameter_data: parameter(member), style: HeaderStyle::Simple };
        operation.parameters.push(ReferenceOr::Item(header));
    }
}

/// The description stands with the parameter, not in its schema.
fn parameter((name, mut schema, required): (String, Value, bool)) -> ParameterData {
    let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
    ParameterData {
        name,
        description: description.and_then(|text| text.as_str().map(str::to_owned)),
        required,
        deprecated: None,
        format: ParameterSchemaOrContent::Schema(object(schema)),
        example: None,
        examples: Default::default(),
        explode: None,
        extensions: Default::default(),
    }
}

/// A JSON body.
pub(in crate::api) struct Document<T>(pub(in crate::api) T);

impl<T: DeserializeOwned> FromRequest<Parts> for Document<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, parts: &Parts) -> Result<Self, Problem> {
        document(&read(request, parts).await?).map(Self)
    }
}

impl<T: JsonSchema> OperationInput for Document<T> {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        takes_json::<T>(operation, true);
    }
}

/// A JSON body that may be left out.
pub(in crate::api) struct Wishes<T>(pub(in crate::api) T);

impl<T: DeserializeOwned + Default> FromRequest<Parts> for Wishes<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, parts: &Parts) -> Result<Self, Problem> {
        let bytes = read(request, parts).await?;
        if bytes.is_empty() { Ok(Self(T::default())) } else { Ok(Self(document(&bytes)?)) }
    }
}

impl<T: JsonSchema> OperationInput for Wishes<T> {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        takes_json::<T>(operation, false);
    }
}

/// The bytes of a component.
pub(in crate::api) struct Component(pub(in crate::api) Bytes);

impl FromRequest<Parts> for Component {
    type Rejection = Problem;

    async fn from_request(request: Request, parts: &Parts) -> Result<Self, Problem> {
        read(request, parts).await.map(Self)
    }
}

impl OperationInput for Component {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        let mut body = RequestBody { required: true, ..RequestBody::default() };
        body.content.insert(WASM.to_owned(), media(object(json!({}))));
        operation.request_body = Some(ReferenceOr::Item(body));
        note_refusals(operation, &["bad-body"]);
    }
}

const WASM: &str = "application/wasm";

/// A document or, told by its content type, the bytes of a component.
pub(in crate::api) enum DocumentOrComponent<T> {
    Document(T),
    Component(Bytes),
}

impl<T: DeserializeOwned> FromRequest<Parts> for DocumentOrComponent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, parts: &Parts) -> Result<Self, Problem> {
        let is_wasm = request.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes() == WASM.as_bytes());
        let bytes = read(request, parts).await?;
        if is_wasm { Ok(Self::Component(bytes)) } else { document(&bytes).map(Self::Document) }
    }
}

impl<T: JsonSchema> OperationInput for DocumentOrComponent<T> {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        takes_json::<T>(operation, true);
        if let Some(ReferenceOr::Item(body)) = &mut operation.request_body {
            body.content.insert(WASM.to_owned(), media(object(json!({}))));
        }
    }
}

/// Describes a body that its handler reads: JSON of this shape, or anything of other types.
pub(in crate::api) fn describe_contents<T: JsonSchema>(others: &'static [&'static str]) -> impl FnOnce(&mut Operation) {
    move |operation| {
        takes_json::<T>(operation, true);
        if let Some(ReferenceOr::Item(body)) = &mut operation.request_body {
            body.content.extend(others.iter().map(|kind| ((*kind).to_owned(), media(object(json!({}))))));
        }
    }
}

fn takes_json<T: JsonSchema>(operation: &mut Operation, required: bool) {
    let schema = schema::of::<T>(Contract::Deserialize, operation);
    let mut body = RequestBody { required, ..RequestBody::default() };
    body.content.insert("application/json".to_owned(), media(schema));
    operation.request_body = Some(ReferenceOr::Item(body));
    note_refusals(operation, &["bad-body", "bad-document"]);
}

fn document<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        let detail = format!("a document has at most {DOCUMENT_BYTES_MAX} bytes");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "bad-body", detail));
    }
    let refused = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "bad-document", detail);
    // serde takes the members of a struct also from a list of them.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(refused("a list, where an object is wanted".to_owned()));
    }
    let text = &mut serde_json::Deserializer::from_slice(bytes);
    let document = serde_path_to_error::deserialize(&mut *text)
        .map_err(|error| refused(format!("{}: {}", error.path(), plain_words(&error.inner().to_string()))))?;
    text.end().map_err(|error| refused(error.to_string()))?;
    Ok(document)
}

async fn read(request: Request, parts: &Parts) -> Result<Bytes, Problem> {
    Bytes::from_request(request, parts).await.map_err(|error| Problem::new(error.status(), "bad-body", error.body_text()))
}

#[cfg(test)]
mod tests {
    use http::Uri;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Page {
        limit: usize,
        wait: Option<bool>,
    }

    #[test]
    fn a_query_is_refused_in_plain_words() {
        let told = |query: &str| {
            let uri: Uri = format!("http://host/?{query}").parse().expect("a URL");
            told_of_query(&Query::<Page>::try_from_uri(&uri).expect_err(query).body_text())
        };
        assert_eq!(told("limit=many"), "limit: this is no whole number");
        assert_eq!(told("limit=1&wait=maybe"), "wait: expected true or false");
        assert_eq!(told(""), "`limit` is missing");
        assert!(told("limit=1&limt=2").ends_with("unknown key `limt`; there are limit, wait"), "{}", told("limit=1&limt=2"));
    }
}
