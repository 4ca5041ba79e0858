//! An error in a hub file, as an editor or a terminal shows it.

use std::fmt;

use super::super::{entry::Kind, wording::did_you_mean};

/// What is wrong in a hub file, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// What the file was called.
    pub file: String,
    /// From 1; 0: no place of a file.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Dotted: `rules.new-issues.match.type[0]`. Empty for the file as a whole.
    pub path: String,
    /// What is wrong and how to mend it; never holds a secret.
    pub message: String,
    /// The known name that was perhaps meant.
    pub nearest: Option<String>,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)?;
        self.nearest.as_deref().map_or(Ok(()), |name| f.write_str(&did_you_mean(name)))
    }
}

impl std::error::Error for FileError {}

impl FileError {
    /// What is wrong with no place of any file.
    pub(super) fn nowhere(path: &str, message: &str) -> Self {
        Self { file: String::new(), line: 0, column: 0, path: path.to_owned(), message: message.to_owned(), nearest: None }
    }
}

/// A place as the file would name it.
pub(super) fn dotted(kind: Kind, name: &str, pointer: &str) -> String {
    let mut path = format!("{kind}.{name}");
    for token in pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")) {
        if token.bytes().all(|byte| byte.is_ascii_digit()) && !token.is_empty() {
            path.push_str(&format!("[{token}]"));
        } else {
            path.push_str(&format!(".{token}"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reads_like_a_compilers() {
        let error = FileError {
            file: "hub.toml".into(),
            line: 12,
            column: 3,
            path: dotted(Kind::Rule, "x", "/plugns"),
            message: "unknown key".into(),
            nearest: Some("plugins".into()),
        };
        assert_eq!(error.to_string(), "hub.toml:12:3: rules.x.plugns: unknown key, did you mean `plugins`?");
        assert_eq!(dotted(Kind::Rule, "x", "/match/a~1b/0"), "rules.x.match.a/b[0]");
    }
}
