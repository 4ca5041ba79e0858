//! What a person gives: a file, the environment and flags, each a layer that hides what is below it. Nothing here reads a file or a variable;
//! who does hands the text over.

use std::{collections::BTreeMap, ffi::OsString, fmt};

use serde_json::{Map, Value};

use super::{Settings, setting::Setting, table};
use crate::hub::{
    file::{FileError, TomlFile},
    nearest,
};

/// Where a value is from. One that is from nowhere is the default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A place in a file.
    File {
        /// What it is called.
        file: String,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// A variable of the environment.
    Variable(String),
    /// A flag, with its dashes.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, .. } => write!(f, "{file}:{line}"),
            Self::Variable(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// What is wrong with what was given, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// In the file.
    #[error(transparent)]
    File(#[from] FileError),
    /// In a variable or a flag.
    #[error("{origin}: {message}")]
    Word {
        /// Which.
        origin: Origin,
        /// What is wrong and how to mend it.
        message: String,
    },
}

impl Flaw {
    fn at(origin: Origin, setting: &Setting, message: String) -> Self {
        match origin {
            Origin::File { file, line, column } => {
                Self::File(FileError { file, line, column, path: setting.path(), message, nearest: None })
            }
            origin => Self::Word { origin, message },
        }
    }
}

/// All that is wrong, a line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaws(pub Vec<Flaw>);

impl fmt::Display for Flaws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Flaw::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Flaws {}

/// What was given, by the setting's name. Each value by itself is a good one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given(BTreeMap<&'static str, Answer>);

#[derive(Clone, PartialEq, Eq)]
struct Answer {
    words: Vec<String>,
    origin: Origin,
}

impl fmt::Debug for Answer {
    /// Without the words: some are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {}", self.origin)
    }
}

impl Given {
    /// What a file gives; `label` is what errors call it.
    ///
    /// # Errors
    ///
    /// All there are: of syntax, and where there is none, of keys and values.
    pub fn of_file(text: &str, label: &str) -> Result<Self, Flaws> {
        let file = TomlFile::read(text, label).map_err(|errors| Flaws(errors.into_iter().map(Flaw::File).collect()))?;
        let mut reading = Reading { file: &file, given: Self::default(), flaws: Vec::new() };
        for (key, value) in file.value.as_object().unwrap_or(&Map::new()) {
            let is_section = table::SECTIONS.iter().any(|section| section.name == key);
            match value.as_object() {
                Some(fields) if is_section => fields.iter().for_each(|(name, value)| reading.setting(key, name, value)),
                Some(_) => reading.unknown_section(key),
                None if is_section => reading.wrong(&format!("/{key}"), "expected a table, as in [ingest]"),
                None => reading.setting("", key, value),
            }
        }
        let Reading { given, mut flaws, .. } = reading;
        flaws.sort_by_key(|error| (error.line, error.column));
        if flaws.is_empty() { Ok(given) } else { Err(Flaws(flaws.into_iter().map(Flaw::File).collect())) }
    }

    /// What the environment gives; a variable that is empty gives nothing.
    ///
    /// # Errors
    ///
    /// Every variable that is wrong.
    pub fn of_environment(look: impl Fn(&str) -> Option<OsString>) -> Result<Self, Flaws> {
        let (mut given, mut flaws) = (Self::default(), Vec::new());
        for setting in table::all() {
            let origin = Origin::Variable(setting.variable());
            match look(&setting.variable()).filter(|text| !text.is_empty()).map(OsString::into_string) {
                Some(Ok(text)) => drop(given.insert(setting, setting.split(&text), origin).map_err(|flaw| flaws.push(flaw))),
                Some(Err(_)) => flaws.push(Flaw::at(origin, setting, "this is not UTF-8".to_owned())),
                None => {}
            }
        }
        if flaws.is_empty() { Ok(given) } else { Err(Flaws(flaws)) }
    }

    /// Gives one setting by its flag.
    ///
    /// # Errors
    ///
    /// The value is wrong.
    pub fn flag(&mut self, setting: &'static Setting, words: Vec<String>) -> Result<(), Flaw> {
        self.insert(setting, words, Origin::Flag(format!("--{}", setting.flag())))
    }

    fn insert(&mut self, setting: &'static Setting, words: Vec<String>, origin: Origin) -> Result<(), Flaw> {
        match setting.set(&mut Settings::default(), &words) {
            Ok(()) => {
                self.0.insert(setting.name, Answer { words, origin });
                Ok(())
            }
            Err(message) => Err(Flaw::at(origin, setting, message)),
        }
    }

    /// This, and below it what was given otherwise.
    #[must_use]
    pub fn over(self, mut below: Self) -> Self {
        below.0.extend(self.0);
        below
    }

    /// All settings, from this and the defaults.
    ///
    /// # Errors
    ///
    /// All that does not go together.
    pub fn settle(&self) -> Result<Settings, Flaws> {
        let (mut settings, mut flaws) = (Settings::default(), Vec::new());
        for setting in table::all() {
            let Some(Answer { words, origin }) = self.0.get(setting.name) else { continue };
            if let Err(message) = setting.set(&mut settings, words) {
                flaws.push(Flaw::at(origin.clone(), setting, message));
            }
        }
        for (name, message) in settings.misfits() {
            let setting = table::named(name).expect("a misfit names a setting of the table");
            // What does not go together was given: the defaults do.
            let origin = self.origin(setting).cloned().unwrap_or_else(|| Origin::Flag(format!("--{}", setting.flag())));
            flaws.push(Flaw::at(origin, setting, message));
        }
        if flaws.is_empty() { Ok(settings) } else { Err(Flaws(flaws)) }
    }

    /// Where a setting's value is from; `None`: it is the default.
    #[must_use]
    pub fn origin(&self, setting: &Setting) -> Option<&Origin> {
        self.0.get(setting.name).map(|answer| &answer.origin)
    }

    /// The words that a setting was given.
    #[must_use]
    pub fn words(&self, setting: &Setting) -> Option<&[String]> {
        self.0.get(setting.name).map(|answer| answer.words.as_slice())
    }

    /// Gives a setting what `other` gives it, or nothing.
    pub(super) fn take(&mut self, setting: &'static Setting, other: &Self) {
        match other.0.get(setting.name) {
            Some(answer) => drop(self.0.insert(setting.name, answer.clone())),
            None => drop(self.0.remove(setting.name)),
        }
    }
}

/// A file that is being read.
struct Reading<'a> {
    file: &'a TomlFile,
    given: Given,
    flaws: Vec<FileError>,
}

