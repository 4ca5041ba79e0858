//! Changes as people read them, a line each and one for each field.

use serde_json::Value;

use crate::{
    api::{ChangeTold, FieldTold},
    hub::What,
};

/// A value with more characters is cut; `--json` tells all of it.
const VALUE_CHARS_MAX: usize = 200;

/// The lines that tell of changes.
pub(super) fn told(changes: &[ChangeTold]) -> String {
    changes.iter().map(change).collect()
}

fn change(change: &ChangeTold) -> String {
    let sign = match change.what {
        What::Created => '+',
        What::Updated => '~',
        What::Deleted => '-',
    };
    let drifted = change.drifted_in.map(|revision| format!("  (changed by the API since, in revision {revision})"));
    let head = format!("{sign} {} {}{}\n", change.kind.singular(), change.name, drifted.unwrap_or_default());
    head + &change.fields.iter().map(|told| format!("    {}\n", field(told))).collect::<String>()
}

fn field(FieldTold { pointer, before, after, secret }: &FieldTold) -> String {
    let path = pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/").replace("~0", "~");
    if *secret {
        return format!("{path}: {}", secret_told(before.as_ref(), after.as_ref()));
    }
    match (before, after) {
        (Some(before), Some(after)) => format!("{path}: {} -> {}", value(before), value(after)),
        (None, Some(after)) => format!("{path}: {}", value(after)),
        (Some(before), None) => format!("{path}: {} -> nothing", value(before)),
        (None, None) => path,
    }
}

/// What happens to a secret; its text is not known here.
fn secret_told(before: Option<&Value>, after: Option<&Value>) -> String {
    let reference = |shown: Option<&Value>| Some(shown?.get("ref")?.as_str()?.to_owned());
    match (before, after, reference(before), reference(after)) {
        (None, _, _, Some(to)) => format!("the secret is set, from {to}"),
        (None, ..) => "the secret is set".to_owned(),
        (_, None, ..) => "the secret is removed".to_owned(),
        (_, _, from, Some(to)) if from.as_ref() != Some(&to) => format!("the secret changes, to that of {to}"),
        _ => "the secret changes".to_owned(),
    }
}

fn value(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= VALUE_CHARS_MAX {
        return text;
    }
    text.chars().take(VALUE_CHARS_MAX).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::hub::Kind;

    #[test]
    fn a_change_is_told_in_lines() {
        let field = |pointer: &str, before: Value, after: Value, secret: bool| FieldTold {
            pointer: pointer.to_owned(),
            before: Some(before).filter(|value| !value.is_null()),
            after: Some(after).filter(|value| !value.is_null()),
            secret,
        };
        let fields = vec![
            field("/match/data/a~1b", json!(["x"]), json!(["y"]), false),
            field("/secret", json!({ "set": true }), json!({ "ref": "${X}" }), true),
            field("/headers/a", Value::Null, json!({ "set": true }), true),
            field("/rate", json!({ "per_second": 1 }), Value::Null, false),
        ];
        let name = "crm".parse().expect("a name");
        let change = ChangeTold { kind: Kind::Destination, name, what: What::Updated, fields, drifted_in: Some(7) };
        let expected = "~ destination crm  (changed by the API since, in revision 7)\n    match.data.a/b: [\"x\"] -> [\"y\"]\n    \
                        secret: the secret changes, to that of ${X}\n    headers.a: the secret is set\n    \
                        rate: {\"per_second\":1} -> nothing\n";
        assert_eq!(told(&[change]), expected);
    }
}
