//! Plugins in Python: `sluicebox_sdk.build` has componentize-py make a component of the author's modules and CPython.
//!
//! The build executes the plugin's modules, as importing them does: a component of Python is a picture of the interpreter after that.

mod sdk;

use std::{
    env,
    ffi::OsString,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

use super::{Built, Files, Project, finish, no_version};
use crate::{cli::plugin::kind::Kind, plugin::About};

/// Where the build keeps its own files.
const WORKSHOP: &str = "target/sluicebox";
/// What makes components, at the version that the SDK's bindings are of.
const TOOL: &str = "componentize-py==0.25.1";

macro_rules! template {
    ($file:literal) => {
        include_str!(concat!("../../template/python/", $file))
    };
}

/// What a new project has, the SDK among it.
pub(super) fn files(project: &Project<'_>) -> anyhow::Result<Files> {
    let (source, test) = match project.kind {
        Kind::Filter => (template!("filter.py"), template!("test_filter.py")),
        Kind::Transform => (template!("transform.py"), template!("test_transform.py")),
        Kind::Batch => (template!("batch.py"), template!("test_batch.py")),
        Kind::Verify => (template!("verify.py"), template!("test_verify.py")),
    };
    let manifest = template!("pyproject.toml").replace("{{name}}", project.name);
    let own = [
        ("pyproject.toml", manifest.as_str()),
        (".gitignore", template!("gitignore.txt")),
        ("plugin.py", source),
        ("test_plugin.py", test),
    ];
    let own = own.map(|(path, text)| (PathBuf::from(path), text.to_owned()));
    let copy = sdk::files(project.sdk)?.into_iter().map(|(file, text)| (Path::new("vendor").join(file), text));
    Ok(Files { files: own.into_iter().chain(copy).collect(), test: "PYTHONPATH=vendor python3 -m unittest" })
}

/// What is read of `pyproject.toml`.
#[derive(Deserialize)]
struct Manifest {
    project: ProjectTable,
}

#[derive(Deserialize)]
struct ProjectTable {
    name: String,
    #[serde(default = "no_version")]
    version: String,
}

/// Builds the project in a folder, and gives back where its component is.
pub(super) fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let manifest = folder.join("pyproject.toml");
    let text = fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    let Manifest { project } = toml::from_str(&text).with_context(|| format!("{} is not understood", manifest.display()))?;
    let whole = folder.canonicalize().with_context(|| format!("cannot read {}", folder.display()))?;
    ensure!(whole.join("plugin.py").is_file(), "there is no plugin.py in {}", folder.display());
    let workshop = whole.join(WORKSHOP);
    furnish(&workshop).with_context(|| format!("cannot write to {}", workshop.display()))?;
    let (vendor, sdk) = (whole.join("vendor"), workshop.join("sdk"));
    let modules = [vendor, sdk].into_iter().filter(|folder| folder.is_dir()).collect::<Vec<_>>();
    let python = Python::ready(&whole, &modules, &workshop)?;
    let mut build = python.command(&["-m", "sluicebox_sdk.build", "plugin"]);
    let work = workshop.join("work");
    build.arg("--wit").arg(workshop.join("contract")).arg("--work").arg(&work);
    for path in [&whole].into_iter().chain(&modules) {
        build.arg("--path").arg(path);
    }
    // It tells why on its error stream.
    if !build.status().context("cannot run python3")?.success() {
        bail!("{} could not be built", folder.join("plugin.py").display());
    }
    let (built, made) = (Built::read(&work.join("built.json"))?, work.join("component.wasm"));
    let component = fs::read(&made).with_context(|| format!("cannot read {}", made.display()))?;
    let about = About::new(project.name, project.version, format!("python {}", built.sdk));
    finish(folder, component, built.schema.as_ref(), &about)
}

/// The contract that is built against, and the SDK, for a project that has no copy of its own.
fn furnish(workshop: &Path) -> anyhow::Result<()> {
    let contract = (PathBuf::from("contract/plugin.wit"), include_str!("../../../../../../sdk/wit/0.1/plugin.wit").to_owned());
    let sdk = sdk::files(None)?.into_iter().map(|(file, text)| (Path::new("sdk").join(file), text));
    for (file, text) in sdk.chain([contract]) {
        let file = workshop.join(file);
        fs::create_dir_all(file.parent().unwrap_or(workshop))?;
        fs::write(file, text)?;
    }
    Ok(())
}

/// A Python that can build.
struct Python {
    folder: PathBuf,
    /// The SDK, and componentize-py where the Python has none itself.
    modules: OsString,
}

/// How [`PROBE`] ends.
const TOO_OLD: i32 = 3;
const WITHOUT_TOOL: i32 = 4;
const PROBE: &str = "\
import sys
if sys.version_info < (3, 11): sys.exit(3)
from importlib.metadata import PackageNotFoundError, version
try: sys.exit(0 if f'componentize-py=={version(\"componentize-py\")}' == sys.argv[1] else 4)
except PackageNotFoundError: sys.exit(4)";

impl Python {
    /// Installs componentize-py into the workshop, where neither that nor the Python has it.
    fn ready(folder: &Path, modules: &[PathBuf], workshop: &Path) -> anyhow::Result<Self> {
        let tools = workshop.join("tools");
        // What is there already comes last, so that a virtual environment's stays what it is.
        let given = env::var_os("PYTHONPATH").unwrap_or_default();
        let all =
            modules.iter().cloned().chain([tools.clone()]).chain(env::split_paths(&given).filter(|p| !p.as_os_str().is_empty()));
        let python = Self { folder: folder.to_owned(), modules: env::join_paths(all).context("a folder's name has a colon")? };
        if python.probe()? {
            return Ok(python);
        }
        errln!("installing {TOOL} into {}", tools.display());
        let mut pip =
            python.command(&["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--upgrade", "--target"]);
        // A variable, since older versions of pip do not know the flag.
        let status = pip.arg(&tools).arg(TOOL).env("PIP_ROOT_USER_ACTION", "ignore").status().context("cannot run python3")?;
        ensure!(status.success(), "pip could not install {TOOL}, which makes components of Python\n{}", how_to_get());
        ensure!(python.probe()?, "pip has installed {TOOL}, but python3 does not find it in {}", tools.display());
        Ok(python)
    }

    /// Whether componentize-py is there.
    fn probe(&self) -> anyhow::Result<bool> {
        let status = self.command(&["-c", PROBE, TOOL]).status().map_err(|error| match error.kind() {
            ErrorKind::NotFound => anyhow::anyhow!("there is no `python3`\n{}", how_to_get()),
            _ => anyhow::Error::from(error).context("cannot run python3"),
        })?;
        match status.code() {
            Some(0) => Ok(true),
            Some(WITHOUT_TOOL) => Ok(false),
            Some(TOO_OLD) => bail!("this `python3` is too old\n{}", how_to_get()),
            _ => bail!("python3 ended with {status}"),
        }
    }

    /// In the project's folder. Imports leave no compiled files there.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("python3");
        command.args(arguments).current_dir(&self.folder).env("PYTHONPATH", &self.modules).env("PYTHONDONTWRITEBYTECODE", "1");
        // `sluicebox plugin build` tells of the component on its own output; what these say is for people.
        command.stdout(std::io::stderr());
        command
    }
}

fn how_to_get() -> &'static str {
    "plugins in Python are built with Python 3.11 or later and its pip\n  \
     any system:      https://www.python.org/downloads\n  \
     Debian, Ubuntu:  apt-get install python3 python3-pip\n  \
     Fedora:          dnf install python3 python3-pip"
}
