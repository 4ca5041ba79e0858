//! The short run of `cargo xtask soak fuzz`, each target in a process of its own.

use std::process::Command;

use sluicebox_tests::fuzz;

/// Some seconds of one processor.
const INPUTS: u64 = 20_000;
/// Of these so many have to be taken for good, or nothing behind the first check was reached; and as many refused.
const EITHER_MIN: u64 = INPUTS / 50;

#[test]
fn no_input_does_harm() {
    let running: Vec<_> = fuzz::TARGETS
        .map(|(target, _)| {
            let mut soak = Command::new(env!("CARGO_BIN_EXE_soak"));
            soak.args(["fuzz", target, "--count", &INPUTS.to_string()]);
            (target, soak.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().expect("a process"))
        })
        .into();
    for (target, process) in running {
        let output = process.wait_with_output().expect("an end");
        let (told, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let last = told.lines().last().unwrap_or_default();
        assert!(output.status.success(), "{target}: {}\n{last}\n{wrong}", output.status);
        let numbers: Vec<u64> = last.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [inputs, accepted] = numbers[..] else { panic!("{target}: {last}") };
        assert_eq!(inputs, INPUTS, "{target}: {last}");
        assert!((EITHER_MIN..=INPUTS - EITHER_MIN).contains(&accepted), "{target}: {last}");
    }
}
