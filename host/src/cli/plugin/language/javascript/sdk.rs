//! The SDK for JavaScript, which this program carries with it: a new plugin gets a copy, so that it builds with the contract that its
//! host knows, and without a registry.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

/// Where the copy is, in the plugin's folder.
const FOLDER: &str = "vendor/sluicebox-sdk";

macro_rules! files {
    ($($file:literal)+) => { &[$(($file, include_str!(concat!("../../../../../../sdk/js/", $file)))),+] };
}

/// All but its tests.
const FILES: &[(&str, &str)] = files! {
    "README.md" "index.d.ts" "index.js" "package.json" "testing.d.ts" "testing.js"
    "src/bytes.js" "src/clock.js" "src/config.js" "src/crypto.js" "src/describe.js" "src/error.js" "src/event.js" "src/failure.js"
    "src/guest.js" "src/kinds.js" "src/log.js" "src/message.js" "src/metrics.js" "src/outcome.js" "src/pairs.js" "src/places.js"
    "src/random.js" "src/request.js" "src/schema.js" "src/state.js"
    "src/host/guest.js" "src/host/none.js" "src/host/testing.js"
    "src/polyfill/clone.js" "src/polyfill/console.js" "src/polyfill/date.js" "src/polyfill/index.js" "src/polyfill/params.js"
    "src/polyfill/text.js"
};

/// What stands after `"@sluicebox/sdk":`, and the files that it needs: the copy's, unless the sources are named.
pub(super) fn dependency(sources: Option<&Path>) -> anyhow::Result<(String, Vec<(PathBuf, String)>)> {
    let Some(sources) = sources else {
        let copy = FILES.iter().map(|(file, text)| (Path::new(FOLDER).join(file), (*text).to_owned())).collect();
        return Ok((Value::from(format!("file:{FOLDER}")).to_string(), copy));
    };
    let given = sources.canonicalize().with_context(|| format!("--sdk {}", sources.display()))?;
    let folder = [given.join("js"), given].into_iter().find(|folder| folder.join("package.json").is_file());
    let folder = folder.with_context(|| {
        format!("--sdk {}: there is no js/package.json; give the folder `sdk` of Sluicebox's sources", sources.display())
    })?;
    Ok((Value::from(format!("file:{}", folder.display())).to_string(), Vec::new()))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs};

    use super::*;

    #[test]
    fn the_copy_is_whole() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/js");
        let (mut folders, mut found) = (vec![sources.clone()], BTreeSet::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
                let name = entry.strip_prefix(&sources).expect("below").to_string_lossy().into_owned();
                match entry.is_dir() {
                    true if name == "test" => {}
                    true => folders.push(entry),
                    false => drop(found.insert(name)),
                }
            }
        }
        assert_eq!(FILES.iter().map(|(file, _)| (*file).to_owned()).collect::<BTreeSet<_>>(), found);
    }
}
