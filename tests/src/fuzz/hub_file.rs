//! The reader of hub files: the documents' own, mutated.

use sluicebox::hub::file;

use super::{Target, corpus, mutate};
use crate::soak::chance::Chance;

const WORDS: &[&str] = &[
    "[sources.a]\n",
    "[rules.a]\n",
    "[[rules]]\n",
    "[destinations.\"\"]\n",
    "plugins = []\n",
    "match.data.a = [",
    "{ prefix = ",
    "url = \"",
    "verify = ",
    "\"\"\"",
    "'''",
    "1979-05-27T07:32:00Z",
    "0x",
    "1_000",
    "inf",
    "${A:-}",
    "${file:",
    "secret = ",
    "a.b.c = 1\n",
    "\"$or\" = [",
];

/// The reader, and files that it reads.
pub(super) struct HubFiles {
    files: Vec<Vec<u8>>,
}

impl Default for HubFiles {
    fn default() -> Self {
        Self { files: corpus::hub_files() }
    }
}

impl Target for HubFiles {
    type Input = String;

    fn make(&self, chance: &mut Chance) -> String {
        let mut file = chance.pick(&self.files).clone();
        mutate::mutate(chance, &mut file, &self.files, WORDS);
        // The command reads files as text, so bytes that are none do not get here.
        String::from_utf8_lossy(&file).into_owned()
    }

    fn feed(&self, file: &String) -> bool {
        match file::read(file, "hub.toml") {
            Ok(hub) => {
                assert!(!format!("{hub:?}").is_empty());
                true
            }
            Err(errors) => {
                assert!(!errors.is_empty(), "refused without a reason");
                let lines = file.lines().count().max(1) + 1;
                for error in errors {
                    assert!((1..=lines).contains(&error.line), "{error}: line {} of {lines}", error.line);
                }
                false
            }
        }
    }
}
