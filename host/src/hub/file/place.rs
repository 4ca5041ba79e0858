//! Where things are in the text: from byte offsets to lines, and from JSON pointers to byte offsets.

use std::collections::HashMap;

use super::FileError;

/// The text's lines, and what the file is called.
#[derive(Debug)]
pub(super) struct Lines {
    label: String,
    text: String,
}

impl Lines {
    pub(super) fn new(text: &str, label: &str) -> Self {
        Self { label: label.to_owned(), text: text.to_owned() }
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// An error at this byte.
    pub(super) fn error(&self, at: usize, path: &str, message: &str) -> FileError {
        let (line, column) = self.place(at);
        FileError { file: self.label.clone(), line, column, path: path.to_owned(), message: message.to_owned(), nearest: None }
    }

    fn place(&self, at: usize) -> (usize, usize) {
        let before = &self.text[..self.text.floor_char_boundary(at)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

/// Where one entry's values are, by JSON pointer.
#[derive(Debug, Default)]
pub(super) struct Places {
    by_pointer: HashMap<String, Place>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Place {
    key: usize,
    value: usize,
}

impl Places {
    /// Of an entry whose name is at this byte.
    pub(super) fn new(name: usize) -> Self {
        Self { by_pointer: HashMap::from([(String::new(), Place { key: name, value: name })]) }
    }

    pub(super) fn insert(&mut self, pointer: String, key: usize, value: usize) {
        self.by_pointer.insert(pointer, Place { key, value });
    }

    pub(super) fn has(&self, pointer: &str) -> bool {
        self.by_pointer.contains_key(pointer)
    }

    /// The value's place, or that of the nearest value around it.
    pub(super) fn of(&self, pointer: &str) -> usize {
        self.nearest(pointer).value
    }

    /// The place of the value's key, or of the nearest value around it.
    pub(super) fn of_key(&self, pointer: &str) -> usize {
        self.nearest(pointer).key
    }

    fn nearest(&self, mut pointer: &str) -> Place {
        loop {
            match (self.by_pointer.get(pointer), pointer.rfind('/')) {
                (Some(place), _) => return *place,
                (None, Some(slash)) => pointer = &pointer[..slash],
                (None, None) => return Place::default(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let lines = Lines::new("a\nüöx\n", "f");
        let place = |at| (lines.error(at, "", "").line, lines.error(at, "", "").column);
        assert_eq!([place(0), place(2), place(4), place(6), place(99)], [(1, 1), (2, 1), (2, 2), (2, 3), (3, 1)]);
    }

    #[test]
    fn what_has_no_place_has_that_of_what_is_around_it() {
        let mut places = Places::new(1);
        places.insert("/a".into(), 5, 9);
        assert_eq!((places.of("/a/b/0"), places.of_key("/a")), (9, 5));
        assert_eq!(places.of("/z"), 1);
    }
}
