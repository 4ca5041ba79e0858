//! `sluicebox plugin dev`, while somebody writes. That it runs a host's events is in the guide, and tested with it.

use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};
use sluicebox_tests::process;
use tempfile::TempDir;

use super::{fails, in_author_surroundings, new};

/// The command in its loop, which ends with the test.
struct Dev {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Dev {
    /// Reads what it prints up to a line with these words.
    fn until(&mut self, words: [&str; 2]) {
        let mut seen = Vec::new();
        for line in self.lines.by_ref() {
            let line = line.expect("text");
            if words.iter().all(|word| line.contains(word)) {
                return;
            }
            seen.push(line);
        }
        panic!("it ended before {words:?}: {seen:#?}");
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_change_is_built_and_tested_and_a_failure_ends_nothing() {
    let folder = TempDir::new().expect("a folder");
    let source = new(folder.path(), "watched", "filter").join("src/lib.rs");
    let mut dev = Command::new(process::binary());
    dev.args(["plugin", "dev", "watched"]).current_dir(folder.path()).stdout(Stdio::piped());
    let mut child = in_author_surroundings(&mut dev).spawn().expect("a process");
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut dev = Dev { child, lines };
    dev.until(["ok", "dropped"]);
    dev.until(["--", "waiting for a change"]);

    let text = fs::read_to_string(&source).expect("a file");
    fs::write(&source, text.replace("of type {}", "of the type {}")).expect("a file");
    dev.until(["FAIL", "dropped"]);
    dev.until(["--", "waiting for a change"]);
    fs::write(&source, text).expect("a file");
    dev.until(["ok", "dropped"]);
    drop(dev);

    // As JSON: a line for each build, and nothing besides.
    let once = || {
        let mut once = Command::new(process::binary());
        once.args(["plugin", "dev", "watched", "--once", "--json"]).current_dir(folder.path());
        let output = in_author_surroundings(&mut once).output().expect("an end");
        let told: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
        (output.status.code(), told)
    };
    let (code, told) = once();
    assert_eq!((code, &told["failure"], &told["events"]), (Some(0), &Value::Null, &json!([])), "{told}");
    assert!(told["component"].as_str().is_some_and(|file| file.ends_with("watched.wasm")), "{told}");
    let fixtures = told["fixtures"].as_array().expect("fixtures");
    assert!(fixtures.len() > 1 && fixtures.iter().all(|fixture| fixture["verdict"] == "ok"), "{told}");

    fs::write(source, "no Rust").expect("a file");
    assert!(fails(folder.path(), &["dev", "watched", "--once"]).contains("cargo could not build"));
    let (code, told) = once();
    assert!(code == Some(1) && told["failure"].as_str().is_some_and(|why| why.contains("cargo could not build")), "{told}");
}
