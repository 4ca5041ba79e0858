//! `sluicebox plugin new`: a folder that is a working plugin, from the files in `template/`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context;
use serde_json::json;

use super::{
    kind::{Kind, Template},
    language::{Language, Project},
};
use crate::event::Name;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The plugin's name, and its folder's.
    name: Name,
    /// What it is written in.
    #[arg(long, value_enum, default_value = "rust")]
    language: Language,
    /// What it does with events.
    #[arg(long, value_enum, default_value = "transform")]
    kind: Kind,
    /// The folder of the SDK's sources, where it is not to come from the registry.
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let name = arguments.name.as_str();
    let own = arguments.language.files(&Project { name, kind: arguments.kind, sdk: arguments.sdk.as_deref() })?;
    let folder = Path::new(name);
    fs::create_dir(folder).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => anyhow::anyhow!("{name} is there already: choose another name, or remove it"),
        _ => anyhow::Error::from(error).context(format!("cannot make the folder {name}")),
    })?;
    let mut made = Vec::new();
    for (file, text) in own.files.into_iter().chain(shared(name, own.test, arguments.kind.template())) {
        write(&folder.join(&file), &text)?;
        made.push(file);
    }
    let next = [&format!("cd {name}"), own.test, "sluicebox plugin build", "sluicebox plugin test"];
    if arguments.json {
        outln!("{:#}", json!({ "folder": name, "files": made, "next": next }));
    } else {
        outln!("made {name}; what comes next:\n  {}", next.join("\n  "));
    }
    Ok(())
}

/// What the languages have in common.
fn shared(name: &str, test: &str, template: &Template) -> Vec<(PathBuf, String)> {
    let readme = include_str!("template/README.md").replace("{{test}}", &format!("{test:<26}"));
    let readme = readme.replace("{{what}}", template.what);
    let readme = readme.replace("{{config}}", template.config).replace("{{settings}}", template.settings);
    let readme = readme.replace("{{name}}", name);
    let fixture = |(name, text): &(&str, &str)| (PathBuf::from(format!("fixtures/{name}.toml")), (*text).to_owned());
    [(PathBuf::from("README.md"), readme)].into_iter().chain(template.fixtures.iter().map(fixture)).collect()
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