impl Reading<'_> {
    fn setting(&mut self, section: &str, name: &str, value: &Value) {
        let pointer = if section.is_empty() { format!("/{name}") } else { format!("/{section}/{name}") };
        let Some(setting) = table::named(name).filter(|setting| setting.section == section) else {
            return self.unknown(section, name, &pointer);
        };
        match setting.words(value) {
            Ok(words) => {
                let FileError { file, line, column, .. } = self.file.error(&pointer, "");
                match self.given.insert(setting, words, Origin::File { file, line, column }) {
                    Err(Flaw::File(error)) => self.flaws.push(error),
                    Ok(()) | Err(Flaw::Word { .. }) => {}
                }
            }
            Err(message) => self.wrong(&pointer, &message),
        }
    }

    fn wrong(&mut self, pointer: &str, message: &str) {
        self.flaws.push(self.file.error(pointer, message));
    }

    fn unknown(&mut self, section: &str, name: &str, pointer: &str) {
        let error = match table::named(name) {
            Some(Setting { section: "", .. }) => self.file.error_of_key(pointer, "this belongs before the first section", None),
            Some(elsewhere) => self.file.error_of_key(pointer, &format!("this belongs into [{}]", elsewhere.section), None),
            None => {
                let here = table::all().filter(|setting| setting.section == section).map(|setting| setting.name);
                let near = nearest(name, here).or_else(|| nearest(name, table::all().map(|setting| setting.name)));
                self.file.error_of_key(pointer, "unknown key", near)
            }
        };
        self.flaws.push(error);
    }

    fn unknown_section(&mut self, name: &str) {
        let names = table::SECTIONS.iter().map(|section| section.name).filter(|name| !name.is_empty());
        let told = format!("unknown section; there are {}", names.clone().collect::<Vec<_>>().join(", "));
        self.flaws.push(self.file.error_of_key(&format!("/{name}"), &told, nearest(name, names)));
    }
}
