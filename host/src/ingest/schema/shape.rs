//! Whether a schema is of a shape whose check costs little whatever an event holds: it refers only to places within itself, and
//! to none that it stands in, and does not ask for the same place over and over.
//!
//! A schema that is recursive would have its check go as deep as an event does, and two branches of it that meet the same place would
//! double the work with each step.

use std::collections::HashMap;

use serde_json::Value;

use crate::event::Invalid;

/// How deep a schema goes, with what it refers to.
const DEPTH_MAX: usize = 64;
/// How many schemas look at one value of an event, and at what is around it.
const STEPS_MAX: u64 = 10_000;

/// Schemas that look at the same value as the one that they stand in.
const IN_PLACE: [&str; 4] = ["not", "if", "then", "else"];
const IN_PLACE_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const IN_PLACE_MAPS: [&str; 2] = ["dependentSchemas", "dependencies"];
/// Those that look into it. Of one row only one looks at each value; those of `patternProperties` may all.
const INTO: [&[&str]; 6] = [
    &["properties", "additionalProperties"],
    &["items", "prefixItems", "additionalItems"],
    &["contains"],
    &["propertyNames"],
    &["unevaluatedProperties"],
    &["unevaluatedItems"],
];

/// Refuses a schema that is not of such a shape; pointers are into it.
pub(super) fn check(schema: &Value) -> Result<(), Invalid> {
    Walk { root: schema, known: HashMap::new() }.visit("", 0).map(drop)
}

struct Walk<'s> {
    root: &'s Value,
    /// By pointer; `None` while it is being visited.
    known: HashMap<String, Option<Cost>>,
}

/// What a schema with all below it comes to.
#[derive(Clone, Copy)]
struct Cost {
    depth: usize,
    steps: u64,
}

impl Walk<'_> {
    fn visit(&mut self, at: &str, depth: usize) -> Result<Cost, Invalid> {
        match self.known.get(at) {
            Some(Some(cost)) => return within(at, depth, *cost),
            Some(None) => {
                let message = "a schema that refers to itself is refused, since its check would go as deep as an event does";
                return Err(Invalid::at(at, message));
            }
            None => {}
        }
        within(at, depth, Cost { depth: 0, steps: 0 })?;
        self.known.insert(at.to_owned(), None);
        let cost = self.cost(at, depth)?;
        self.known.insert(at.to_owned(), Some(cost));
        within(at, depth, cost)
    }

    fn cost(&mut self, at: &str, depth: usize) -> Result<Cost, Invalid> {
        let mut cost = Cost { depth: 1, steps: 1 };
        // `true`, `false`, and what the compiler refuses.
        let Some(Value::Object(schema)) = self.root.pointer(at) else { return Ok(cost) };
        for keyword in ["$dynamicRef", "$recursiveRef"] {
            if schema.contains_key(keyword) {
                return Err(Invalid::at(format!("{at}/{keyword}"), "this is not taken; refer to a place by `$ref`"));
            }
        }
        if schema.contains_key("$id") && !at.is_empty() {
            return Err(Invalid::at(format!("{at}/$id"), "only the schema as a whole may have an `$id`"));
        }
        let mut lanes: Vec<Vec<String>> = Vec::new();
        if let Some(reference) = schema.get("$ref") {
            lanes.push(vec![self.target(at, reference)?]);
        }
        let below = |keyword: &str| places(schema.get(keyword), &format!("{at}/{keyword}"));
        lanes.extend(
            IN_PLACE.iter().filter(|keyword| schema.contains_key(**keyword)).map(|keyword| vec![format!("{at}/{keyword}")]),
        );
        let each = IN_PLACE_LISTS.iter().chain(&IN_PLACE_MAPS).chain(&["patternProperties"]);
        lanes.extend(each.flat_map(|keyword| below(keyword)).map(|place| vec![place]));
        lanes.extend(INTO.iter().map(|row| {
            let of_keyword = |keyword: &&str| match *keyword {
                "properties" | "prefixItems" => below(keyword),
                // An array of schemas in Draft 7.
                "items" if schema.get("items").is_some_and(Value::is_array) => below(keyword),
                one if schema.contains_key(one) => vec![format!("{at}/{one}")],
                _ => Vec::new(),
            };
            row.iter().flat_map(of_keyword).collect()
        }));
        for lane in lanes {
            let mut most = Cost { depth: 0, steps: 0 };
            for place in lane {
                let one = self.visit(&place, depth + 1)?;
                most = Cost { depth: most.depth.max(one.depth), steps: most.steps.max(one.steps) };
            }
            cost = Cost { depth: cost.depth.max(most.depth + 1), steps: cost.steps.saturating_add(most.steps) };
        }
        Ok(cost)
    }

    /// Where a reference goes to.
    fn target(&self, at: &str, reference: &Value) -> Result<String, Invalid> {
        let refused = |message: &str| Invalid::at(format!("{at}/$ref"), message);
        let pointer =
            reference.as_str().and_then(|text| text.strip_prefix('#')).filter(|it| it.is_empty() || it.starts_with('/'));
        let pointer = pointer.ok_or_else(|| refused("a schema refers to a place within itself, as in \"#/$defs/address\""))?;
        if self.root.pointer(pointer).is_none() {
            return Err(refused("there is nothing at this place of the schema"));
        }
        Ok(pointer.to_owned())
    }
}

