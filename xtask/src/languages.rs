//! Plugins in JavaScript and Python, built as their authors build them: by `sluicebox plugin build`. They need what
//! [`official`](crate::official) finds; a language whose tools are not to be had is left out.

use std::{ffi::OsStr, fs, path::Path, process::Command};

use crate::{
    official::{JAVASCRIPT, PYTHON_PLUGINS, Suites},
    root, run, step, target_folder,
};

/// A plugin's folder, and the suite whose tools build it.
type Plugin = (&'static str, &'static str);

/// Those that are shipped, and guests that only tests use.
pub(crate) const TESTED: &[Plugin] =
    &[(PYTHON_PLUGINS, "plugins/csv-rows"), (PYTHON_PLUGINS, "tests/python/asking"), (JAVASCRIPT, "tests/javascript/golden")];

/// The guests that are measured beside those in Rust.
pub(crate) const MEASURED: &[Plugin] = &[(PYTHON_PLUGINS, "tests/python/bench"), (JAVASCRIPT, "tests/javascript/bench")];

/// Makes `target/python/NAME.wasm` or `target/javascript/NAME.wasm` of each.
pub(crate) fn build(plugins: &[Plugin], suites: &Suites, sluicebox: &Path) -> anyhow::Result<()> {
    for (suite, folder) in plugins {
        let Some(tools) = suites.folder(suite) else {
            step(&format!("left out: {folder} ({})", suites.mend(suite)));
            continue;
        };
        step(&format!("building {folder}"));
        let (source, language) = (root().join(folder), if *suite == JAVASCRIPT { "javascript" } else { "python" });
        let mut build = Command::new(sluicebox);
        build.args([OsStr::new("plugin"), OsStr::new("build"), source.as_os_str()]);
        // npm looks into its cache before it asks anybody, and Python finds componentize-py.
        build.env("npm_config_cache", tools).env("npm_config_prefer_offline", "true").env("PYTHONPATH", tools);
        run(&mut build)?;
        let target = target_folder().join(language);
        let file = Path::new(source.file_name().unwrap_or_default()).with_extension("wasm");
        fs::create_dir_all(&target)?;
        fs::copy(source.join(&file), target.join(&file))?;
    }
    Ok(())
}
