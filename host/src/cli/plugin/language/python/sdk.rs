//! The SDK for Python, which this program carries with it: a new plugin gets a copy, so that it builds with the contract that its host
//! knows, and without a registry.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Context;

/// The package's folder.
const PACKAGE: &str = "sluicebox_sdk";

macro_rules! files {
    ($($file:literal)+) => {
        &[$(($file, include_str!(concat!("../../../../../../sdk/python/sluicebox_sdk/", $file)))),+]
    };
}

/// All of the package.
const FILES: &[(&str, &str)] = files! {
    "__init__.py" "_guest.py" "_host.py" "_surroundings.py" "build.py" "clock.py" "config.py" "crypto.py" "decision.py" "event.py"
    "failure.py" "log.py" "message.py" "metrics.py" "plugin.py" "py.typed" "random.py" "request.py" "schema.py" "settings.py" "state.py"
    "testing.py"
};

/// Path, from the folder that is to hold the package, and text: the copy's, or of sources that are named.
pub(super) fn files(sources: Option<&Path>) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let read = |file: &str, copy: &str| match sources {
        None => Ok(copy.to_owned()),
        Some(sources) => fs::read_to_string(sources.join("python").join(PACKAGE).join(file)).with_context(|| {
            format!(
                "--sdk {}: cannot read python/{PACKAGE}/{file}; give the folder `sdk` of Sluicebox's sources",
                sources.display()
            )
        }),
    };
    FILES.iter().map(|(file, copy)| Ok((Path::new(PACKAGE).join(file), read(file, copy)?))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_copy_is_whole() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/python").join(PACKAGE);
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        let found: BTreeSet<_> =
            entries.map(|name| name.to_string_lossy().into_owned()).filter(|name| name != "__pycache__").collect();
        assert_eq!(FILES.iter().map(|(file, _)| (*file).to_owned()).collect::<BTreeSet<_>>(), found);
    }
}
