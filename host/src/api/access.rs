//! Who calls: the key of a call, its workspace, and whether that may do what is asked. It is decided here, before a handler sees anything,
//! by what each route declares of itself; a route that declares nothing is closed.

use std::sync::Arc;

use aide::{generate::GenContext, openapi::Operation, operation::OperationInput};
use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request};
use schemars::JsonSchema;
use serde_json::json;

use super::{
    Parts,
    documents::hub_problem,
    openapi::{Access, AccessTable, header_parameters},
};
use crate::{
    event::Name,
    hub::{Caller, Hub, Scope},
    ingest::{Peer, Problem},
};

/// Names the workspace of a call.
pub(super) const WORKSPACE_HEADER: HeaderName = HeaderName::from_static("sluicebox-workspace");

/// A call that was let through.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) caller: Caller,
    pub(super) workspace: Name,
    /// What its route asks for; `None`: there is no such route.
    pub(super) access: Option<Access>,
}

impl Call {
    /// Refuses who may not call such a route in this workspace, or whose workspace is not there.
    pub(super) fn is_let_through(&self, hub: &Hub) -> Result<(), Problem> {
        match self.access {
            Some(Access::Key(scope)) => {
                self.needs(scope)?;
                hub.has_workspace(&self.workspace).map_err(|error| hub_problem(&error))
            }
            // There is no such method: whoever has a key is told so, and which there are.
            Some(Access::Open) | None => Ok(()),
        }
    }

    /// Refuses who lacks a scope that the call needs beside that of its route.
    pub(super) fn needs(&self, scope: Scope) -> Result<(), Problem> {
        if self.caller.may(scope) { Ok(()) } else { Err(scope_missing(scope)) }
    }
}

/// The workspace of a call: the only one that its handler may look into.
pub(super) struct Workspace(pub(super) Name);

/// Lets through who may.
pub(super) async fn authorize(
    State((parts, table)): State<(Parts, Arc<AccessTable>)>,
    mut request: Request,
    next: Next,
) -> Response {
    match judged(&parts, &table, &request) {
        Ok(Some(call)) => {
            let taken = is_counted(call.access).then(|| parts.guards.allowance.call(&call.caller.key, (parts.clock)()));
            let guards = Arc::clone(&parts.guards);
            let answered_for = HeaderValue::from_str(call.workspace.as_str());
            // Without a route there is nothing to do twice or to put on record.
            if call.access.is_some() {
                let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
                let body_max = table.body_max(path, request.method());
                request.extensions_mut().insert(call);
                if let Some(body_max) = body_max {
                    request.extensions_mut().insert(body_max);
                }
            }
            let mut response = match taken {
                Some(Err(too_many)) => guards.allowance.refusal(too_many).into_response(),
                Some(Ok(_)) | None => next.run(request).await,
            };
            if let Some(taken) = taken {
                guards.allowance.tell(taken, &mut response);
            }
            // For who left it to the key.
            if let Ok(workspace) = answered_for {
                response.headers_mut().insert(WORKSPACE_HEADER, workspace);
            }
            response
        }
        Ok(None) => next.run(request).await,
        Err(refused) => {
            let asks = refused.status == StatusCode::UNAUTHORIZED;
            if asks || refused.status == StatusCode::FORBIDDEN {
                let caller = presented(request.headers()).and_then(|key| parts.hub.authenticate(key));
                parts.audit.refused(&request.into_parts().0, caller.as_ref(), refused.status);
            }
            let mut response = refused.into_response();
            if asks {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            response
        }
    }
}

/// What sends and fetches events comes as often as there are any, and has bounds of its own.
fn is_counted(access: Option<Access>) -> bool {
    !matches!(access, Some(Access::Key(Scope::Ingest | Scope::Pull)))
}

/// The call, where its route needs a key.
fn judged(parts: &Parts, table: &AccessTable, request: &Request) -> Result<Option<Call>, Problem> {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let access = table.of(path, request.method());
    if access == Some(Access::Open) || (access.is_none() && table.is_open(path)) {
        return Ok(None);
    }
    let headers = request.headers();
    let caller = caller(parts, request)?;
    let workspace = workspace(headers, &caller)?;
    let call = Call { caller, workspace, access };
    call.is_let_through(&parts.hub)?;
    Ok(Some(call))
}

/// Whose key was presented.
fn caller(parts: &Parts, request: &Request) -> Result<Caller, Problem> {
    let presented = presented(request.headers()).ok_or_else(no_key)?;
    if let Some(caller) = parts.hub.authenticate(presented) {
        return Ok(caller);
    }
    let peer = request.extensions().get::<Peer>().map(|Peer(address)| *address);
    parts.guards.allowance.wrong_key(peer, (parts.clock)())?;
    Err(wrong_key())
}

/// A bearer token (RFC 6750); the scheme's name is in any case (RFC 9110, section 11.1).
pub(super) fn presented(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// The one that is named, else the key's own. Where it is not the key's, whether it exists is nobody's business.
fn workspace(headers: &HeaderMap, caller: &Caller) -> Result<Name, Problem> {
    let own = || caller.workspace.clone().unwrap_or_else(Name::default_workspace);
    let Some(named) = headers.get(WORKSPACE_HEADER) else { return Ok(own()) };
    let named: Name = super::parsed("Sluicebox-Workspace", &String::from_utf8_lossy(named.as_bytes()))?;
    if caller.reaches(&named) {
        return Ok(named);
    }
    let detail = format!("this key is for the workspace `{}`; leave Sluicebox-Workspace out, or send the other's key", own());
    Err(Problem::new(StatusCode::FORBIDDEN, "workspace-forbidden", detail))
}

pub(super) fn scope_missing(scope: Scope) -> Problem {
    let detail = format!("this key lacks the scope `{scope}`");
    Problem::new(StatusCode::FORBIDDEN, "scope-missing", detail).with("scope", json!(scope))
}

pub(super) fn no_key() -> Problem {
    let detail = "send a key as `Authorization: Bearer ...`; the operator's is in admin.key in the data folder";
    Problem::new(StatusCode::UNAUTHORIZED, "no-key", detail)
}

/// Which of these it is, is nobody's business who has no key.
pub(super) fn wrong_key() -> Problem {
    let detail = "this key is not good here: it is mistyped, of another host, revoked or disabled, or its time is over";
    Problem::new(StatusCode::UNAUTHORIZED, "no-key", detail)
}

impl<S: Sync> FromRequestParts<S> for Call {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, _state: &S) -> Result<Self, Problem> {
        // A handler that asks for it stands behind a route that is open to anybody: a mistake, and no way in.
        parts.extensions.get::<Self>().cloned().ok_or_else(no_key)
    }
}

impl OperationInput for Call {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        Workspace::operation_input(ctx, operation);
    }
}

impl<S: Sync> FromRequestParts<S> for Workspace {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut request::Parts, state: &S) -> Result<Self, Problem> {
        Call::from_request_parts(parts, state).await.map(|call| Self(call.workspace))
    }
}

impl OperationInput for Workspace {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        header_parameters::<Headers>(operation);
    }
}

#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Headers {
    /// The workspace of the call: the key's own unless told otherwise, `default` for the operator's.
    #[schemars(rename = "Sluicebox-Workspace")]
    workspace: Option<Name>,
}
