//! The OpenAPI 3.1 document: what is the same for all operations, and the frame around them.

use std::collections::BTreeMap;

use aide::{
    axum::ApiRouter,
    openapi::{Components, Info, License, OpenApi, Operation, ReferenceOr, Response, SecurityScheme, Server, StatusCode, Tag},
};
use serde_json::{Map, Value, json};

use super::{
    super::Parts,
    route::Access,
    schema::{define, media, object, take_notes},
    senders,
};
use crate::{
    hub::Scope,
    ingest::{PROBLEM_TYPES, ProblemType},
};

/// The name of the one security scheme.
const KEY: &str = "key";
/// What an operation that needs a key may answer whatever it is.
const WITH_KEY: [&str; 8] = [
    "bad-parameter",
    "internal",
    "no-key",
    "scope-missing",
    "too-many-calls",
    "too-many-wrong-keys",
    "unknown-workspace",
    "workspace-forbidden",
];

/// What operations are sorted under, in the document's order.
const TAGS: [(&str, &str); 12] = [
    ("Sending", "What senders call: no key, but what their source asks of them."),
    ("Events", "What came in, and publishing."),
    ("Deliveries", "What goes out: runs, batches, deliveries, and trying them again."),
    ("Dead letters", "What was given up."),
    ("Documents", "What operators declare: sources, destinations, plugins and rules, one at a time."),
    ("Hub file", "All that is declared as a whole: applied, exported, its revisions and what drifted from it."),
    ("Plugins", "Components, and the versions of plugins."),
    ("Queues", "Fetching messages of destinations of kind `pull`."),
    ("Keys", "Keys of this API: what they may do, and until when."),
    ("Workspaces", "The tenants of the host, and how much each may have."),
    ("Audit log", "Who changed what, when, and from where."),
    ("Host", "How the host does, and this description."),
];

/// Completes the description of an operation by what its access and what it noted say.
pub(super) fn operation(operation: &mut Operation, access: Access, definitions: &mut Map<String, Value>) {
    let (noted, mut kinds) = take_notes(operation);
    for (name, schema) in noted {
        define(definitions, name, schema);
    }
    if let Access::Key(scope) = access {
        operation.security = vec![[(KEY.to_owned(), vec![scope.to_string()])].into_iter().collect()];
        let needs = format!("Needs a key with the scope `{scope}`.");
        let told = operation.description.take().map(|told| format!("{told}\n\n{needs}"));
        operation.description = Some(told.unwrap_or(needs));
        kinds.extend(WITH_KEY.map(str::to_owned));
    }
    add_problems(operation, &kinds);
}

/// Each status with the types of problems that it comes with, and one answer for all that is not foreseen.
fn add_problems(operation: &mut Operation, kinds: &[String]) {
    let mut by_status: BTreeMap<u16, Vec<&ProblemType>> = BTreeMap::new();
    for kind in kinds {
        let known = ProblemType::of(kind);
        debug_assert!(known.is_some(), "`{kind}` is missing in PROBLEM_TYPES");
        for (known, status) in known.iter().flat_map(|known| known.statuses.iter().map(move |status| (known, *status))) {
            let of_status = by_status.entry(status).or_default();
            if !of_status.iter().any(|other| other.kind == known.kind) {
                of_status.push(known);
            }
        }
    }
    let responses = operation.responses.get_or_insert_default();
    for (status, mut types) in by_status {
        types.sort_by_key(|known| known.kind);
        let urns: Vec<String> = types.iter().map(|known| urn(known.kind)).collect();
        let told: Vec<String> = types.iter().map(|known| format!("- `{}`: {}", known.kind, known.meaning)).collect();
        let schema = json!({ "allOf": [problem_reference(), { "properties": { "type": { "enum": urns } } }] });
        let response = problem_response(&told.join("\n"), schema);
        match responses.responses.get_mut(&StatusCode::Code(status)) {
            // It is answered in another way too.
            Some(ReferenceOr::Item(other)) => {
                other.description = format!("{}\n\n{}", other.description, response.description);
                other.content.extend(response.content);
            }
            Some(ReferenceOr::Reference { .. }) => {}
            None => drop(responses.responses.insert(StatusCode::Code(status), ReferenceOr::Item(response))),
        }
    }
    let rest = problem_response("Any other refusal.", problem_reference());
    responses.default.get_or_insert(ReferenceOr::Item(rest));
}

fn problem_response(description: &str, schema: Value) -> Response {
    let mut response = Response { description: description.to_owned(), ..Response::default() };
    response.content.insert("application/problem+json".to_owned(), media(object(schema)));
    response
}

fn urn(kind: &str) -> String {
    format!("urn:sluicebox:problem:{kind}")
}

fn problem_reference() -> Value {
    json!({ "$ref": "#/components/schemas/Problem" })
}

fn problem_schema() -> Value {
    let kinds: Vec<String> = PROBLEM_TYPES.iter().map(|known| urn(known.kind)).collect();
    json!({
        "type": "object",
        "description": "A refusal, as RFC 9457 has it. Some types have further members.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "type": "string", "description": "Stable: what clients branch on.", "enum": kinds },
            "title": { "type": "string", "description": "The type in words." },
            "status": { "type": "integer", "description": "The HTTP status." },
            "detail": { "type": "string", "description": "What is wrong, and how to mend it." },
        },
    })
}

/// The whole document.
pub(super) fn document(api: ApiRouter<Parts>, definitions: Map<String, Value>) -> Value {
    let mut told = OpenApi { info: info(), servers: vec![server()], ..OpenApi::default() };
    told.tags = TAGS.map(|(name, description)| tag(name, description)).into();
    let _router = senders::described(api).finish_api(&mut told);
    let mut components = Components::default();
    components.security_schemes.insert(KEY.to_owned(), ReferenceOr::Item(bearer()));
    components.schemas = definitions.into_iter().map(|(name, schema)| (name, object(schema))).collect();
    components.schemas.insert("Problem".to_owned(), object(problem_schema()));
    told.components = Some(components);
    serde_json::to_value(told).unwrap_or_default()
}

fn info() -> Info {
    Info {
        title: "Sluicebox".to_owned(),
        summary: Some("A webhook router that its users extend with WebAssembly.".to_owned()),
        description: Some(
            "Times are RFC 3339 in UTC. Listings come in pages: `next` of one is `after` of the next. Refusals are problems of RFC 9457, \
             whose `type` is stable. Answers to a key say what it may still call, in `RateLimit` and `RateLimit-Policy`."
                .to_owned(),
        ),
        license: Some(License { name: "Apache-2.0".to_owned(), identifier: Some("Apache-2.0".to_owned()), ..License::default() }),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..Info::default()
    }
}

fn server() -> Server {
    Server { url: "/".to_owned(), description: Some("The host that answers this.".to_owned()), ..Server::default() }
}

fn tag(name: &str, description: &str) -> Tag {
    Tag { name: name.to_owned(), description: Some(description.to_owned()), ..Tag::default() }
}

fn bearer() -> SecurityScheme {
    let scopes = Scope::ALL.map(|scope| format!("`{scope}`")).join(", ");
    let description = format!(
        "An API key. Operations name the scope that it needs, one of {scopes}; `admin` stands for all of its workspace, `operator` for everything."
    );
    SecurityScheme::Http {
        scheme: "bearer".to_owned(),
        bearer_format: None,
        description: Some(description),
        extensions: Default::default(),
    }
}
