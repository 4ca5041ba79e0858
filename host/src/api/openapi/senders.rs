//! The ways in of senders, described: flow 1 serves them, and what they ask of a request is each source's own.

use aide::{
    axum::{ApiRouter, routing::ApiMethodDocs},
    openapi::{Operation, ReferenceOr, RequestBody, Response, StatusCode},
};
use schemars::JsonSchema;
use serde_json::json;

use super::{
    super::Parts,
    describe,
    input::path_parameters,
    route::Access,
    schema::{media, note_refusals, object},
};
use crate::event::Name;

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct DefaultPlace {
    /// The name of a source of the workspace `default`.
    source: Name,
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Place {
    /// The name of a workspace.
    workspace: Name,
    /// The name of a source of it.
    source: Name,
}

const REFUSALS: &[&str] = &[
    "address-not-allowed",
    "bad-event",
    "body-broken",
    "body-not-decodable",
    "body-rate",
    "body-ratio",
    "body-too-large",
    "body-too-slow",
    "body-undecodable",
    "busy",
    "cloudevents-format",
    "content-encoding",
    "headers-too-large",
    "internal",
    "keys-unavailable",
    "method-not-allowed",
    "no-randomness",
    "not-a-cloudevent",
    "not-verified",
    "rate",
    "request-too-slow",
    "schema",
    "storage-full",
    "storage-slow",
    "storage-unavailable",
    "too-many-at-once",
    "too-many-events",
    "unknown-source",
    "verifier-busy",
    "verifier-failed",
    "workspace-rate",
];

/// With the ways in of senders.
pub(super) fn described(api: ApiRouter<Parts>) -> ApiRouter<Parts> {
    let of_default = operation::<DefaultPlace>("sendEvent", "Send an event to a source");
    let of_any = operation::<Place>("sendEventToWorkspace", "Send an event to a source of a workspace");
    api.api_route_docs("/in/{source}", of_default).api_route_docs("/w/{workspace}/in/{source}", of_any)
}

fn operation<T: JsonSchema>(id: &str, summary: &str) -> ApiMethodDocs {
    let mut operation =
        Operation { operation_id: Some(id.to_owned()), summary: Some(summary.to_owned()), ..Operation::default() };
    operation.tags.push("Sending".to_owned());
    let told = "Headers and body are those of the source's provider, and are verified as the source says. A source may take other methods, \
                and may answer otherwise.";
    operation.description = Some(told.to_owned());
    path_parameters::<T>(&mut operation);
    let mut body = RequestBody::default();
    body.content.insert("*/*".to_owned(), media(object(json!({}))));
    operation.request_body = Some(ReferenceOr::Item(body));
    let responses = &mut operation.responses.get_or_insert_default().responses;
    responses.insert(StatusCode::Code(202), ReferenceOr::Item(answer("The event is on disk.")));
    responses.insert(
        StatusCode::Range(2),
        ReferenceOr::Item(Response { description: "As the source says.".to_owned(), ..Response::default() }),
    );
    note_refusals(&mut operation, REFUSALS);
    describe::operation(&mut operation, Access::Open, &mut Default::default());
    ApiMethodDocs::new("post", operation)
}

fn answer(description: &str) -> Response {
    let mut response = Response { description: description.to_owned(), ..Response::default() };
    let schema = json!({ "type": "object", "properties": { "id": { "type": "string" }, "duplicate": { "type": "boolean" } } });
    response.content.insert("application/json".to_owned(), media(object(schema)));
    response
}
