//! Refusals within answers.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

/// A refusal, as RFC 9457 has it; [`crate::api::openapi`] describes it for all operations.
pub(in crate::api) struct ProblemTold;

impl JsonSchema for ProblemTold {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Problem".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "$ref": "#/components/schemas/Problem" })
    }
}
