//! Suites that need the runtime of another language, and packages of it: official ones that check what we send, and plugins in that
//! language.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{root, run, step, target_folder};

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

const SUITES: [Suite; 4] = [
    Suite {
        prefix: "official_node",
        what: "signatures and CloudEvents checked by npm's packages",
        mend: "needs Node.js 18 or later with npm, as in apt-get install nodejs npm",
        probe: &["npm", "--version"],
        install: |folder| {
            let mut npm = Command::new("npm");
            npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(folder);
            npm.args(["standardwebhooks@1.1.1", "cloudevents@10.0.0"]);
            npm
        },
        variable: "SLUICEBOX_OFFICIAL_NODE",
    },
    Suite {
        prefix: "official_python",
        what: "signatures and CloudEvents checked by PyPI's packages",
        mend: "needs Python 3.10 or later with pip, as in apt-get install python3 python3-pip",
        probe: &["python3", "-c", "import pip, sys; sys.exit(sys.version_info < (3, 10))"],
        install: |folder| pip(folder, &["standardwebhooks==1.1.0", "cloudevents==2.2.0"]),
        variable: "SLUICEBOX_OFFICIAL_PYTHON",
    },
    Suite {
        prefix: JAVASCRIPT,
        what: "plugins in JavaScript and TypeScript",
        mend: "needs Node.js 18 or later with npm, as in apt-get install nodejs npm",
        probe: &["node", "-e", "process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)"],
        // What the shipped plugin in TypeScript needs is all that any of them needs; the others find it in the cache.
        install: |folder| {
            let mut npm = Command::new("npm");
            npm.args(["install", "--silent", "--no-audit", "--no-fund", "--fetch-timeout=60000", "--cache"]).arg(folder);
            npm.current_dir(root().join("plugins/stripe-summary"));
            npm
        },
        variable: "SLUICEBOX_NPM_CACHE",
    },
    Suite {
        prefix: PYTHON_PLUGINS,
        what: "plugins in Python",
        mend: "needs Python 3.11 or later with pip, as in apt-get install python3 python3-pip",
        probe: &["python3", "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"],
        install: |folder| pip(folder, &["componentize-py==0.25.1"]),
        variable: "SLUICEBOX_PYTHON_TOOLS",
    },
];

/// The suite of plugins in JavaScript and TypeScript.
pub(crate) const JAVASCRIPT: &str = "javascript";
/// The suite of plugins in Python.
pub(crate) const PYTHON_PLUGINS: &str = "python_plugins";

fn pip(folder: &Path, packages: &[&str]) -> Command {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade"]);
    // A variable, since older versions of pip do not know the flag.
    pip.env("PIP_ROOT_USER_ACTION", "ignore");
    pip.arg("--target").arg(folder).args(packages);
    pip
}

/// The suites, and whether each can run.
pub(crate) struct Suites(Vec<(Suite, Option<PathBuf>)>);

impl Suites {
    /// Where the tests find the packages.
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&'static str, OsString)> {
        self.0.iter().filter_map(|(suite, folder)| Some((suite.variable, folder.clone()?.into_os_string())))
    }

    /// Where a suite's package is, where it is to be had.
    pub(crate) fn folder(&self, prefix: &str) -> Option<&Path> {
        self.0.iter().find(|(suite, _)| suite.prefix == prefix).and_then(|(_, folder)| folder.as_deref())
    }

    /// How to get a suite's runtime.
    pub(crate) fn mend(&self, prefix: &str) -> &str {
        self.0.iter().find(|(suite, _)| suite.prefix == prefix).map_or("", |(suite, _)| suite.mend)
    }

    /// Suites whose runtime is not there.
    pub(crate) fn left_out(&self) -> impl Iterator<Item = &Suite> {
        self.0.iter().filter(|(_, folder)| folder.is_none()).map(|(suite, _)| suite)
    }
}

/// Installs each suite's package into the target folder. A suite whose runtime or package is not to be had is left out.
pub(crate) fn install() -> Suites {
    let installed = |suite: &Suite| {
        let folder = target_folder().join("official").join(suite.prefix);
        install_one(suite, &folder).then_some(folder)
    };
    Suites(SUITES.into_iter().map(|suite| (installed(&suite), suite)).map(|(folder, suite)| (suite, folder)).collect())
}

fn install_one(suite: &Suite, folder: &PathBuf) -> bool {
    if !is_there(suite.probe) {
        return false;
    }
    let mut install = (suite.install)(folder);
    // What was installed is named by how, so that another version or package is installed anew.
    let (done, how) = (folder.join("done"), format!("{install:?}"));
    if std::fs::read_to_string(&done).is_ok_and(|before| before == how) {
        return true;
    }
    step(&format!("installing for the suite: {}", suite.what));
    let installed = run(&mut install).and_then(|()| Ok(std::fs::write(done, how)?));
    installed.inspect_err(|error| eprintln!("{error:#}")).is_ok()
}

fn is_there(probe: &[&str]) -> bool {
    Command::new(probe[0]).args(&probe[1..]).output().is_ok_and(|output| output.status.success())
}
