//! The control plane's documents: sources, destinations, plugins and rules, one at a time, and components' bytes.

use std::collections::BTreeMap;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Parts,
    access::{Call, Workspace, scope_missing},
    beside::Running,
    destinations,
    openapi::{
        Checked, Component, DOCUMENT_BYTES_MAX, Document, DocumentOrComponent, Json, Path, Route, Routes, delete, get, post, put,
    },
    paths::ByName,
    precondition::{If, Tagged},
    query::{NamedPage, NamedQuery},
    versions, warnings,
    wire::{
        Applied, ComponentStored, Declared, Destinations, Documents, Listed, Plugins, Rules, Shown, Sources, SpecProblem,
        VersionTold, capitalized,
    },
};
use crate::{
    event::Name,
    hub::{self, Condition, Draft, HubError, Kind, Note, Scope},
    ingest::Problem,
};

/// The largest component, in bytes; the plugin machine has a limit of its own below it.
const COMPONENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What a change of documents may be refused for, also where it changes which version of a plugin is in force.
pub(super) const REFUSALS: &[&str] = &[
    "bad-query",
    "compiling",
    "component-refused",
    "in-use",
    "invalid-document",
    "limit-reached",
    "not-compiled",
    "quota-reached",
    "storage-unavailable",
    "unknown-name",
    "unknown-version",
    "version-not-ready",
];

pub(super) fn routes() -> Routes {
    let components = post("/v1/components", Scope::Plugins, store)
        .named("storeComponent", "Store a component's bytes, for documents to name by digest")
        .body_bytes_max(COMPONENT_BYTES_MAX)
        .refuses(&["compiling", "component-refused", "limit-reached", "not-compiled", "quota-reached", "storage-unavailable"]);
    let put_plugin = put("/v1/plugins/{name}", Scope::Plugins, put_plugin)
        .told(
            "Sent as application/wasm, the body is the component of a new version; else it is the document. The `breaker` that is shown of \
             a plugin may be sent along, and is passed over.",
        )
        .answers::<Put>(200, "The document is in force, or the version is ready.")
        .answers::<VersionTold>(
            202,
            "A version that is compiled, or becomes active, when it is its turn; `Location` says where to look.",
        )
        .body_bytes_max(COMPONENT_BYTES_MAX);
    let put_destination = put_of::<Destinations>()
        .told("The `public_keys` and the `runtime` that are shown of a destination may be sent along, and are passed over.");
    let routes = Routes::tagged("Documents").add(components);
    let routes = of_kind::<Sources>(routes, put_of::<Sources>());
    let routes = of_kind::<Destinations>(routes, put_destination);
    let routes = of_kind::<Plugins>(routes, put_plugin);
    of_kind::<Rules>(routes, put_of::<Rules>())
}

/// The routes of one kind of documents; plugins are put in a way of their own.
fn of_kind<K: Running>(routes: Routes, put: Route) -> Routes {
    let kind = K::KIND;
    let (folder, one_path) = (format!("/v1/{kind}"), format!("/v1/{kind}/{{name}}"));
    let (plural, singular) = (capitalized(kind.as_str()), capitalized(kind.singular()));
    let changes = if kind == Kind::Plugin { Scope::Plugins } else { Scope::Rules };
    let list = get(&folder, Scope::Read, list::<K>).named(&format!("list{plural}"), &format!("List {kind}"));
    let one = get(&one_path, Scope::Read, one::<K>)
        .named(&format!("get{singular}"), &format!("Get a {}", kind.singular()))
        .refuses(&["unknown-name"]);
    let delete = delete(&one_path, changes, remove::<K>)
        .named(&format!("delete{singular}"), &format!("Delete a {}", kind.singular()))
        .refuses(REFUSALS);
    let put = put.named(&format!("put{singular}"), &format!("Create or replace a {}", kind.singular())).refuses(REFUSALS);
    routes.add(list).add(one).add(delete).add(put)
}

fn put_of<K: Running>() -> Route {
    put(&format!("/v1/{}/{{name}}", K::KIND), Scope::Rules, put_one::<K>).body_bytes_max(DOCUMENT_BYTES_MAX)
}

