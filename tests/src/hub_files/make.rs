//! Good hub files: entries of all kinds that name each other, secrets in all their forms, patterns, plugins' settings.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};
use sluicebox::{
    event::{Digest, Name},
    hub::Kind,
};

use crate::{
    patterns::{Sample, pattern_for},
    soak::chance::Chance,
};

const NAMES: &[&str] = &["a", "b-1", "crm", "shop_2", "x9", "long-name-of-something"];

/// The components that plugins name.
pub(super) struct Components {
    pub(super) redact: Digest,
    pub(super) other_redact: Digest,
    pub(super) sample: Digest,
}

/// A hub file, as its author has it.
pub(super) struct File {
    pub(super) entries: BTreeMap<(Kind, Name), Value>,
    pub(super) redact: Digest,
}

impl File {
    /// As TOML, written by another hand than the product's.
    pub(super) fn text(&self) -> String {
        let mut tables: BTreeMap<&str, BTreeMap<String, &Value>> = BTreeMap::new();
        for ((kind, name), document) in &self.entries {
            tables.entry(kind.as_str()).or_default().insert(name.to_string(), document);
        }
        toml::to_string(&tables).expect("no null is in it")
    }

    pub(super) fn names(&self, kind: Kind) -> Vec<Name> {
        self.entries.keys().filter(|(other, _)| *other == kind).map(|(_, name)| name.clone()).collect()
    }
}

/// A good hub file.
pub(super) fn file(chance: &mut Chance, components: &Components) -> File {
    let mut file = File { entries: BTreeMap::new(), redact: components.redact };
    for name in some_names(chance, 0) {
        file.entries.insert((Kind::Source, name), source(chance));
    }
    for name in some_names(chance, 0) {
        file.entries.insert((Kind::Plugin, name), plugin(chance, components));
    }
    let sources = file.names(Kind::Source);
    for name in some_names(chance, 1) {
        file.entries.insert((Kind::Destination, name), destination(chance, &sources));
    }
    let (plugins, destinations) = (file.names(Kind::Plugin), file.names(Kind::Destination));
    for name in some_names(chance, 0) {
        file.entries.insert((Kind::Rule, name), rule(chance, &sources, &plugins, &destinations));
    }
    file
}

/// What an export can tell of the entries: of secrets whose text is in the file, that they are set.
pub(super) fn without_secrets(entries: &BTreeMap<(Kind, Name), Value>) -> BTreeMap<(Kind, Name), Value> {
    let shown = |(key, document): (&(Kind, Name), &Value)| {
        let mut document = document.clone();
        hide(&mut document);
        (key.clone(), document)
    };
    entries.iter().map(shown).collect()
}

fn hide(value: &mut Value) {
    match value {
        Value::String(text) if text.starts_with("whsec_") || text.starts_with("literal") => *value = json!({ "set": true }),
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(fields) => fields.values_mut().for_each(hide),
        _ => {}
    }
}

/// What a variable of the environment holds.
pub(super) fn variable(name: &str) -> Option<String> {
    match name.split_once('_')? {
        ("SIGNING", number) => Some(signing_secret(number)),
        ("TEXT", number) => Some(format!("text {number}")),
        _ => None,
    }
}

/// The files that hold secrets, by name.
pub(super) fn secret_files() -> Vec<(String, String)> {
    (0..3).map(|number| (format!("{number}.key"), signing_secret(&format!("file {number}")))).collect()
}

fn signing_secret(of: &str) -> String {
    format!("whsec_{}", BASE64_STANDARD.encode(format!("{of:-<32}")))
}

/// A signing secret in one of its forms.
fn signing(chance: &mut Chance) -> Value {
    let number = chance.below(3);
    match chance.below(3) {
        0 => json!(format!("${{SIGNING_{number}}}")),
        1 => json!(format!("file:{number}.key")),
        _ => json!(signing_secret(&format!("literal {number}"))),
    }
}

/// A secret of another kind.
fn text(chance: &mut Chance) -> Value {
    let number = chance.below(3);
    if chance.below(2) == 0 { json!(format!("${{TEXT_{number}}}")) } else { json!(format!("literal \"{number}\" \\ text")) }
}

