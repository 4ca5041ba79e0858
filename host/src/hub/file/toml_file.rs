//! Any TOML file as JSON, with the places of its values: what files other than the hub's are read by.

use serde_json::Value;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    super::wording::Misfit,
    FileError,
    place::{Lines, Places},
    value::json_of,
};

/// A file that is TOML; what it means is its reader's to say.
#[derive(Debug)]
pub struct TomlFile {
    /// What it says: a table.
    pub value: Value,
    lines: Lines,
    places: Places,
}

impl TomlFile {
    /// Reads a file; `label` is what errors call it.
    ///
    /// # Errors
    ///
    /// All there are of syntax, or all values that JSON has not.
    pub fn read(text: &str, label: &str) -> Result<Self, Vec<FileError>> {
        let lines = Lines::new(text, label);
        let (root, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let told = |error: &toml::de::Error| lines.error(error.span().map_or(0, |span| span.start), "", error.message());
            return Err(errors.iter().map(told).collect());
        }
        let mut places = Places::default();
        let root = Spanned::new(0..0, DeValue::Table(root.into_inner()));
        let (value, misfits) = json_of(&root, &mut places);
        let told = |misfit: &Misfit| lines.error(places.of(&misfit.pointer), &dotted(&misfit.pointer), &misfit.message);
        let errors: Vec<FileError> = misfits.iter().map(told).collect();
        if errors.is_empty() { Ok(Self { value, lines, places }) } else { Err(errors) }
    }

    /// An error about the value at this JSON pointer.
    #[must_use]
    pub fn error(&self, pointer: &str, message: &str) -> FileError {
        self.lines.error(self.places.of(pointer), &dotted(pointer), message)
    }

    /// An error about the key of that value.
    #[must_use]
    pub fn error_of_key(&self, pointer: &str, message: &str, nearest: Option<String>) -> FileError {
        let error = self.lines.error(self.places.of_key(pointer), &dotted(pointer), message);
        FileError { nearest, ..error }
    }
}

fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_where_its_value_is() {
        let file = TomlFile::read("a = 1\n[b]\nc = [2]\n", "x.toml").expect("good TOML");
        assert_eq!(file.error("/b/c", "no").to_string(), "x.toml:3:5: b.c: no");
        assert_eq!(file.error_of_key("/b/c", "no", None).to_string(), "x.toml:3:1: b.c: no");
        let errors = TomlFile::read("a = \nb = 1979-05-27\n", "x.toml").expect_err("no TOML");
        assert_eq!(errors[0].line, 1);
        assert_eq!(TomlFile::read("[b]\nc = nan\n", "x.toml").expect_err("no JSON")[0].line, 2);
    }
}
