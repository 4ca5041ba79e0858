//! serde's `rename_all`, by which the names in the settings differ from those in the code.

use syn::{Error, LitStr, Result};

/// How names are written.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    AsIs,
    Joined { separator: &'static str, upper: bool },
    Humps { first_upper: bool },
}

impl Case {
    pub(crate) fn parse(text: &LitStr) -> Result<Self> {
        Ok(match text.value().as_str() {
            "lowercase" => Self::Joined { separator: "", upper: false },
            "UPPERCASE" => Self::Joined { separator: "", upper: true },
            "snake_case" => Self::Joined { separator: "_", upper: false },
            "SCREAMING_SNAKE_CASE" => Self::Joined { separator: "_", upper: true },
            "kebab-case" => Self::Joined { separator: "-", upper: false },
            "SCREAMING-KEBAB-CASE" => Self::Joined { separator: "-", upper: true },
            "camelCase" => Self::Humps { first_upper: false },
            "PascalCase" => Self::Humps { first_upper: true },
            _ => return Err(Error::new(text.span(), "serde has no such rule")),
        })
    }

    /// A field's name, written in the code as `two_words`.
    pub(crate) fn field(self, name: &str) -> String {
        match self {
            // Only the letters: serde leaves the underscores of a field's name.
            Self::Joined { separator: "", upper } => {
                if upper {
                    name.to_uppercase()
                } else {
                    name.to_owned()
                }
            }
            _ => self.write(name, &name.split('_').map(str::to_lowercase).collect::<Vec<_>>()),
        }
    }

    /// A variant's name, written in the code as `TwoWords`.
    pub(crate) fn variant(self, name: &str) -> String {
        let mut words: Vec<String> = Vec::new();
        for c in name.chars() {
            match words.last_mut() {
                Some(word) if !c.is_uppercase() => word.push(c),
                _ => words.push(c.to_lowercase().collect()),
            }
        }
        self.write(name, &words)
    }

    fn write(self, name: &str, words: &[String]) -> String {
        match self {
            Self::AsIs => name.to_owned(),
            Self::Joined { separator, upper } => {
                let joined = words.join(separator);
                if upper { joined.to_uppercase() } else { joined }
            }
            Self::Humps { first_upper } => {
                let hump = |(at, word): (usize, &String)| if at > 0 || first_upper { capital(word) } else { word.clone() };
                words.iter().enumerate().map(hump).collect()
            }
        }
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(rule: &str) -> Case {
        Case::parse(&LitStr::new(rule, proc_macro2::Span::call_site())).expect("a rule of serde's")
    }

    #[test]
    fn names_are_written_as_serde_writes_them() {
        for (rule, field, variant) in [
            ("lowercase", "two_words", "twowords"),
            ("UPPERCASE", "TWO_WORDS", "TWOWORDS"),
            ("snake_case", "two_words", "two_words"),
            ("SCREAMING_SNAKE_CASE", "TWO_WORDS", "TWO_WORDS"),
            ("kebab-case", "two-words", "two-words"),
            ("SCREAMING-KEBAB-CASE", "TWO-WORDS", "TWO-WORDS"),
            ("camelCase", "twoWords", "twoWords"),
            ("PascalCase", "TwoWords", "TwoWords"),
        ] {
            assert_eq!((case(rule).field("two_words"), case(rule).variant("TwoWords")), (field.into(), variant.into()), "{rule}");
        }
        assert_eq!(Case::AsIs.field("two_words"), "two_words");
    }
}
