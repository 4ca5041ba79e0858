//! From a schema as it is written to one that checks; the door to `jsonschema`'s settings.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::shape;
use crate::event::Invalid;

/// What one compiled regular expression may take up, in bytes.
const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// The schema, compiled; `at` is where it stands in its source.
pub(super) fn compiled(schema: &Value, at: &str) -> Result<Validator, Invalid> {
    if !schema.is_object() {
        let message = "a schema is a table; `file:PATH` in its place is for `sluicebox apply`, which reads the file";
        return Err(Invalid::at(at, message));
    }
    let draft = draft(schema).map_err(|message| Invalid::at(format!("{at}/$schema"), message))?;
    shape::check(schema).map_err(|invalid| Invalid::at(format!("{at}{}", invalid.pointer), invalid.message))?;
    let options = jsonschema::options()
        .with_draft(draft)
        .offline()
        // Linear in the text, whatever it is: no look-around, and no going back.
        .with_pattern_options(PatternOptions::regex().size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX));
    options.build(schema).map_err(|error| {
        let message: String = error.to_string().chars().take(super::MESSAGE_CHARS_MAX).collect();
        Invalid::at(format!("{at}{}", error.instance_path()), format!("no schema: {message}"))
    })
}

fn draft(schema: &Value) -> Result<Draft, &'static str> {
    let Some(named) = schema.get("$schema") else { return Ok(Draft::Draft202012) };
    match named.as_str().map(|uri| uri.trim_end_matches('#')) {
        Some("https://json-schema.org/draft/2020-12/schema") => Ok(Draft::Draft202012),
        Some("http://json-schema.org/draft-07/schema") => Ok(Draft::Draft7),
        _ => Err(
            "write https://json-schema.org/draft/2020-12/schema or http://json-schema.org/draft-07/schema#, or leave it out for the first",
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(schema: &Value) -> Invalid {
        compiled(schema, "/schema").expect_err("it is refused")
    }

    #[test]
    fn both_drafts_mean_what_they_say() {
        let tuple = |draft: &str, keyword: &str| json!({ "$schema": draft, keyword: [{ "type": "string" }] });
        let newer = compiled(&tuple("https://json-schema.org/draft/2020-12/schema", "prefixItems"), "").expect("a schema");
        let older = compiled(&tuple("http://json-schema.org/draft-07/schema#", "items"), "").expect("a schema");
        for validator in [newer, older] {
            assert!(validator.is_valid(&json!(["a", 1])) && !validator.is_valid(&json!([1])));
        }
        assert_eq!(refused(&json!({ "$schema": "http://json-schema.org/draft-04/schema#" })).pointer, "/schema/$schema");
    }

    #[test]
    fn a_regular_expression_that_could_explode_is_refused() {
        for pattern in ["(?=a)b", "(a)\\1", "(((a{100}){100}){100})"] {
            let refused = refused(&json!({ "properties": { "a": { "pattern": pattern } } }));
            assert_eq!(refused.pointer, "/schema/properties/a/pattern", "{refused}");
        }
        let nested = compiled(&json!({ "pattern": "^(a+)+$" }), "").expect("linear here");
        assert!(!nested.is_valid(&json!(format!("{}b", "a".repeat(100_000)))));
    }

    #[test]
    fn nothing_is_fetched() {
        for outside in ["https://example.com/order.json", "file:///etc/passwd", "order.json"] {
            assert_eq!(refused(&json!({ "$ref": outside })).pointer, "/schema/$ref");
        }
    }
}