async fn list<K: Running>(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Checked(query): Checked<NamedQuery>,
) -> Result<Json<Documents<Declared<K>>>, Problem> {
    let NamedPage { items, next } = query.page(parts.hub.list(&workspace, K::KIND))?;
    let items = items.into_iter().map(|(name, document)| {
        let runtime = match K::KIND {
            Kind::Destination => destinations::runtime(&parts.paces, &workspace, &name),
            Kind::Source | Kind::Plugin | Kind::Rule => None,
        };
        Listed { name, document: Declared::of(document), runtime }
    });
    Ok(Json(Documents { items: items.collect(), next }))
}

async fn one<K: Running>(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ByName { name }): Path<ByName>,
) -> Result<Tagged<Shown<K>>, Problem> {
    let kind = K::KIND;
    // Before the document: where it changes between the two, its tag is one that no change is done by.
    let tag = parts.hub.tag(&workspace, kind, &name);
    let found = parts.hub.get(&workspace, kind, &name);
    let document = found.ok_or_else(|| hub_problem(&HubError::NotFound { kind, name: name.clone() }))?;
    let beside = K::beside(&parts, &workspace, &name);
    Ok(Tagged { tag, answer: Json(Shown { document: Declared::of(document), beside }) })
}

async fn put_one<K: Running>(
    State(parts): State<Parts>,
    call: Call,
    Path(ByName { name }): Path<ByName>,
    If(condition): If,
    Document(document): Document<Declared<K>>,
) -> Result<Tagged<Applied>, Problem> {
    let mut fields = document.fields;
    // Shown by GET, and not the document's: what was shown may be put back.
    K::BESIDE.iter().for_each(|shown| drop(fields.remove(*shown)));
    change(&parts, &call, &condition, (K::KIND, name), Some(fields.into())).await
}

/// Changes one document, where the condition holds of it.
async fn change(
    parts: &Parts,
    call: &Call,
    condition: &Condition,
    key: (Kind, Name),
    document: Option<Value>,
) -> Result<Tagged<Applied>, Problem> {
    let warnings = warnings::of(parts, document.iter().map(|document| (&key, document)));
    let draft = Draft { entries: BTreeMap::from([(key.clone(), document)]), note: noted(call), ..Draft::default() };
    let changed = parts.hub.change_if(&call.workspace, condition, key, draft).await;
    parts.paces.applied();
    let (applied, tag) = changed.map_err(|error| hub_problem(&error))?;
    let Json(applied) = told(applied);
    Ok(Tagged { tag, answer: Json(Applied { warnings, ..applied }) })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PutQuery {
    /// Whether an uploaded version becomes the active one when it is ready.
    #[serde(default)]
    activate: bool,
}

/// What the putting of a plugin answers.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "PluginPut")]
#[expect(dead_code, reason = "only its schema is used")]
enum Put {
    Document(Applied),
    Version(VersionTold),
}

async fn put_plugin(
    State(parts): State<Parts>,
    call: Call,
    Path(ByName { name }): Path<ByName>,
    Checked(query): Checked<PutQuery>,
    If(condition): If,
    body: DocumentOrComponent<Declared<Plugins>>,
) -> Result<Response, Problem> {
    match body {
        DocumentOrComponent::Component(_) if !condition.is_empty() => {
            let detail =
                "If-Match, If-None-Match: they are about the document; a component becomes a version beside those there are";
            Err(Problem::new(StatusCode::BAD_REQUEST, "bad-parameter", detail))
        }
        DocumentOrComponent::Component(bytes) => versions::upload(parts, call, name, query.activate, bytes).await,
        DocumentOrComponent::Document(_) if query.activate => {
            let detail = "activate: it goes with a component's bytes, sent as application/wasm; a document is in force at once";
            Err(Problem::new(StatusCode::BAD_REQUEST, "bad-query", detail))
        }
        DocumentOrComponent::Document(document) => {
            let path = Path(ByName { name });
            put_one(State(parts), call, path, If(condition), Document(document)).await.map(IntoResponse::into_response)
        }
    }
}

async fn remove<K: Running>(
    State(parts): State<Parts>,
    call: Call,
    Path(ByName { name }): Path<ByName>,
    If(condition): If,
) -> Result<Tagged<Applied>, Problem> {
    change(&parts, &call, &condition, (K::KIND, name), None).await
}

async fn store(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Component(bytes): Component,
) -> Result<Json<ComponentStored>, Problem> {
    let (digest, exports) = to_its_end(async move { parts.hub.put_component(&workspace, bytes).await }).await?;
    let exports = exports.names().into_iter().map(str::to_owned).collect();
    Ok(Json(ComponentStored { digest: digest.to_string(), exports }))
}

/// Who changes a single document.
pub(super) fn noted(call: &Call) -> Note {
    Note { by: Some(call.caller.key.clone()), ..Note::default() }
}

pub(super) async fn commit(parts: &Parts, workspace: &Name, draft: Draft) -> Result<Json<Applied>, Problem> {
    let applied = parts.hub.apply(workspace, draft).await;
    parts.paces.applied();
    Ok(told(applied.map_err(|error| hub_problem(&error))?))
}

/// Whoever asked may go away meanwhile: what is begun is done all the same.
pub(super) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, HubError>> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::spawn(work).await.map_err(|error| Problem::of_fault(&error))?;
    done.map_err(|error| hub_problem(&error))
}

