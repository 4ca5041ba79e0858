//! The control plane's documents: sources, destinations, plugins and rules, singly or as a whole hub file, and components' bytes.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRequest, Path, Request, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use bytes::Bytes;
use http::{StatusCode, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{
    Parts, destinations, parsed,
    query::Checked,
    versions,
    wire::{self, Applied, ApplyRequest, ComponentStored, SpecProblem},
};
use crate::{
    event::Name,
    hub::{self, Draft, HubError, Kind, KindError},
    ingest::Problem,
};

/// The largest hub file or document, in bytes.
const DOCUMENT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The largest component, in bytes; the plugin machine has a limit of its own below it.
const COMPONENT_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(super) fn routes() -> Router<Parts> {
    let documents = Router::new()
        .route("/v1/apply", post(apply))
        .route("/v1/{kind}", get(list))
        .layer(DefaultBodyLimit::max(DOCUMENT_BYTES_MAX));
    // A plugin is put as a document or as its bytes; documents are measured when they are read.
    let components = Router::new()
        .route("/v1/components", post(store))
        .route("/v1/{kind}/{name}", get(one).put(put).delete(delete))
        .layer(DefaultBodyLimit::max(COMPONENT_BYTES_MAX));
    documents.merge(components)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ApplyQuery {
    /// Whether what the file does not name goes.
    #[serde(default)]
    prune: bool,
}

async fn apply(
    State(parts): State<Parts>,
    Checked(query): Checked<ApplyQuery>,
    Document(request): Document<ApplyRequest>,
) -> Result<Json<Applied>, Problem> {
    let entries = request.into_entries().map(|(key, document)| (key, Some(document)));
    commit(&parts, Draft { entries: entries.collect(), prune: query.prune }).await
}

async fn list(State(parts): State<Parts>, Path(kind): Path<String>) -> Result<Json<Value>, Problem> {
    let kind = self::kind(&kind)?;
    let documents = parts.hub.list(&Name::default_workspace(), kind);
    let items = documents.into_iter().map(|(name, document)| {
        let mut item = json!({ "name": name, "document": document });
        if let (Kind::Destination, Some(runtime)) = (kind, destinations::runtime(&parts.paces, &name)) {
            item["runtime"] = runtime;
        }
        item
    });
    Ok(Json(json!({ "items": items.collect::<Value>() })))
}

async fn one(State(parts): State<Parts>, Path((kind, name)): Path<(String, String)>) -> Result<Json<Value>, Problem> {
    let (kind, name) = (self::kind(&kind)?, parsed("name", &name)?);
    let workspace = Name::default_workspace();
    let found = parts.hub.get(&workspace, kind, &name);
    let mut document = found.ok_or_else(|| hub_problem(&HubError::NotFound { kind, name: name.clone() }))?;
    if let (Kind::Plugin, Some(breaker)) = (kind, parts.hub.breaker(&workspace, &name)) {
        document["breaker"] = wire::health(&breaker);
    }
    let public_keys = if kind == Kind::Destination { parts.hub.public_keys(&workspace, &name) } else { Vec::new() };
    if !public_keys.is_empty() {
        document["public_keys"] = json!(public_keys);
    }
    if let (Kind::Destination, Some(runtime)) = (kind, destinations::runtime(&parts.paces, &name)) {
        document["runtime"] = runtime;
    }
    Ok(Json(document))
}

async fn put(
    State(parts): State<Parts>,
    Path((kind, name)): Path<(String, String)>,
    Checked(query): Checked<PutQuery>,
    request: Request,
) -> Result<Response, Problem> {
    let (kind, name) = (self::kind(&kind)?, parsed("name", &name)?);
    let is_wasm = request.headers().get(header::CONTENT_TYPE).is_some_and(|value| value.as_bytes() == b"application/wasm");
    if kind == Kind::Plugin && is_wasm {
        let component = read(request, &parts).await?;
        return versions::upload(parts, name, query.activate, component).await;
    }
    if query.activate {
        let detail = "activate: it goes with a component's bytes, sent as application/wasm; a document is in force at once";
        return Err(Problem::new(StatusCode::BAD_REQUEST, "bad-query", detail));
    }
    let mut document = Document::<Map<String, Value>>::from_request(request, &parts).await?.0;
    // Shown by GET, and not the document's: what was shown may be put back.
    match kind {
        Kind::Plugin => drop(document.remove("breaker")),
        Kind::Destination => ["public_keys", "runtime"].into_iter().for_each(|shown| drop(document.remove(shown))),
        Kind::Source | Kind::Rule => {}
    }
    let entries = BTreeMap::from([((kind, name), Some(Value::Object(document)))]);
    Ok(commit(&parts, Draft { entries, prune: false }).await?.into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PutQuery {
    /// Whether an uploaded version becomes the active one when it is ready.
    #[serde(default)]
    activate: bool,
}

/// Whoever asked may go away meanwhile: what is begun is done all the same.
pub(super) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, HubError>> + Send + 'static,
) -> Result<T, Problem> {
    let done = tokio::spawn(work).await.map_err(|error| {
        tracing::error!(%error, "a request could not be handled");
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "this is a fault of the server; try again")
    })?;
    done.map_err(|error| hub_problem(&error))
}

async fn delete(State(parts): State<Parts>, Path((kind, name)): Path<(String, String)>) -> Result<Json<Applied>, Problem> {
    let (kind, name) = (self::kind(&kind)?, parsed("name", &name)?);
    commit(&parts, Draft { entries: BTreeMap::from([((kind, name), None)]), prune: false }).await
}

async fn store(State(parts): State<Parts>, request: Request) -> Result<Json<ComponentStored>, Problem> {
    let bytes = read(request, &parts).await?;
    let (digest, exports) = to_its_end(async move { parts.hub.put_component(bytes).await }).await?;
    let exports = exports.names().into_iter().map(str::to_owned).collect();
    Ok(Json(ComponentStored { digest: digest.to_string(), exports }))
}

async fn commit(parts: &Parts, draft: Draft) -> Result<Json<Applied>, Problem> {
    let applied = parts.hub.apply(&Name::default_workspace(), draft).await;
    parts.paces.forget_deleted();
    Ok(told(applied.map_err(|error| hub_problem(&error))?))
}

pub(super) fn told(applied: hub::Applied) -> Json<Applied> {
    Json(Applied {
        revision: applied.revision,
        changes: applied.changes.iter().map(ToString::to_string).collect(),
        generated_secrets: applied.generated.into_iter().map(|made| (made.destination, made.secret)).collect(),
    })
}

fn kind(text: &str) -> Result<Kind, Problem> {
    text.parse().map_err(|error: KindError| Problem::new(StatusCode::NOT_FOUND, "unknown-route", error.to_string()))
}

/// A JSON body, refused with a problem that says where it is wrong.
pub(super) struct Document<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Parts> for Document<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, parts: &Parts) -> Result<Self, Problem> {
        document(&read(request, parts).await?).map(Self)
    }
}

