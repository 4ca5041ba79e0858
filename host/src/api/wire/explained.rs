//! Why a rule matches an event, or not, as it is told.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    event::Name,
    route::{Condition, Explanation},
};

/// What `POST /v1/explain` answers.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "Explanation")]
pub(in crate::api) struct ExplanationTold {
    /// Whether it matches.
    matches: bool,
    /// The rule, where one was named.
    rule: Option<Name>,
    /// By the names of their fields; none where it matches everything.
    conditions: Vec<ConditionTold>,
}

/// A condition of a pattern.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(untagged)]
#[schemars(rename = "ExplainedCondition")]
enum ConditionTold {
    /// A field has one of these values.
    Field {
        /// Whether it does.
        holds: bool,
        /// Its path from the event on, as in `data.order.id`.
        field: String,
        /// As the pattern has it: a list.
        wanted: Value,
        /// The first of what the event has there.
        seen: Vec<Value>,
        /// How many more there are, where there are more.
        #[serde(skip_serializing_if = "Option::is_none")]
        seen_more: Option<usize>,
        /// What may have been meant.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    /// One of several tables holds.
    Or {
        /// Whether one does.
        holds: bool,
        /// Where the `$or` stands; empty for the event itself.
        within: String,
        /// The conditions of each.
        or: Vec<Vec<ConditionTold>>,
    },
    /// The conditions here hold each, but not of the same element of an array.
    Together {
        /// `false`.
        holds: bool,
        /// The field that they have in common; empty for the event itself.
        together: String,
        /// What that means.
        hint: &'static str,
    },
}

impl ExplanationTold {
    pub(in crate::api) fn of(explanation: Explanation, rule: Option<Name>) -> Self {
        let Explanation { matches, conditions } = explanation;
        Self { matches, rule, conditions: told(conditions) }
    }
}

fn told(conditions: Vec<Condition>) -> Vec<ConditionTold> {
    conditions.into_iter().map(ConditionTold::of).collect()
}

impl ConditionTold {
    fn of(condition: Condition) -> Self {
        match condition {
            Condition::Field { field, holds, wanted, seen, hint } => {
                let seen_more = (seen.more > 0).then_some(seen.more);
                Self::Field { holds, field, wanted, seen: seen.values, seen_more, hint }
            }
            Condition::Or { within, holds, branches } => Self::Or { holds, within, or: branches.into_iter().map(told).collect() },
            Condition::Together { within } => Self::Together {
                holds: false,
                together: within,
                hint: "each of the conditions holds, but no one element of an array meets all of them",
            },
        }
    }
}
