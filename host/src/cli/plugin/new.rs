//! `sluicebox plugin new`: a folder that is a working crate, from the files in `template/`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};

use crate::event::Name;

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The plugin's name, and its folder's.
    name: Name,
    /// What it does with events.
    #[arg(long, value_enum, default_value = "transform")]
    kind: Kind,
    /// The folder of the SDK's sources, where it is not to come from the registry.
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Kind {
    /// Says whether an event goes on.
    Filter,
    /// Changes an event, drops it, or makes several of it.
    Transform,
    /// Folds many events into one message.
    Batch,
}

/// What the kinds do not have in common.
struct Template {
    source: &'static str,
    fixtures: &'static [(&'static str, &'static str)],
    what: &'static str,
    config: &'static str,
    settings: &'static str,
}

const FILTER: Template = Template {
    source: include_str!("template/filter/lib.rs"),
    fixtures: &[
        ("passes", include_str!("template/filter/passes.toml")),
        ("dropped", include_str!("template/filter/dropped.toml")),
    ],
    what: "lets events of some types pass, and drops all others.",
    config: "{ types = [\"order.paid\"] }",
    settings: "`types` are the types that pass.",
};

const TRANSFORM: Template = Template {
    source: include_str!("template/transform/lib.rs"),
    fixtures: &[
        ("big-order", include_str!("template/transform/big-order.toml")),
        ("small-order", include_str!("template/transform/small-order.toml")),
        ("no-order", include_str!("template/transform/no-order.toml")),
    ],
    what: "tells of big orders, and drops small ones.",
    config: "{ min_cents = 10_000 }",
    settings: "`min_cents` is the least total of an order that is told of.",
};

const BATCH: Template = Template {
    source: include_str!("template/batch/lib.rs"),
    fixtures: &[("two-orders", include_str!("template/batch/two-orders.toml"))],
    what: "folds the orders of a customer into one message.",
    config: "{ currency = \"EUR\" }",
    settings: "`currency` is what the sum is told in.",
};

impl Kind {
    fn template(self) -> &'static Template {
        match self {
            Self::Filter => &FILTER,
            Self::Transform => &TRANSFORM,
            Self::Batch => &BATCH,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let name = arguments.name.as_str();
    check(name)?;
    let sdk = dependency(arguments.sdk.as_deref())?;
    let folder = Path::new(name);
    fs::create_dir(folder).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => anyhow::anyhow!("{name} is there already: choose another name, or remove it"),
        _ => anyhow::Error::from(error).context(format!("cannot make the folder {name}")),
    })?;
    for (file, text) in files(name, &sdk, arguments.kind.template()) {
        write(&folder.join(file), &text)?;
    }
    println!("made {name}; what comes next:\n  cd {name}\n  cargo test\n  sluicebox plugin build\n  sluicebox plugin test");
    Ok(())
}

/// A plugin's name that is no name of a crate would only be found by cargo, in a folder that is there by then.
fn check(name: &str) -> anyhow::Result<()> {
    ensure!(name.starts_with(|c: char| c.is_ascii_lowercase()), "`{name}` cannot name a crate: it has to begin with a letter");
    let taken = ["serde", "sluicebox-sdk", "sluicebox_sdk", "core", "std", "alloc", "test", "proc_macro"];
    ensure!(!taken.contains(&name), "`{name}` cannot name this crate: another has that name");
    Ok(())
}

/// What stands after `sluicebox-sdk =`.
fn dependency(sdk: Option<&Path>) -> anyhow::Result<String> {
    let Some(sdk) = sdk else { return Ok("\"0.1\"".to_owned()) };
    let folder = sdk.canonicalize().with_context(|| format!("--sdk {}", sdk.display()))?;
    if !folder.join("Cargo.toml").is_file() {
        bail!("--sdk {}: there is no Cargo.toml; give the folder `sdk` of Sluicebox's sources", sdk.display());
    }
    // A JSON string is a TOML string: quotes and backslashes are escaped alike.
    Ok(format!("{{ path = {} }}", serde_json::Value::from(folder.to_string_lossy())))
}

fn files(name: &str, sdk: &str, template: &Template) -> Vec<(PathBuf, String)> {
    let fill = |text: &str| {
        let text = text.replace("{{name}}", name).replace("{{sdk}}", sdk).replace("{{what}}", template.what);
        text.replace("{{config}}", template.config).replace("{{settings}}", template.settings)
    };
    let mut files = vec![
        (PathBuf::from("Cargo.toml"), fill(include_str!("template/Cargo.toml.txt"))),
        (PathBuf::from(".cargo/config.toml"), include_str!("template/config.toml").to_owned()),
        (PathBuf::from(".gitignore"), include_str!("template/gitignore.txt").to_owned()),
        (PathBuf::from("README.md"), fill(include_str!("template/README.md"))),
        (PathBuf::from("src/lib.rs"), template.source.to_owned()),
    ];
    let fixture = |(name, text): &(&str, &str)| (PathBuf::from(format!("fixtures/{name}.toml")), (*text).to_owned());
    files.extend(template.fixtures.iter().map(fixture));
    files
}

fn write(file: &Path, text: &str) -> anyhow::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
