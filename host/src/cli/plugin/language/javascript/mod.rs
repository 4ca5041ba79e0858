//! Plugins in JavaScript and TypeScript: esbuild makes one script of the author's modules, and componentize-qjs a component of the
//! script and QuickJS. Both come from npm, at the versions that the project's `package.json` pins; `build.mjs` calls them.
//!
//! The build executes the plugin's modules, as loading them does: a component of JavaScript is a picture of QuickJS after that.

mod sdk;

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use serde::Deserialize;

use super::{Built, Files, Project, finish, no_version};
use crate::{cli::plugin::kind::Kind, plugin::About};

/// The two have all but the template in common.
#[derive(Clone, Copy)]
pub(super) enum Dialect {
    JavaScript,
    TypeScript,
}

/// Where the build keeps its own files, and what it leaves there.
const WORKSHOP: &str = "target/sluicebox";

macro_rules! template {
    ($file:literal) => {
        include_str!(concat!("../../template/javascript/", $file))
    };
}

/// What a new package has. The SDK is written into it, unless its sources are named.
pub(super) fn files(project: &Project<'_>, dialect: Dialect) -> anyhow::Result<Files> {
    let (reference, copy) = sdk::dependency(project.sdk)?;
    let fill = |text: &str| text.replace("{{name}}", project.name).replace("\"{{sdk}}\"", &reference);
    let own = match dialect {
        Dialect::JavaScript => {
            let (source, test) = match project.kind {
                Kind::Filter => (template!("filter.js"), template!("filter.test.js")),
                Kind::Transform => (template!("transform.js"), template!("transform.test.js")),
                Kind::Batch => (template!("batch.js"), template!("batch.test.js")),
                Kind::Verify => (template!("verify.js"), template!("verify.test.js")),
            };
            vec![("package.json", template!("package.js.json")), ("src/index.js", source), ("test/index.test.js", test)]
        }
        Dialect::TypeScript => {
            let (source, test) = match project.kind {
                Kind::Filter => (template!("filter.ts"), template!("filter.test.js")),
                Kind::Transform => (template!("transform.ts"), template!("transform.test.js")),
                Kind::Batch => (template!("batch.ts"), template!("batch.test.js")),
                Kind::Verify => (template!("verify.ts"), template!("verify.test.js")),
            };
            let settings = ("tsconfig.json", template!("tsconfig.json"));
            vec![("package.json", template!("package.ts.json")), settings, ("src/index.ts", source), ("test/index.test.ts", test)]
        }
    };
    let own = own.into_iter().chain([(".gitignore", template!("gitignore.txt"))]);
    let files = own.map(|(path, text)| (PathBuf::from(path), fill(text))).chain(copy).collect();
    Ok(Files { files, test: "npm install && npm test" })
}

/// What is read of `package.json`.
#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default = "no_version")]
    version: String,
    /// The plugin's module.
    main: Option<String>,
}

/// Builds the package in a folder, and gives back where its component is.
pub(super) fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let manifest = folder.join("package.json");
    let text = fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
    let package: Package = serde_json::from_str(&text).with_context(|| format!("{} is not understood", manifest.display()))?;
    let main = package.main.with_context(|| format!("{} names no module: \"main\": \"src/index.js\"", manifest.display()))?;
    if !are_installed(folder)? {
        install(folder)?;
    }
    let workshop = folder.join(WORKSHOP);
    furnish(&workshop).with_context(|| format!("cannot write to {}", workshop.display()))?;
    let script = format!("{WORKSHOP}/build.mjs");
    let status = node(folder, "node").arg(script).arg(&main).status().map_err(|error| without_node("node", error))?;
    // It has told why on its error stream.
    if !status.success() {
        bail!("{} could not be built", folder.join(main).display());
    }
    let built = Built::read(&workshop.join("built.json"))?;
    let about = About::new(package.name, package.version, format!("js {}", built.sdk));
    finish(folder, read(&workshop.join("component.wasm"))?, built.schema.as_ref(), &about)
}

/// Whether npm's packages are there, in the folder or, as workspaces have it, in one above.
fn are_installed(folder: &Path) -> anyhow::Result<bool> {
    let folder = folder.canonicalize().with_context(|| format!("cannot read {}", folder.display()))?;
    let is_there = |package: &&str| folder.ancestors().any(|folder| folder.join("node_modules").join(package).is_dir());
    Ok(["@sluicebox/sdk", "componentize-qjs", "esbuild"].iter().all(is_there))
}

fn install(folder: &Path) -> anyhow::Result<()> {
    let command = if folder.join("package-lock.json").is_file() { "ci" } else { "install" };
    let mut npm = node(folder, "npm");
    npm.args([command, "--no-audit", "--no-fund", "--loglevel=error"]);
    let status = npm.status().map_err(|error| without_node("npm", error))?;
    if !status.success() {
        bail!("`npm {command}` failed in {}", folder.display());
    }
    Ok(())
}

/// The builder, and the contract that it builds against.
fn furnish(workshop: &Path) -> std::io::Result<()> {
    fs::create_dir_all(workshop.join("wit"))?;
    fs::write(workshop.join("build.mjs"), include_str!("build.mjs"))?;
    fs::write(workshop.join("wit/plugin.wit"), include_str!("../../../../../../sdk/wit/0.1/plugin.wit"))
}

/// In the package's folder.
fn node(folder: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    // `sluicebox plugin build` tells of the component on its own output; what these say is for people.
    command.current_dir(folder).stdout(std::io::stderr());
    command
}

fn without_node(program: &str, error: std::io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::NotFound => anyhow::anyhow!(
            "there is no `{program}`: plugins in JavaScript and TypeScript are built with Node.js 18 or later and its npm\n  \
             any system:      https://nodejs.org\n  \
             Debian, Ubuntu:  apt-get install nodejs npm\n  \
             Fedora:          dnf install nodejs npm"
        ),
        _ => anyhow::Error::from(error).context(format!("cannot run {program}")),
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}
