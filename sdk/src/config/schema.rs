//! JSON Schema as text that is put together while the plugin is compiled, so that it can lie in a section of the component and nobody
//! has to run the plugin to read it.

/// The largest schema.
const BYTES_MAX: usize = 16 << 10;

/// A text that grows in constants. Formatting and `String` are not to be had there.
#[derive(Clone, Copy)]
pub struct Schema {
    bytes: [u8; BYTES_MAX],
    len: usize,
}

impl Schema {
    /// This text.
    #[must_use]
    pub const fn new(text: &str) -> Self {
        Self { bytes: [0; BYTES_MAX], len: 0 }.and(text)
    }

    /// The same with more behind it.
    #[must_use]
    pub const fn and(self, text: &str) -> Self {
        self.append(text.as_bytes(), text.len())
    }

    /// The same with another schema behind it.
    #[must_use]
    pub const fn then(self, other: &Self) -> Self {
        self.append(&other.bytes, other.len)
    }

    /// An object with further members, given as `"name":value,...`.
    #[must_use]
    pub const fn with(mut self, members: &str) -> Self {
        if members.is_empty() {
            return self;
        }
        let empty = self.len == 2;
        self.len -= 1;
        let open = if empty { self } else { self.and(",") };
        open.and(members).and("}")
    }

    /// Its bytes.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "none is empty")]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// The bytes as an array of their length.
    #[must_use]
    pub const fn array<const N: usize>(&self) -> [u8; N] {
        let mut array = [0; N];
        let mut at = 0;
        while at < N {
            array[at] = self.bytes[at];
            at += 1;
        }
        array
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }

    const fn append(mut self, bytes: &[u8], len: usize) -> Self {
        assert!(self.len + len <= BYTES_MAX, "the schema of the settings is larger than 16 KiB");
        let mut at = 0;
        while at < len {
            self.bytes[self.len + at] = bytes[at];
            at += 1;
        }
        self.len += len;
        self
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_added_to_an_object() {
        const WITH: Schema = Schema::new("{}").with("\"a\":1").with("").with("\"b\":2");
        assert_eq!(WITH.as_str(), r#"{"a":1,"b":2}"#);
        assert_eq!(WITH.array::<4>(), *b"{\"a\"");
    }
}
