//! What editors check hub files by: the JSON Schema takes every hub file of the pages and refuses what is none.

use std::{fs, path::Path, process::Command};

use jsonschema::{Validator, validator_for};
use serde_json::Value;
use sluicebox_tests::{hub_files, process};

use crate::documents::{blocks, page};

fn schema() -> Validator {
    let output = Command::new(process::binary()).arg("schema").output().expect("an end");
    assert!(output.status.success());
    let schema: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    jsonschema::meta::validate(&schema).expect("a schema");
    validator_for(&schema).expect("a schema")
}

fn flaws(schema: &Validator, file: &Value) -> Vec<String> {
    schema.iter_errors(file).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Whether it is a hub file, and no other TOML.
fn is_hub_file(file: &Value) -> bool {
    let tables = ["sources", "destinations", "plugins", "rules"];
    file.as_object().is_some_and(|file| file.keys().all(|key| tables.contains(&key.as_str())))
}

#[test]
fn every_hub_file_of_the_pages_fits() {
    let (schema, root) = (schema(), Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    let pages = fs::read_dir(root.join("docs")).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let pages = pages.map(|name| format!("docs/{}", name.to_string_lossy())).filter(|name| name.ends_with(".md"));
    let mut seen = 0;
    for name in pages.chain(["README.md".to_owned()]) {
        for block in blocks(&page(&name), "toml") {
            // Where a page has no digest at hand.
            let block = block.replace("sha256:...", &format!("sha256:{}", "0".repeat(64)));
            let Ok(file) = toml::from_str::<Value>(&block) else { continue };
            if is_hub_file(&file) {
                seen += 1;
                assert_eq!(flaws(&schema, &file), Vec::<String>::new(), "{name}:\n{block}");
            }
        }
    }
    assert!(seen > 20, "{seen} hub files");
}

#[test]
fn hub_files_by_chance_fit() {
    let schema = schema();
    for index in 0..500 {
        let file = hub_files::any_file(hub_files::SEED, index);
        assert_eq!(flaws(&schema, &file), Vec::<String>::new(), "{file:#}");
    }
}

#[test]
fn what_is_no_hub_file_is_refused() {
    let schema = schema();
    let wrong = [
        "[source.a]\nverify = { scheme = \"none\" }",
        "[sources.A]\nverify = { scheme = \"none\" }",
        "[sources.a]",
        "[sources.a]\nverify = { scheme = 1 }",
        "[sources.a]\nverify = { scheme = \"none\", sceret = \"x\" }",
        "[sources.a]\nverify = { scheme = \"hmac\", algorithm = \"md5\" }",
        "[sources.a]\nverify = { scheme = \"none\" }\ntype = { haeder = \"x\" }",
        "[sources.a]\nverify = { scheme = \"none\" }\ndecode = \"yaml\"",
        "[destinations.a]",
        "[destinations.a]\nurll = \"https://x\"",
        "[destinations.a]\nurl = \"https://x\"\nsecret = 5",
        "[destinations.a]\nurl = \"https://x\"\nsecret = { st = true }",
        "[destinations.a]\nurl = \"https://x\"\nauth = { type = \"bearer\" }",
        "[destinations.a]\nurl = \"https://x\"\nformat = \"yaml\"",
        "[destinations.a]\nkind = \"pull\"\nurl = \"https://x\"",
        "[destinations.a]\nkind = \"hub\"",
        "[plugins.a]\nconfig = {}",
        "[plugins.a]\npath = \"a.wasm\"\ndigest = \"sha256:0000000000000000000000000000000000000000000000000000000000000000\"",
        "[plugins.a]\ndigest = \"sha256:00\"",
        "[plugins.a]\npath = \"a.wasm\"\non_fault = \"explode\"",
        "[plugins.a]\npath = \"a.wasm\"\ngrants = { network = true }",
        "[rules.a]\nplugns = []",
        "[rules.a]\nplugins = \"a\"",
        "[rules.a]\nplugins = [\"a@latest\"]",
        "[rules.a]\nmatch = [\"a\"]",
        "[rules.a]\nmatch.tpye = [\"a\"]",
        "[rules.a]\nmatch.type = \"a\"",
        "[rules.a]\nmatch.type = []",
        "[rules.a]\nmatch.type = [{ prefx = \"a\" }]",
        "[rules.a]\nmatch.type = [{ prefix = \"a\", suffix = \"b\" }]",
        "[rules.a]\nmatch.data.a = [{ numeric = [\">\"] }]",
        "[rules.a]\nmatch.data.a = [{ numeric = [\"!\", 1] }]",
        "[rules.a]\nmatch.headers.X-Tag = [\"a\"]",
        "[rules.a]\nmatch.\"$or\" = [{ type = [\"a\"] }]",
        "[rules.a]\nbatch = { max_event = 5 }",
    ];
    for text in wrong {
        let file: Value = toml::from_str(text).expect("TOML");
        assert!(!flaws(&schema, &file).is_empty(), "{text}");
    }
}
