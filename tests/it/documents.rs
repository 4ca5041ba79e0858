//! What the documents say is so: the snippets in them are applied, the files they name are there.

use std::{fs, path::Path, process::Command};

use sluicebox_tests::{Host, guests};

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).expect(name)
}

/// The fenced blocks of this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once(&format!("```{language}\n")) {
        let (block, next) = after.split_once("```").expect("an end of the block");
        found.push(block.to_owned());
        rest = next;
    }
    found
}

/// The README's hub file, but for its plugins' paths, which are put into place by the client.
#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_hub_file_applies() {
    let host = Host::start().await;
    let blocks = blocks(&page("README.md"), "toml");
    assert!(!blocks.is_empty(), "the README shows a hub file");
    for hub in blocks {
        let mut hub: toml::Table = toml::from_str(&hub).expect("TOML");
        for (name, plugin) in hub.get_mut("plugins").and_then(toml::Value::as_table_mut).into_iter().flatten() {
            let digest = host.upload(guests::component(name)).await.expect("a component");
            let plugin = plugin.as_table_mut().expect("a plugin");
            assert!(plugin.remove("path").is_some());
            plugin.insert("digest".into(), digest.into());
        }
        host.apply(&toml::to_string(&hub).expect("TOML")).await;
    }
    host.stop().await;
}

/// The README's plugin is, word for word, one that is built and run by these tests.
#[test]
fn the_readmes_plugin_is_one_that_is_tested() {
    let source = page("plugins/only-humans/src/lib.rs") + &page("tests/guests/readme/src/lib.rs");
    let blocks = blocks(&page("README.md"), "rust");
    assert!(!blocks.is_empty(), "the README shows a plugin");
    for block in blocks {
        assert!(source.contains(block.trim()), "not found in the sources:\n{block}");
    }
}

#[test]
fn the_files_that_pages_name_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for name in ["README.md", "docs/ARCHITECTURE.md", "CHANGELOG.md"] {
        let page = page(name);
        for (_, link) in
            page.match_indices("](").map(|(at, _)| page[at + 2..].split_once(')').expect("an end")).map(|(l, _)| ((), l))
        {
            if !link.contains("://") && !link.starts_with('#') {
                let file = root.join(name).parent().expect("a folder").join(link);
                assert!(file.exists(), "{name} links to {link}");
            }
        }
    }
}

/// Every `sluicebox ...` of the pages is a command that there is, with flags that there are.
#[test]
fn the_commands_that_pages_name_are_there() {
    for name in ["README.md", "docs/ARCHITECTURE.md"] {
        for block in blocks(&page(name), "sh") {
            for line in block.lines().filter_map(|line| line.trim_start_matches("$ ").strip_prefix("sluicebox ")) {
                let words: Vec<&str> = line.split_whitespace().take_while(|word| !word.starts_with('-')).collect();
                let command = if words[0] == "plugin" { &words[..2] } else { &words[..1] };
                let help = Command::new(sluicebox_tests::process::binary()).args(command).arg("--help").output().expect("an end");
                assert!(help.status.success(), "{line}");
                let help = String::from_utf8_lossy(&help.stdout).into_owned();
                for flag in line.split_whitespace().filter(|word| word.starts_with("--")) {
                    assert!(help.contains(flag), "{flag} of `{line}`");
                }
            }
        }
    }
}