fn some_names(chance: &mut Chance, min: usize) -> BTreeSet<Name> {
    let count = min + chance.below(4);
    (0..count).map(|_| chance.pick(NAMES).parse().expect("a name")).collect()
}

/// Now and then a field.
fn maybe(
    chance: &mut Chance,
    one_in: usize,
    fields: &mut Map<String, Value>,
    key: &str,
    value: impl FnOnce(&mut Chance) -> Value,
) {
    if chance.below(one_in) == 0 {
        let value = value(chance);
        fields.insert(key.to_owned(), value);
    }
}

fn source(chance: &mut Chance) -> Value {
    let verify = match chance.below(5) {
        0 => json!({ "scheme": "none" }),
        1 => json!({ "scheme": "github", "secret": text(chance) }),
        2 => json!({ "scheme": "github", "secrets": [text(chance), text(chance)] }),
        3 => json!({ "scheme": "hmac", "secret": text(chance), "header": "x-sig", "algorithm": "sha512", "prefix": "v=" }),
        _ => json!({ "scheme": "api-key", "secret": text(chance), "header": "x-key" }),
    };
    let mut fields = Map::from_iter([("verify".to_owned(), verify)]);
    let fields_of = &mut fields;
    maybe(chance, 3, fields_of, "type", |_| json!([{ "header": "x-type" }, { "json": "a.b" }]));
    maybe(chance, 4, fields_of, "idempotency", |_| json!({ "key": { "header": "x-id" }, "window": "1h 30m" }));
    maybe(chance, 4, fields_of, "rate", |chance| json!({ "per_second": 1 + chance.below(99) }));
    maybe(chance, 4, fields_of, "max_body_bytes", |chance| json!(1 + chance.below(100_000)));
    maybe(chance, 4, fields_of, "allow_from", |_| json!(["192.0.2.0/24", "2001:db8::/32"]));
    maybe(chance, 4, fields_of, "answer", |_| json!({ "status": 201, "headers": { "x-a": "b c" }, "body": "l1\nl2\t\"q\"" }));
    maybe(chance, 5, fields_of, "schema", |_| json!({ "type": "object", "properties": { "a": { "minimum": 1.5 } } }));
    maybe(chance, 5, fields_of, "content_encodings", |_| json!(["gzip", "br"]));
    fields.into()
}

fn destination(chance: &mut Chance, sources: &[Name]) -> Value {
    let mut fields = Map::new();
    match chance.below(6) {
        0 => {
            fields.insert("kind".to_owned(), json!("pull"));
            if chance.below(2) == 0 {
                fields.insert("secret".to_owned(), signing(chance));
                maybe(chance, 2, &mut fields, "secrets", further);
            }
            maybe(chance, 2, &mut fields, "lease", |_| json!("90s"));
        }
        1 if !sources.is_empty() => {
            fields.insert("kind".to_owned(), json!("hub"));
            fields.insert("source".to_owned(), json!(chance.pick(sources)));
            maybe(chance, 2, &mut fields, "type", |_| json!("again"));
        }
        _ => push(chance, &mut fields),
    }
    maybe(chance, 5, &mut fields, "enabled", |chance| json!(chance.below(2) == 0));
    fields.into()
}

fn push(chance: &mut Chance, fields: &mut Map<String, Value>) {
    let url = format!("https://{}.example.com/{{data.id}}?n={}", chance.pick(NAMES).replace('_', "-"), chance.below(5));
    fields.insert("url".to_owned(), json!(url));
    maybe(chance, 2, fields, "secret", signing);
    maybe(chance, 4, fields, "secrets", further);
    maybe(chance, 3, fields, "headers", |chance| json!({ "x-one": text(chance), "x-two": text(chance) }));
    maybe(chance, 3, fields, "auth", auth);
    maybe(chance, 5, fields, "signing", |chance| json!({ "scheme": "github", "secret": text(chance) }));
    maybe(chance, 4, fields, "retry", |_| json!({ "waits": ["1s", "5m"], "age_max": "2d" }));
    maybe(chance, 4, fields, "breaker", |chance| if chance.below(2) == 0 { json!(false) } else { json!({ "ratio": 0.25 }) });
    // By a key would not go with batches of rules.
    maybe(chance, 4, fields, "order", |_| json!("destination"));
    maybe(chance, 4, fields, "rate", |_| json!({ "per_minute": 600 }));
    maybe(chance, 4, fields, "format", |_| json!("cloudevents-structured"));
    maybe(chance, 4, fields, "timeout", |_| json!("2s"));
    maybe(chance, 4, fields, "confirm", |_| json!({ "within": "1d" }));
}

