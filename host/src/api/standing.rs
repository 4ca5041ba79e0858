//! Calls that last: who waits for events has to be let in for as long as that takes, and not only when it begins.

use std::sync::Arc;

use aide::operation::OperationInput;
use axum::extract::FromRequestParts;
use http::{StatusCode, request};

use super::{
    Parts,
    access::{Call, no_key, presented, wrong_key},
};
use crate::{
    event::{Secret, Timestamp},
    hub::Hub,
    ingest::Problem,
};

/// A call that was let through, and what is needed to ask whether it would be once more.
pub(super) struct Standing {
    hub: Arc<Hub>,
    key: Secret,
    call: Call,
    /// When its workspace was made: one of the same name that came later is another's.
    workspace_since: Option<Timestamp>,
}

impl Standing {
    /// Whether it would be let through now: by the same key, into the same workspace.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let caller = self.hub.authenticate(self.key.expose()).ok_or_else(wrong_key)?;
        let workspace = &self.call.workspace;
        Call { caller, ..self.call.clone() }.is_let_through(&self.hub)?;
        if self.hub.workspace_since(workspace) != self.workspace_since {
            let detail = format!("the workspace `{workspace}` of this call was deleted; another has its name");
            return Err(Problem::new(StatusCode::NOT_FOUND, "unknown-workspace", detail));
        }
        Ok(())
    }

    /// The same as a word.
    pub(super) fn is_good(&self) -> bool {
        self.check().is_ok()
    }
}

impl FromRequestParts<Parts> for Standing {
    type Rejection = Problem;

    async fn from_request_parts(head: &mut request::Parts, parts: &Parts) -> Result<Self, Problem> {
        let call = Call::from_request_parts(head, parts).await?;
        let key = Secret::new(presented(&head.headers).ok_or_else(no_key)?.to_owned());
        let workspace_since = parts.hub.workspace_since(&call.workspace);
        Ok(Self { hub: Arc::clone(&parts.hub), key, call, workspace_since })
    }
}

impl OperationInput for Standing {}
