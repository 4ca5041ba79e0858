//! What shells complete. Zsh and fish are asked by nobody here: they need not be there.

use std::{fs, process::Command};

use sluicebox_tests::process;
use tempfile::TempDir;

use super::works;

fn script(shell: &str) -> String {
    works(Command::new(process::binary()).args(["completions", shell]))
}

#[test]
fn bash_reads_its_script_and_completes_commands() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("sluicebox.bash");
    fs::write(&file, script("bash")).expect("a file");
    works(Command::new("bash").arg("-n").arg(&file));
    let ask = "source \"$0\"; COMP_WORDS=(sluicebox del); COMP_CWORD=1; _sluicebox sluicebox del sluicebox; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let told = works(Command::new("bash").args(["--norc", "-c", ask]).arg(&file));
    let mut words: Vec<&str> = told.split_whitespace().collect();
    words.sort_unstable();
    assert_eq!(words, ["delete", "deliveries"]);
}

#[test]
fn zsh_and_fish_have_scripts_that_know_the_commands() {
    let (zsh, fish) = (script("zsh"), script("fish"));
    assert!(zsh.starts_with("#compdef sluicebox"), "{zsh}");
    assert!(fish.contains("complete -c sluicebox"), "{fish}");
    for command in ["serve", "apply", "verify", "rotate-secret"] {
        assert!(zsh.contains(command) && fish.contains(command), "{command}");
    }
}
