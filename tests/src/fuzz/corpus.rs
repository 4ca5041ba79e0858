//! What inputs begin as: the snippets of the documents, and the payloads of the fixtures.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of this kind in a folder of the project.
pub(super) fn files(folder: &str, extension: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|known| known == extension));
    // In one order on all machines.
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a file")).collect()
}

/// The hub files that the documents show.
pub(super) fn hub_files() -> Vec<Vec<u8>> {
    let pages = files("docs", "md").into_iter().chain(files(".", "md"));
    let mut found = files("docs/demo", "toml");
    for page in pages {
        let page = String::from_utf8(page).expect("text");
        let blocks = page.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        found.extend(blocks.map(|block| block.as_bytes().to_vec()));
    }
    found
}
