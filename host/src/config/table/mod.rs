//! All settings there are, by section, in the order of the file.
//!
//! **To add one**: give the part's `Options` a field with its default, and declare the setting here, in the section of the part. That is all:
//! file, environment, flag, `--help`, `config show`, the schema and the default file (`sluicebox config default > docs/sluicebox.toml`) are made
//! of the declaration. A field without a setting fails a test, which has the list of those that are set by other means.

mod api;
mod behind;
mod ingest;
mod journal;
mod network;
mod plugins;
mod server;
mod trace;

use std::sync::LazyLock;

use super::setting::Setting;

/// A section of the file.
#[derive(Debug)]
pub struct Section {
    /// Its name; empty: before the first table.
    pub name: &'static str,
    /// What its settings are about.
    pub about: &'static str,
    /// Its settings.
    pub settings: &'static [Setting],
}

/// The file from its beginning to its end.
pub const SECTIONS: &[Section] = &[
    Section { name: "", about: "The process.", settings: server::SETTINGS },
    Section { name: "ingest", about: "What comes in, and what senders may keep open.", settings: ingest::SETTINGS },
    Section { name: "dispatch", about: "Rules at work.", settings: behind::DISPATCH },
    Section { name: "deliver", about: "What goes out.", settings: behind::DELIVER },
    Section { name: "network", about: "Where it may go.", settings: network::SETTINGS },
    Section { name: "plugins", about: "The plugin machine, and the versions of plugins.", settings: plugins::SETTINGS },
    Section { name: "journal", about: "The store of events, and how long it keeps them.", settings: journal::SETTINGS },
    Section { name: "api", about: "What operators are given.", settings: api::SETTINGS },
    Section { name: "trace", about: "Traces of what is done, for OpenTelemetry.", settings: trace::SETTINGS },
];

/// All settings in the order of the file.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    SECTIONS.iter().flat_map(|section| section.settings)
}

/// The setting of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Setting> {
    all().find(|setting| setting.name == name)
}

/// The flags of all settings, which live as long as the process: `clap` wants it so.
pub fn flags() -> impl Iterator<Item = (&'static Setting, &'static str)> {
    static FLAGS: LazyLock<Vec<String>> = LazyLock::new(|| all().map(Setting::flag).collect());
    all().zip(FLAGS.iter().map(String::as_str))
}
