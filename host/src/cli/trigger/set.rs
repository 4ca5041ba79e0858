//! `--set path=value`: a field of the body changed before it is signed. In JSON the value is JSON, or else text; a body that is not
//! changed keeps its very bytes.

use anyhow::{Context, bail};
use serde_json::{Map, Value};

/// The body with these changes.
pub(super) fn set(body: &str, content_type: &str, changes: &[String]) -> anyhow::Result<String> {
    if changes.is_empty() {
        return Ok(body.to_owned());
    }
    let changes = changes.iter().map(|change| {
        change.split_once('=').with_context(|| format!("--set: `{change}` has no `=`; write path=value, as in data.amount=500"))
    });
    let changes = changes.collect::<Result<Vec<_>, _>>()?;
    if content_type.starts_with("application/x-www-form-urlencoded") {
        return Ok(in_form(body, &changes));
    }
    let mut root: Value = serde_json::from_str(body).context("--set: the body is neither JSON nor a form")?;
    for (path, value) in changes {
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        *place(&mut root, path)? = value;
    }
    Ok(root.to_string())
}

/// The place at a dotted path; what is not there is made.
fn place<'v>(root: &'v mut Value, path: &str) -> anyhow::Result<&'v mut Value> {
    path.split('.').try_fold(root, |value, step| {
        if let Value::Array(items) = value {
            let count = items.len();
            let item = step.parse::<usize>().ok().and_then(|at| items.get_mut(at));
            return item.with_context(|| format!("--set: there is no `{step}` of `{path}` in a list of {count}"));
        }
        if value.is_null() {
            *value = Value::Object(Map::new());
        }
        match value {
            Value::Object(fields) => Ok(fields.entry(step).or_insert(Value::Null)),
            _ => bail!("--set: `{step}` of `{path}` is below a text or number"),
        }
    })
}

fn in_form(body: &str, changes: &[(&str, &str)]) -> String {
    let mut fields: Vec<(String, String)> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    for (name, value) in changes {
        fields.retain(|(field, _)| field != name);
        fields.push(((*name).to_owned(), (*value).to_owned()));
    }
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(body: &str, changes: &[&str]) -> Result<String, String> {
        let changes: Vec<String> = changes.iter().map(|change| (*change).to_owned()).collect();
        set(body, "application/json", &changes).map_err(|error| error.to_string())
    }

    #[test]
    fn fields_are_changed_and_made() {
        assert_eq!(changed("{ \"a\": 1 }", &[]).as_deref(), Ok("{ \"a\": 1 }"));
        let body = "{\"a\":{\"b\":[1,2]}}";
        assert_eq!(
            changed(body, &["a.b.1=true", "a.c=x y", "d.e=\"7\""]).as_deref(),
            Ok("{\"a\":{\"b\":[1,true],\"c\":\"x y\"},\"d\":{\"e\":\"7\"}}")
        );
        assert!(changed(body, &["a.b.2=1"]).is_err_and(|error| error.contains("a list of 2")));
        assert!(changed(body, &["a.b.0.c=1"]).is_err_and(|error| error.contains("below a text or number")));
        assert!(changed(body, &["a"]).is_err_and(|error| error.contains("path=value")));
        assert!(changed("text", &["a=1"]).is_err_and(|error| error.contains("neither")));
    }

    #[test]
    fn a_form_has_fields_too() {
        let form = set("a=1&b=2", "application/x-www-form-urlencoded; charset=UTF-8", &["a=x y".to_owned()]);
        assert_eq!(form.expect("a form"), "b=2&a=x+y");
    }
}