fn document<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.len() > DOCUMENT_BYTES_MAX {
        let detail = format!("a document has at most {DOCUMENT_BYTES_MAX} bytes");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "bad-body", detail));
    }
    let text = &mut serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(text)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "bad-document", format!("{}: {}", error.path(), error.inner())))
}

/// A JSON body that may be left out.
pub(super) struct Wishes<T>(pub(super) T);

impl<T: DeserializeOwned + Default> FromRequest<Parts> for Wishes<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, parts: &Parts) -> Result<Self, Problem> {
        let bytes = read(request, parts).await?;
        if bytes.is_empty() { Ok(Self(T::default())) } else { Ok(Self(document(&bytes)?)) }
    }
}

async fn read(request: Request, parts: &Parts) -> Result<Bytes, Problem> {
    Bytes::from_request(request, parts).await.map_err(|error| Problem::new(error.status(), "bad-body", error.body_text()))
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
        HubError::NoVersion { .. } => (StatusCode::NOT_FOUND, "unknown-version"),
        HubError::NotReady { .. } => (StatusCode::CONFLICT, "version-not-ready"),
        HubError::NotFound { .. } => (StatusCode::NOT_FOUND, "unknown-name"),
        HubError::Conflict { .. } => (StatusCode::CONFLICT, "limit-reached"),
        HubError::Refused(error) if matches!(error.code, "P011" | "P013") => {
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-compiled", error.to_string()).retry_after(5);
        }
        HubError::Refused(_) => (StatusCode::UNPROCESSABLE_ENTITY, "component-refused"),
    };
    Problem::new(status, kind, error.to_string())
}
