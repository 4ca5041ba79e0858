//! What handlers answer, and how that is described.

use aide::{
    generate::GenContext,
    openapi::{Operation, Response as Described},
    operation::OperationOutput,
};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, generate::Contract};
use serde::Serialize;

use super::schema::{self, media};
use crate::ingest::Problem;

/// An answer of JSON.
#[derive(Debug)]
pub(in crate::api) struct Json<T>(pub(in crate::api) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: JsonSchema> OperationOutput for Json<T> {
    type Inner = T;

    fn operation_response(_: &mut GenContext, operation: &mut Operation) -> Option<Described> {
        let schema = schema::of::<T>(Contract::Serialize, operation);
        let mut response = Described { description: "As asked.".to_owned(), ..Described::default() };
        response.content.insert("application/json".to_owned(), media(schema));
        Some(response)
    }

    fn inferred_responses(ctx: &mut GenContext, operation: &mut Operation) -> Vec<(Option<u16>, Described)> {
        Self::operation_response(ctx, operation).map(|response| (Some(200), response)).into_iter().collect()
    }
}

/// Which problems an operation answers is told by its route; see `document`.
impl OperationOutput for Problem {
    type Inner = Self;
}
