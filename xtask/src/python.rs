//! Plugins in Python: their components, each made once of the same sources. They need the tool that [`official`](crate::official)
//! installs.

use std::{path::Path, process::Command};

use crate::{root, run, step, target_folder};

/// Folders of plugins: those that are shipped, and guests that only tests use.
pub(crate) const PLUGINS: [&str; 2] = ["plugins/csv-rows", "tests/python/asking"];

/// The guest that is measured beside those in other languages.
pub(crate) const BENCH: &str = "tests/python/bench";

/// Makes `target/python/NAME.wasm` of each folder, by the tool in `tools`.
pub(crate) fn build(plugins: &[&str], tools: &Path) -> anyhow::Result<()> {
    step("building plugins in Python");
    let (target, sdk) = (target_folder().join("python"), root().join("sdk/python"));
    for plugin in plugins.iter().map(Path::new) {
        let name = plugin.file_name().unwrap_or_default();
        let mut build = Command::new("python3");
        build.args(["-m", "sluicebox_sdk.build", "plugin"]).env("PYTHONDONTWRITEBYTECODE", "1");
        build.env("PYTHONPATH", std::env::join_paths([sdk.as_path(), tools])?);
        build.arg("--wit").arg(root().join("sdk/wit/0.1"));
        build.arg("--path").arg(root().join(plugin)).arg("--path").arg(&sdk);
        build.arg("--work").arg(target.join(name)).arg("--output").arg(target.join(name).with_extension("wasm"));
        run(&mut build)?;
    }
    Ok(())
}