pub(super) fn told(applied: hub::Applied) -> Json<Applied> {
    Json(Applied {
        revision: applied.revision,
        changes: applied.changes.iter().map(ToString::to_string).collect(),
        generated_secrets: applied.generated.into_iter().map(|made| (made.destination, made.secret)).collect(),
        warnings: Vec::new(),
    })
}

pub(super) fn hub_problem(error: &HubError) -> Problem {
    let (status, kind) = match error {
        HubError::Invalid(problems) | HubError::InUse(problems) => {
            let problems: Vec<SpecProblem> = problems.iter().map(SpecProblem::of).collect();
            let kind = if matches!(error, HubError::InUse(_)) { "in-use" } else { "invalid-document" };
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, kind, format!("nothing was applied: {error}"));
            return problem.with("problems", json!(problems));
        }
        HubError::Store(store) => {
            tracing::error!(error = store as &dyn std::error::Error, "the hub's stores did not serve");
            let detail = "the hub's stores did not serve; see the log";
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "storage-unavailable", detail).retry_after(5);
        }
        HubError::Busy { .. } => {
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "compiling", error.to_string()).retry_after(5);
        }
        HubError::NotAllowed { kind: Kind::Plugin } => return scope_missing(Scope::Plugins),
        HubError::NotAllowed { .. } => return scope_missing(Scope::Rules),
        HubError::Rekey(error) => (StatusCode::UNPROCESSABLE_ENTITY, error.kind()),
        HubError::NoComponent { .. } => (StatusCode::NOT_FOUND, "unknown-component"),
        HubError::NoRevision { .. } => (StatusCode::NOT_FOUND, "unknown-revision"),
        HubError::RevisionGone { .. } => (StatusCode::GONE, "revision-gone"),
        HubError::Changed { .. } => (StatusCode::PRECONDITION_FAILED, "precondition-failed"),
        HubError::NoVersion { .. } => (StatusCode::NOT_FOUND, "unknown-version"),
        HubError::RevisionChanged { revision, .. } => {
            let problem = Problem::new(StatusCode::PRECONDITION_FAILED, "revision-changed", error.to_string());
            return problem.with("revision", json!(revision));
        }
        HubError::NotReady { .. } => (StatusCode::CONFLICT, "version-not-ready"),
        HubError::NotFound { .. } => (StatusCode::NOT_FOUND, "unknown-name"),
        HubError::Conflict { .. } => (StatusCode::CONFLICT, "limit-reached"),
        HubError::NoWorkspace(_) => (StatusCode::NOT_FOUND, "unknown-workspace"),
        HubError::Quota { .. } => (StatusCode::CONFLICT, "quota-reached"),
        HubError::Refused(error) if matches!(error.code, "P011" | "P013") => {
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-compiled", error.to_string()).retry_after(5);
        }
        HubError::Refused(_) => (StatusCode::UNPROCESSABLE_ENTITY, "component-refused"),
    };
    Problem::new(status, kind, error.to_string())
}
