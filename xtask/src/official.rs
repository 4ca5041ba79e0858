//! Suites in which an official Standard Webhooks package of another language verifies what we sign. They need that language's runtime.

use std::{ffi::OsString, path::PathBuf, process::Command};

use crate::{run, step, target_folder};

/// A suite that needs a runtime.
pub(crate) struct Suite {
    /// What its tests' names begin with.
    pub(crate) prefix: &'static str,
    /// For people.
    pub(crate) what: &'static str,
    /// How to get the runtime.
    pub(crate) mend: &'static str,
    probe: &'static [&'static str],
    install: fn(&PathBuf) -> Command,
    /// The variable by which the tests find the packages.
    variable: &'static str,
}

const SUITES: [Suite; 2] = [
    Suite {
        prefix: "official_node",
        what: "signatures verified by npm's standardwebhooks",
        mend: "needs Node.js 18 or later with npm, as in apt-get install nodejs npm",
        probe: &["npm", "--version"],
        install: |folder| {
            let mut npm = Command::new("npm");
            npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(folder).arg("standardwebhooks@1.1.1");
            npm
        },
        variable: "SLUICEBOX_OFFICIAL_NODE",
    },
    Suite {
        prefix: "official_python",
        what: "signatures verified by PyPI's standardwebhooks",
        mend: "needs Python 3.9 or later with pip, as in apt-get install python3 python3-pip",
        probe: &["python3", "-m", "pip", "--version"],
        install: |folder| {
            let mut pip = Command::new("python3");
            pip.args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--root-user-action=ignore",
                "--upgrade",
            ]);
            pip.arg("--target").arg(folder).arg("standardwebhooks==1.1.0");
            pip
        },
        variable: "SLUICEBOX_OFFICIAL_PYTHON",
    },
];

/// The suites, and whether each can run.
pub(crate) struct Suites(Vec<(Suite, Option<PathBuf>)>);

impl Suites {
    /// Where the tests find the packages.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&'static str, OsString)> {
        self.0.iter().filter_map(|(suite, folder)| Some((suite.variable, folder.clone()?.into_os_string())))
    }

    /// Suites whose runtime is not there.
    pub(crate) fn left_out(&self) -> impl Iterator<Item = &Suite> {
        self.0.iter().filter(|(_, folder)| folder.is_none()).map(|(suite, _)| suite)
    }
}

/// Installs each suite's package into the target folder, where its runtime is there.
pub(crate) fn install() -> anyhow::Result<Suites> {
    let mut suites = Vec::new();
    for suite in SUITES {
        let folder = target_folder().join("official").join(suite.prefix);
        let there = is_there(suite.probe);
        if there && !folder.join("done").exists() {
            step(&format!("installing for the suite: {}", suite.what));
            run(&mut (suite.install)(&folder))?;
            std::fs::write(folder.join("done"), "")?;
        }
        suites.push((suite, there.then_some(folder)));
    }
    Ok(Suites(suites))
}

fn is_there(probe: &[&str]) -> bool {
    Command::new(probe[0]).args(&probe[1..]).output().is_ok_and(|output| output.status.success())
}
