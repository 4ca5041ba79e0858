//! The table of which part may import which, and through which door each foreign library comes in. The table is the architecture:
//! who changes it changes docs/ARCHITECTURE.md too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A part, and what of `crate::` it may import. A part may import only those above it, so there can be no circle.
const PARTS: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("failpoint", &[]),
    ("cloudevents", &["event"]),
    ("verify", &["event"]),
    ("route", &["event"]),
    ("sign", &["event"]),
    ("net", &[]),
    // Everything that does work tells it; `net` is the way to the operator's collector.
    ("observe", &["event", "net"]),
    ("plugin", &["event", "observe"]),
    ("journal", &["event", "failpoint"]),
    ("ingest", &["event", "cloudevents", "failpoint", "verify", "plugin", "net", "journal", "observe"]),
    ("dispatch", &["event", "cloudevents", "failpoint", "route", "plugin", "journal", "observe"]),
    ("deliver", &["event", "cloudevents", "failpoint", "sign", "net", "journal", "observe"]),
    // Of `journal` only the names of lanes, which the books are kept by.
    ("hub", &["event", "failpoint", "verify", "route", "sign", "plugin", "journal", "ingest", "dispatch", "deliver"]),
    ("backup", &["event", "journal", "hub"]),
    ("api", &["event", "route", "plugin", "journal", "ingest", "dispatch", "deliver", "hub", "backup"]),
    ("config", &["event", "ingest", "dispatch", "deliver", "hub", "journal", "net", "observe", "plugin", "api"]),
    (
        "lib",
        &[
            "api",
            "backup",
            "config",
            "deliver",
            "dispatch",
            "event",
            "failpoint",
            "hub",
            "ingest",
            "journal",
            "net",
            "observe",
            "plugin",
            "sign",
        ],
    ),
    (
        "cli",
        &[
            "api",
            "backup",
            "config",
            "deliver",
            "event",
            "failpoint",
            "hub",
            "ingest",
            "journal",
            "net",
            "observe",
            "plugin",
            "sign",
            "verify",
            "lib",
        ],
    ),
];

/// A foreign library, and the files or folders of `host/src` that may name it.
const DOORS: &[(&str, &[&str])] = &[
    (
        "aws_lc_rs",
        &["ingest/tls.rs", "net/shown.rs", "net/tls.rs", "verify/jwt/tests.rs", "verify/pair.rs", "verify/public_key.rs"],
    ),
    ("wasmtime", &["plugin/"]),
    ("wasmparser", &["plugin/"]),
    ("wasm_encoder", &["plugin/"]),
    ("wit_component", &["plugin/"]),
    (
        "rustix",
        &[
            "cli/backup/target.rs",
            "cli/core_dumps.rs",
            "cli/descriptors.rs",
            "failpoint.rs",
            "journal/space.rs",
            "plugin/aot/",
            "plugin/workers.rs",
        ],
    ),
    ("rusqlite", &["journal/sqlite/"]),
    ("sled", &["hub/store.rs"]),
    ("ed25519_dalek", &["plugin/", "sign/"]),
    ("chacha20poly1305", &["hub/aead.rs"]),
    ("jsonwebtoken", &["verify/jwt/", "verify/refine/jwt.rs"]),
    ("quick_xml", &["ingest/decode/xml.rs"]),
    ("toml", &["hub/file/", "cli/documents.rs", "cli/plugin/fixture/", "cli/plugin/language/", "cli/profiles.rs"]),
    ("reqwest", &["net/"]),
    ("jsonschema", &["ingest/schema/"]),
    ("opentelemetry", &["observe/trace/export.rs"]),
    ("opentelemetry_sdk", &["observe/trace/export.rs"]),
    ("opentelemetry_otlp", &["observe/trace/export.rs"]),
    ("opentelemetry_http", &["observe/trace/http.rs"]),
    ("hyper_rustls", &["net/"]),
    ("hickory_resolver", &["net/resolver.rs"]),
    ("rustls", &["net/", "ingest/tls.rs"]),
    ("tokio_rustls", &["ingest/tls.rs"]),
    ("hyper_util", &["net/", "ingest/accept.rs"]),
    ("h2", &["ingest/closed.rs"]),
    ("ppp", &["ingest/proxy_protocol.rs"]),
    ("flate2", &["deliver/encode/compress.rs", "ingest/coding.rs"]),
    ("brotli_decompressor", &["ingest/coding.rs"]),
    ("zstd", &["ingest/coding.rs"]),
    // `lib.rs` joins the routers of both.
    ("axum", &["ingest/", "api/", "lib.rs"]),
    ("aide", &["api/"]),
    ("clap", &["cli/"]),
    ("sd_notify", &["cli/service_manager.rs"]),
    ("tar", &["backup/"]),
    ("clap_complete", &["cli/completions.rs"]),
    ("comfy_table", &["cli/table.rs"]),
    ("indicatif", &["cli/progress.rs"]),
];

fn sources() -> BTreeMap<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/src");
    let mut files = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&entry).expect("a file");
                files.insert(entry.strip_prefix(&root).expect("below").to_owned(), without_comments(&text));
            }
        }
    }
    files
}

fn without_comments(text: &str) -> String {
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    text.lines().map(code).collect::<Vec<_>>().join("\n")
}

/// The part that a file belongs to.
fn part_of(file: &Path) -> String {
    let first = file.iter().next().expect("a name").to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// What follows `crate::` anywhere in a file: one name, or each name of a group.
fn imports(text: &str) -> BTreeSet<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(top_level(group).into_iter().map(|item| name(item.trim()))),
            None => drop(found.insert(name(rest))),
        }
    }
    found
}

/// The items of a `use` group, up to its closing brace.
fn top_level(group: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut items) = (0_usize, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                items.push(&group[begin..at]);
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                items.push(&group[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

#[test]
fn parts_import_only_what_the_table_allows() {
    let known: BTreeSet<&str> = PARTS.iter().map(|(part, _)| *part).collect();
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let part = part_of(&file);
        if part == "main" {
            continue;
        }
        let allowed = PARTS.iter().find(|(name, _)| *name == part).unwrap_or_else(|| panic!("{part} is not in the table")).1;
        for import in imports(&text) {
            // What is no part is an item of the crate's root.
            let import = if known.contains(import.as_str()) { import } else { "lib".to_owned() };
            if import != part && !allowed.contains(&import.as_str()) {
                wrong.push(format!("{} imports {import}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "not in the table:\n{}", wrong.join("\n"));
}

#[test]
fn the_table_has_no_circle() {
    let mut above = BTreeSet::new();
    for (part, allowed) in PARTS {
        for import in *allowed {
            assert!(above.contains(import), "{part} may import {import}, which does not stand above it");
        }
        above.insert(part);
    }
}

#[test]
fn each_foreign_library_has_its_door() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let file = file.to_string_lossy();
        for (library, doors) in DOORS {
            let named = text
                .match_indices(&format!("{library}::"))
                .any(|(at, _)| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'));
            if named && !doors.iter().any(|door| file.starts_with(door)) {
                wrong.push(format!("{file} names {library}, whose door is {}", doors.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_check_sees_what_it_should() {
    let text = "use crate::{\n event::{A, B},\n net,\n};\nfn f() { crate::hub::x() }";
    assert_eq!(imports(text).into_iter().collect::<Vec<_>>(), ["event", "hub", "net"]);
}
