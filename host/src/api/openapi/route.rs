//! One route: its handler, who may call it, and how it is described. All three are told in one place, so that none is without the others.
//! It is described only when somebody asks for that: a host that serves has no use for megabytes of schemas.

use aide::{
    axum::{AxumOperationHandler, routing::ApiMethodRouter},
    openapi::{Operation, ReferenceOr, Response, StatusCode},
    operation::{OperationInput, OperationOutput},
};
use axum::{
    extract::DefaultBodyLimit,
    routing::{self, MethodRouter},
};
use http::Method;
use schemars::{JsonSchema, generate::Contract};
use serde_json::{Map, Value};

use super::{
    super::Parts,
    schema::{self, media, note_definitions, note_refusals, object},
};
use crate::hub::Scope;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum Access {
    /// Anybody.
    Open,
    /// Who has a key with this scope, for the workspace of the call.
    Key(Scope),
}

impl From<Scope> for Access {
    fn from(scope: Scope) -> Self {
        Self::Key(scope)
    }
}

/// How large the body of a call may be, where it is read before its handler is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::api) enum BodyMax {
    /// So many bytes.
    Bytes(usize),
    /// As the setting says what may be published at once.
    Published,
}

/// That of most calls, which is axum's own for what its extractors read.
const BODY_BYTES_MAX: usize = 2 << 20;

/// A change of an operation's description.
type Edit = Box<dyn FnOnce(&mut Operation)>;

/// What an answer holds: its media type, the schema, and those that it refers to.
type Content = (&'static str, Value, Map<String, Value>);

/// One method of one path.
pub(in crate::api) struct Route {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) access: Access,
    pub(super) body_max: BodyMax,
    pub(super) router: MethodRouter<Parts>,
    /// The same with what its types tell of it.
    pub(super) described: Box<dyn FnOnce() -> ApiMethodRouter<Parts>>,
    pub(super) edits: Vec<Edit>,
}

macro_rules! methods {
    ($($name:ident $method:ident)*) => { $(
        /// A route of this method.
        pub(in crate::api) fn $name<H, I, O, T>(path: &str, access: impl Into<Access>, handler: H) -> Route
        where
            H: AxumOperationHandler<I, O, T, Parts>,
            I: OperationInput,
            O: OperationOutput,
            T: 'static,
        {
            let router = routing::$name(handler.clone());
            let described = Box::new(|| aide::axum::routing::$name(handler));
            let (path, access, body_max) = (path.to_owned(), access.into(), BodyMax::Bytes(BODY_BYTES_MAX));
            Route { method: Method::$method, path, access, body_max, router, described, edits: Vec::new() }
        }
    )* };
}

methods!(get GET post POST put PUT patch PATCH delete DELETE);

impl Route {
    /// With the operation's id, and what it does in a few words.
    pub(in crate::api) fn named(self, id: &str, summary: &str) -> Self {
        let (id, summary) = (id.to_owned(), summary.to_owned());
        self.with(move |operation| {
            operation.operation_id = Some(id);
            operation.summary = Some(summary);
        })
    }

    /// With more words.
    pub(in crate::api) fn told(self, description: &str) -> Self {
        let description = description.to_owned();
        self.with(move |operation| operation.description = Some(description))
    }

    /// With further kinds of problems that it answers; those of its extractors and of its key are known.
    pub(in crate::api) fn refuses(self, kinds: &'static [&'static str]) -> Self {
        self.with(|operation| note_refusals(operation, kinds))
    }

    /// With an answer of JSON, beside or in the place of that of its handler's type.
    pub(in crate::api) fn answers<T: JsonSchema>(self, status: u16, description: &str) -> Self {
        self.answers_with(status, description, || {
            let (schema, definitions) = schema::with_definitions::<T>(Contract::Serialize);
            Some(("application/json", Value::from(schema), definitions))
        })
    }

    /// With an answer that has no body.
    pub(in crate::api) fn answers_nothing(self, status: u16, description: &str) -> Self {
        self.answers_with(status, description, || None)
    }

    /// With an answer of text.
    pub(in crate::api) fn answers_text(self, status: u16, description: &str, kind: &'static str) -> Self {
        self.answers_with(status, description, move || Some((kind, serde_json::json!({ "type": "string" }), Map::new())))
    }

    fn answers_with(self, status: u16, description: &str, content: impl FnOnce() -> Option<Content> + 'static) -> Self {
        let mut response = Response { description: description.to_owned(), ..Response::default() };
        self.with(move |operation| {
            if let Some((kind, schema, definitions)) = content() {
                response.content.insert(kind.to_owned(), media(object(schema)));
                note_definitions(operation, definitions);
            }
            let responses = operation.responses.get_or_insert_default();
            responses.responses.insert(StatusCode::Code(status), ReferenceOr::Item(response));
        })
    }

    /// With a bound on its body that is not the usual one.
    pub(in crate::api) fn body_bytes_max(mut self, bytes: usize) -> Self {
        self.router = self.router.layer(DefaultBodyLimit::max(bytes));
        self.body_max = BodyMax::Bytes(bytes);
        self
    }

    /// With the bound of what is published; its handler keeps to it by itself.
    pub(in crate::api) fn publishes(self) -> Self {
        Self { body_max: BodyMax::Published, ..self }
    }

    /// With any other change of its description.
    pub(in crate::api) fn with(mut self, edit: impl FnOnce(&mut Operation) + 'static) -> Self {
        self.edits.push(Box::new(edit));
        self
    }
}