/// The places of what a list or a map of schemas holds.
fn places(holder: Option<&Value>, at: &str) -> Vec<String> {
    match holder {
        Some(Value::Array(items)) => (0..items.len()).map(|index| format!("{at}/{index}")).collect(),
        Some(Value::Object(members)) => {
            members.keys().map(|key| format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))).collect()
        }
        _ => Vec::new(),
    }
}

fn within(at: &str, depth: usize, cost: Cost) -> Result<Cost, Invalid> {
    if depth + cost.depth > DEPTH_MAX {
        return Err(Invalid::at(at, format!("the schema goes deeper than {DEPTH_MAX} steps, with what it refers to")));
    }
    if cost.steps > STEPS_MAX {
        return Err(Invalid::at(at, format!("more than {STEPS_MAX} schemas look at the same part of an event; make it simpler")));
    }
    Ok(cost)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn refused(schema: &Value) -> String {
        check(schema).expect_err("it is refused").pointer
    }

    #[test]
    fn a_usual_schema_is_taken() {
        let address = json!({ "type": "object", "properties": { "city": { "type": "string" } } });
        let schema = json!({
            "$id": "https://example.com/order", "$defs": { "address": address },
            "properties": { "from": { "$ref": "#/$defs/address" }, "to": { "$ref": "#/$defs/address" }, "$ref": { "type": "string" } },
            "oneOf": [{ "required": ["from"] }, { "required": ["to"] }], "items": [{ "type": "string" }, true],
        });
        assert_eq!(check(&schema), Ok(()));
    }

    #[test]
    fn what_refers_to_itself_or_elsewhere_is_refused() {
        assert_eq!(refused(&json!({ "$ref": "#" })), "");
        assert_eq!(refused(&json!({ "properties": { "child": { "$ref": "#" } } })), "");
        let two = json!({ "$defs": { "a": { "allOf": [{ "$ref": "#/$defs/b" }] }, "b": { "not": { "$ref": "#/$defs/a" } } }, "$ref": "#/$defs/a" });
        assert_eq!(refused(&two), "/$defs/a");
        assert_eq!(refused(&json!({ "items": { "$ref": "other.json" } })), "/items/$ref");
        assert_eq!(refused(&json!({ "$ref": "#/$defs/none" })), "/$ref");
        assert_eq!(refused(&json!({ "$ref": 7 })), "/$ref");
        assert_eq!(refused(&json!({ "$dynamicRef": "#a" })), "/$dynamicRef");
        assert_eq!(refused(&json!({ "properties": { "a": { "$id": "b" } } })), "/properties/a/$id");
    }

    #[test]
    fn what_doubles_the_work_with_each_step_is_refused() {
        for (keyword, into) in [("anyOf", json!([])), ("allOf", json!([]))] {
            let mut defs = Map::new();
            for step in 0..20 {
                let next = json!({ "$ref": format!("#/$defs/s{}", step + 1) });
                let mut branches = into.clone();
                let branch = json!({ "properties": { "a": next } });
                branches.as_array_mut().expect("a list").extend([branch.clone(), branch]);
                defs.insert(format!("s{step}"), json!({ keyword: branches }));
            }
            defs.insert("s20".to_owned(), json!({}));
            let schema = json!({ "$defs": defs, "$ref": "#/$defs/s0" });
            assert!(check(&schema).expect_err("too much").message.contains("look at the same part"), "{keyword}");
        }
    }

    #[test]
    fn what_is_deep_is_refused() {
        let nested = |levels| (0..levels).fold(json!({}), |schema, _| json!({ "items": schema }));
        assert!(check(&nested(DEPTH_MAX - 1)).is_ok());
        assert!(check(&nested(DEPTH_MAX)).is_err());
        // The same by references, seen from their end first.
        let mut defs = Map::from_iter([("d0".to_owned(), json!({}))]);
        for level in 1..=DEPTH_MAX {
            defs.insert(format!("d{level}"), json!({ "$ref": format!("#/$defs/d{}", level - 1) }));
        }
        let all: Vec<Value> = (0..=DEPTH_MAX).map(|level| json!({ "$ref": format!("#/$defs/d{level}") })).collect();
        assert!(check(&json!({ "$defs": defs, "allOf": all })).is_err());
    }
}
