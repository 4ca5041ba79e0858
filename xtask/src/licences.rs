//! Whose work the binary contains, and under which terms: a page that goes along with it, with the text of each licence, as most of them ask.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::cargo;

/// How the files begin that licences and their notices are in.
const FILES: [&str; 5] = ["license", "licence", "copying", "notice", "copyright"];

/// The page for a binary of this target.
pub(crate) fn of_what_is_linked(target: &str) -> anyhow::Result<String> {
    let linked = linked(target)?;
    let metadata: Value = serde_json::from_str(&output(&["metadata", "--locked", "--format-version", "1"])?)?;
    let mut list = String::from("Sluicebox contains the work of others, under these terms:\n\n");
    // Each text once, with all that it belongs to: most are the same few.
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().context("cargo metadata: no packages")? {
        let field = |name: &str| package[name].as_str().unwrap_or_default();
        let named = format!("{} {}", field("name"), field("version"));
        // Without a source it is of this workspace.
        if package["source"].is_null() || !linked.contains(&named) {
            continue;
        }
        writeln!(list, "{named}: {}", package["license"].as_str().unwrap_or("see its text below"))?;
        for text in texts_in(Path::new(field("manifest_path")).parent().context("a folder")?)? {
            texts.entry(text).or_default().push(named.clone());
        }
    }
    for (text, packages) in texts {
        write!(list, "\n{}\n{}\n\n{}\n", "-".repeat(80), packages.join(", "), text.trim())?;
    }
    Ok(list)
}

/// Name and version of all that is in the binary.
fn linked(target: &str) -> anyhow::Result<BTreeSet<String>> {
    let told = output(&[
        "tree",
        "--locked",
        "--package",
        "sluicebox",
        "--target",
        target,
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ])?;
    let named = |line: &str| {
        let mut words = line.split(' ');
        Some(format!("{} {}", words.next()?, words.next()?.trim_start_matches('v')))
    };
    Ok(told.lines().filter_map(named).collect())
}

fn texts_in(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if FILES.iter().any(|begin| name.starts_with(begin)) && entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    files.iter().map(|file| Ok(String::from_utf8_lossy(&fs::read(file)?).into_owned())).collect()
}

fn output(arguments: &[&str]) -> anyhow::Result<String> {
    let told = cargo().args(arguments).output()?;
    ensure!(told.status.success(), "cargo {}: {}", arguments[0], String::from_utf8_lossy(&told.stderr));
    Ok(String::from_utf8(told.stdout)?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_is_of_what_is_linked_and_of_nothing_else() {
        let page = super::of_what_is_linked("x86_64-unknown-linux-musl").expect("a page");
        for part in ["\nwasmtime 4", "\nrusqlite 0", "Apache License", "Permission is hereby granted"] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("\nproptest "), "only tests need it");
    }
}
