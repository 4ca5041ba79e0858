//! The page on the command line lists every command with the words of its `--help`.

use std::{env, fs, process::Command};

use sluicebox_tests::process;

use crate::documents::page;

const PAGE: &str = "docs/cli.md";
const MARK: &str = "<!-- What follows is what `--help` says; a test compares it. -->\n";
/// Set, it has the page written anew.
const UPDATE: &str = "SLUICEBOX_UPDATE_DOCS";

fn help(words: &[&str]) -> String {
    let told = Command::new(process::binary()).args(words).arg("--help").output().expect("an end");
    assert!(told.status.success(), "{words:?}");
    String::from_utf8(told.stdout).expect("text")
}

/// The commands below these words, each with what it does.
fn commands(words: &[&str]) -> Vec<(String, String)> {
    let help = help(words);
    let Some((_, listed)) = help.split_once("Commands:\n") else { return Vec::new() };
    let lines = listed.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.trim().split_once("  "));
    let named = lines.map(|(name, about)| (name.trim().to_owned(), about.trim().to_owned()));
    named.filter(|(name, _)| name != "help").collect()
}

fn rows(words: &[&str], rows: &mut Vec<String>) {
    for (name, about) in commands(words) {
        let words = [words, &[&name]].concat();
        let below = commands(&words);
        if below.is_empty() {
            rows.push(format!("| `{}` | {about} |", words.join(" ")));
        }
        self::rows(&words, rows);
    }
}

#[test]
fn the_page_lists_every_command() {
    let mut listed = vec!["| command | |".to_owned(), "|---|---|".to_owned()];
    rows(&[], &mut listed);
    assert!(listed.len() > 30, "{listed:?}");
    let (page, wanted) = (page(PAGE), listed.join("\n") + "\n");
    let (begin, told) = page.split_once(MARK).expect("the mark");
    if env::var_os(UPDATE).is_some() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PAGE);
        fs::write(path, format!("{begin}{MARK}\n{wanted}")).expect("a page");
        return;
    }
    assert_eq!(told.trim_start(), wanted, "{PAGE} is not what --help says; {UPDATE}=1 cargo xtask test commands_page writes it");
}

#[test]
fn the_page_has_the_exit_codes_of_the_help() {
    let (page, help) = (page(PAGE), help(&[]));
    let codes = help.split_once("Exit codes:\n").expect("exit codes").1;
    let codes: Vec<(&str, &str)> = codes.lines().filter_map(|line| line.trim().split_once("  ")).collect();
    assert_eq!(codes.len(), 6);
    for (code, meaning) in codes {
        assert!(page.contains(&format!("| {code} | {meaning} |")), "{code} {meaning}");
    }
}

/// The commands about requests at hand and about completions, in one shell, one after the other.
#[test]
fn the_commands_that_need_no_host_work() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let path = format!("{}:{}", process::binary().parent().expect("a folder").display(), env::var("PATH").expect("a path"));
    let blocks = crate::documents::blocks(&page(PAGE), "sh");
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let told =
            Command::new("sh").args(["-e", "-c", &block]).current_dir(folder.path()).env("PATH", &path).output().expect("an end");
        assert!(told.status.success(), "{block}\n{}", String::from_utf8_lossy(&told.stderr));
    }
    assert!(fs::metadata(folder.path().join("sluicebox.bash")).expect("a script").len() > 0);
}
