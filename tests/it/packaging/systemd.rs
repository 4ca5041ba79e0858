//! The unit, judged by systemd's own tool.

use std::{fs, process::Command};

use sluicebox_tests::process;
use tempfile::TempDir;

use super::{file, works};

/// In tenths: 100 is a service that may do all that root may.
const EXPOSURE_MAX: &str = "15";

fn unit() -> String {
    fs::read_to_string(file("packaging/sluicebox.service")).expect("a unit")
}

#[test]
fn systemd_accepts_the_unit_and_calls_it_hardened() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("sluicebox.service");
    // As it is, but for the program, which has to be there.
    let here = unit().replace("/usr/bin/sluicebox", process::binary().to_str().expect("a path"));
    fs::write(&path, here).expect("a file");
    let told = works(Command::new("systemd-analyze").arg("verify").arg(&path));
    assert!(!told.contains("sluicebox"), "{told}");
    let threshold = format!("--threshold={EXPOSURE_MAX}");
    works(Command::new("systemd-analyze").args(["security", "--no-pager", "--offline=true", &threshold]).arg(&path));
}

/// What the unit says of the command line is so.
#[test]
fn the_unit_starts_what_there_is() {
    let unit = unit();
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/sluicebox ")).expect("a start");
    works(Command::new(process::binary()).args(start.split(' ')).arg("--help"));
    let help = works(Command::new(process::binary()).args(["serve", "--help"]));
    let set = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
    let variables: Vec<&str> = set.filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
    assert!(!variables.is_empty(), "{unit}");
    for variable in variables {
        assert!(help.contains(&format!("[env: {variable}")), "{variable}");
    }
}
