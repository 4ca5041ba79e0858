//! Every route of the API is made here, with who may call it and how it is described: there is no other way to add one. From the same
//! declarations come axum's router, the table that keys are held against, and the OpenAPI 3.1 document.

mod answer;
mod describe;
mod input;
mod route;
mod schema;
mod senders;

pub(super) use answer::Json;
pub(super) use input::{
    Checked, Component, DOCUMENT_BYTES_MAX, Document, DocumentOrComponent, Path, Wishes, describe_contents, header_parameters,
};
pub(super) use route::{Access, BodyMax, Route, delete, get, patch, post, put};
pub(super) use schema::{note_refusals, object as schema_object};

use std::collections::BTreeMap;

use aide::{axum::ApiRouter, openapi::Operation};
use axum::Router;
use http::Method;
use serde_json::{Map, Value};

use super::{Parts, audit::is_on_record, once};

/// Some routes, or all of them.
pub(super) struct Routes {
    /// What the operations are sorted under.
    tag: &'static str,
    /// Each with its tag.
    routes: Vec<(&'static str, Route)>,
}

/// Who may call what. What is not in it is not there.
#[derive(Clone, Debug, Default)]
pub(super) struct AccessTable {
    by_path: BTreeMap<String, Vec<(Method, Access, BodyMax)>>,
}

impl Routes {
    /// None yet; those that are added are sorted under this tag.
    pub(super) fn tagged(tag: &'static str) -> Self {
        Self { tag, routes: Vec::new() }
    }

    /// With one more.
    pub(super) fn add(mut self, route: Route) -> Self {
        self.routes.push((self.tag, route));
        self
    }

    /// With those of another part.
    pub(super) fn merge(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        self
    }

    /// The OpenAPI document of them all.
    pub(super) fn into_document(self) -> Value {
        let mut definitions = Map::new();
        let api =
            self.routes.into_iter().fold(ApiRouter::new(), |api, (tag, route)| described(api, &mut definitions, tag, route));
        describe::document(api, definitions)
    }

    /// What serves them, and who may call them.
    pub(super) fn into_router(self) -> (Router<Parts>, AccessTable) {
        let mut access = AccessTable::default();
        let router = self.routes.into_iter().fold(Router::new(), |router, (_, route)| {
            let router = router.route(&route.path, route.router);
            access.by_path.entry(route.path).or_default().push((route.method, route.access, route.body_max));
            router
        });
        (router, access)
    }
}

/// The description with one route more.
fn described(api: ApiRouter<Parts>, definitions: &mut Map<String, Value>, tag: &'static str, route: Route) -> ApiRouter<Parts> {
    let Route { method, path, access, described, edits, .. } = route;
    let on_record = access != Access::Open && is_on_record(&method, &path);
    let is_once = access != Access::Open && once::is_write(&method);
    let describe = |operation: &mut Operation| {
        operation.tags.push(tag.to_owned());
        for edit in edits {
            edit(operation);
        }
        if on_record {
            note_refusals(operation, &["audit-unavailable"]);
        }
        if is_once {
            once::describe(operation);
        }
        describe::operation(operation, access, definitions);
    };
    let mut describe = Some(describe);
    api.api_route_with(&path, described(), |mut item| {
        let path = item.inner_mut();
        let operations = [&mut path.get, &mut path.put, &mut path.post, &mut path.patch, &mut path.delete];
        // A route is of one method.
        if let (Some(operation), Some(describe)) = (operations.into_iter().flatten().next(), describe.take()) {
            describe(operation);
        }
        item
    })
}

impl AccessTable {
    /// Who may call this; `None`: nobody declared it. `HEAD` is answered where `GET` is.
    pub(super) fn of(&self, path: &str, method: &Method) -> Option<Access> {
        self.row(path, method).map(|(_, access, _)| *access)
    }

    /// How large the body of such a call may be.
    pub(super) fn body_max(&self, path: &str, method: &Method) -> Option<BodyMax> {
        self.row(path, method).map(|(_, _, body_max)| *body_max)
    }

    fn row(&self, path: &str, method: &Method) -> Option<&(Method, Access, BodyMax)> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        self.by_path.get(path)?.iter().find(|(other, ..)| other == method)
    }

    /// Whether anybody may call one of the methods of this path, and so be told which there are.
    pub(super) fn is_open(&self, path: &str) -> bool {
        self.by_path.get(path).is_some_and(|methods| methods.iter().any(|(_, access, _)| *access == Access::Open))
    }
}