fn further(chance: &mut Chance) -> Value {
    let one = |chance: &mut Chance| {
        let secret = signing(chance);
        if chance.below(2) == 0 { secret } else { json!({ "secret": secret, "until": "2031-01-01T00:00:00Z" }) }
    };
    (0..1 + chance.below(3)).map(|_| one(chance)).collect()
}

fn auth(chance: &mut Chance) -> Value {
    match chance.below(4) {
        0 => json!({ "type": "bearer", "token": text(chance) }),
        1 => json!({ "type": "basic", "username": "u", "password": text(chance) }),
        2 => json!({ "type": "api-key", "value": text(chance) }),
        _ => {
            json!({ "type": "oauth2", "token_url": "https://id.example.com/t", "client_id": "c", "client_secret": text(chance) })
        }
    }
}

fn plugin(chance: &mut Chance, components: &Components) -> Value {
    let is_redact = chance.below(3) > 0;
    let mut fields = Map::new();
    let by_path = chance.below(2) == 0;
    let (digest, path, config) = if is_redact {
        (components.redact, "plugins/redact.wasm", json!({ "fields": ["a.b", "items[*].card"], "mask": "~\"~" }))
    } else {
        (components.sample, "sample.wasm", json!({ "percent": chance.below(101) }))
    };
    if by_path {
        fields.insert("path".to_owned(), json!(Path::new(path)));
    } else {
        fields.insert("digest".to_owned(), json!(digest.to_string()));
    }
    fields.insert("config".to_owned(), config);
    // Always, and long: settings are checked by the plugin, and the machine may be busy.
    fields.insert("limits".to_owned(), json!({ "time_ms": 4_000 + chance.below(900) }));
    maybe(
        chance,
        3,
        &mut fields,
        "grants",
        |chance| json!({ "state": true, "secrets": { "a/b~c": text(chance), "*": text(chance) } }),
    );
    maybe(chance, 4, &mut fields, "on_fault", |_| json!("dead-letter"));
    if is_redact {
        let canary = components.other_redact.to_string();
        maybe(chance, 5, &mut fields, "canary", |chance| json!({ "digest": canary, "percent": 1 + chance.below(99) }));
        maybe(chance, 5, &mut fields, "redacts", |_| json!(true));
    }
    fields.into()
}

fn rule(chance: &mut Chance, sources: &[Name], plugins: &[Name], destinations: &[Name]) -> Value {
    let to: BTreeSet<&Name> = (0..1 + chance.below(3)).map(|_| chance.pick(destinations)).collect();
    let mut fields = Map::from_iter([("destinations".to_owned(), json!(to))]);
    if !plugins.is_empty() {
        maybe(chance, 2, &mut fields, "plugins", |chance| (0..chance.below(3)).map(|_| json!(chance.pick(plugins))).collect());
    }
    let sample = Sample::draw(chance);
    let mut pattern = pattern_for(chance, &sample);
    name_sources(chance, &mut pattern, sources);
    // TOML has no null.
    if chance.below(4) > 0 && !has_null(&pattern) {
        fields.insert("match".to_owned(), pattern);
    }
    maybe(chance, 4, &mut fields, "batch", |chance| json!({ "max_events": 1 + chance.below(99), "max_age": "1m" }));
    maybe(chance, 4, &mut fields, "forward_headers", |_| json!(["x-a"]));
    fields.into()
}

/// Has a pattern name sources of the file, where it names any as they are.
fn name_sources(chance: &mut Chance, table: &mut Value, sources: &[Name]) {
    for value in table.get_mut("source").and_then(Value::as_array_mut).into_iter().flatten().filter(|value| value.is_string()) {
        *value = if sources.is_empty() { json!({ "prefix": "a" }) } else { json!(chance.pick(sources)) };
    }
    for branch in table.get_mut("$or").and_then(Value::as_array_mut).into_iter().flatten() {
        name_sources(chance, branch, sources);
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(fields) => fields.values().any(has_null),
        _ => false,
    }
}
