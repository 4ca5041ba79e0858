//! The table as a file and as a JSON Schema, both made of the declarations: the default file is its own documentation.

use serde_json::{Map, Value, json};

use super::{Form, Setting, Settings, table};

/// A line of a comment is broken before this many characters.
const WIDTH: usize = 110;

const HEAD: &str = "\
# The settings of `sluicebox serve`, each with its default. Remove the `#` before a setting to change it.
#
# It is read from `--config FILE`, else from `SLUICEBOX_CONFIG`, else from sluicebox.toml in the working directory, where there is one.
# A setting has one name: `connections_max` here is SLUICEBOX_CONNECTIONS_MAX in the environment, which goes before the file, and
# `--connections-max` on the command line, which goes before both. In the environment and by flag the items of a list have commas between them.
# SIGHUP has a running host read this file again; what says \"taken up by a reload\" changes at once, all else with the next start.
# `sluicebox config check FILE` says what is wrong with a file, `sluicebox config show` what is in force and from where.
";

/// `sluicebox.toml` with every setting at its default, as a comment.
#[must_use]
pub fn default_file() -> String {
    let defaults = Settings::default();
    let mut file = HEAD.to_owned();
    for section in table::SECTIONS {
        file.push_str(&format!("\n# {}\n", section.about));
        if !section.name.is_empty() {
            file.push_str(&format!("[{}]\n", section.name));
        }
        for setting in section.settings {
            file.push('\n');
            for line in wrapped(&setting.told()).into_iter().chain([facts(setting)]) {
                file.push_str(&format!("# {line}\n"));
            }
            file.push_str(&format!("#{} = {}\n", setting.name, toml(&setting.json(&setting.value(&defaults)))));
        }
    }
    file
}

/// `Milliseconds, at least 1; taken up by a reload.`
fn facts(setting: &Setting) -> String {
    let unit = unit(setting.unit);
    let what = match setting.form {
        Form::Number => unit.to_owned(),
        Form::Text => format!("A text: {unit}"),
        Form::List => format!("A list of texts: {unit}"),
    };
    let bounds = match (setting.form, setting.bounds.start(), setting.bounds.end()) {
        (Form::Text | Form::List, ..) | (Form::Number, 0, &u64::MAX) => String::new(),
        (Form::Number, least, &u64::MAX) => format!(", at least {least}"),
        (Form::Number, least, most) => format!(", {least} to {most}"),
    };
    format!("{what}{bounds}{}.", if setting.live { "; taken up by a reload" } else { "" })
}

fn unit(unit: &str) -> &str {
    match unit {
        "ADDRESS" => "address:port",
        "BYTES" => "Bytes",
        "COUNT" => "A number",
        "EVENTS" => "Events",
        "FILE" => "file",
        "FILTER" => "filter",
        "FOLDER" => "folder",
        "FORMAT" => "text or json",
        "HEADER" => "name of a header",
        "MS" => "Milliseconds",
        "NAME" => "name",
        "NETWORK" => "network",
        "PAGES" => "Pages",
        "PART" => "from 0 to 1",
        "PORT" => "port, or first-last",
        "SECONDS" => "Seconds",
        "SWITCH" => "on or off",
        "THREADS" => "Threads",
        "TIME" => "length of time",
        "TIMES" => "Times",
        other => other,
    }
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is always a line");
        if !last.is_empty() && last.len() + word.len() >= WIDTH {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

/// Numbers, lists of texts and texts without control characters are the same in both.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// The JSON Schema of the file, for editors.
#[must_use]
pub fn schema() -> Value {
    let defaults = Settings::default();
    let mut root = Map::new();
    for section in table::SECTIONS {
        let keys: Map<String, Value> =
            section.settings.iter().map(|setting| (setting.name.to_owned(), schema_of(setting, &defaults))).collect();
        if section.name.is_empty() {
            root.extend(keys);
        } else {
            let table =
                json!({ "type": "object", "description": section.about, "properties": keys, "additionalProperties": false });
            root.insert(section.name.to_owned(), table);
        }
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sluicebox.toml",
        "description": "The settings of `sluicebox serve`.",
        "type": "object",
        "properties": root,
        "additionalProperties": false,
    })
}

fn schema_of(setting: &Setting, defaults: &Settings) -> Value {
    let mut schema = match setting.form {
        Form::Number => json!({ "type": "integer", "minimum": setting.bounds.start() }),
        Form::Text => json!({ "type": "string" }),
        Form::List => json!({ "type": "array", "items": { "type": "string" } }),
    };
    if setting.form == Form::Number && *setting.bounds.end() < u64::MAX {
        schema["maximum"] = json!(setting.bounds.end());
    }
    schema["description"] = json!(setting.told());
    schema["default"] = setting.json(&setting.value(defaults));
    schema
}
