//! What a module or a component is on its outside: eight bytes, then sections, each an id, a length and contents.

/// A well-formed one.
pub(super) struct Sections {
    head: Vec<u8>,
    pub(super) list: Vec<Section>,
}

pub(super) struct Section {
    id: u8,
    pub(super) contents: Vec<u8>,
}

impl Sections {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let (head, mut rest) = bytes.split_at(8);
        let mut list = Vec::new();
        while let Some((&id, behind)) = rest.split_first() {
            let (length, behind) = number(behind);
            let (contents, behind) = behind.split_at(length);
            list.push(Section { id, contents: contents.to_vec() });
            rest = behind;
        }
        Self { head: head.to_vec(), list }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let sections = self.list.iter().flat_map(Section::bytes);
        self.head.iter().copied().chain(sections).collect()
    }
}

impl Section {
    /// Whether it is a custom section whose name begins so.
    pub(super) fn is_custom(&self, name: &str) -> bool {
        self.id == 0 && number(&self.contents).1.starts_with(name.as_bytes())
    }

    /// Whether it is a core module within a component.
    pub(super) fn is_module(&self) -> bool {
        self.id == 1
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.id];
        let mut left = self.contents.len();
        while left > 0x7f {
            bytes.push(low(left) | 0x80);
            left >>= 7;
        }
        bytes.push(low(left));
        bytes.extend_from_slice(&self.contents);
        bytes
    }
}

fn low(number: usize) -> u8 {
    u8::try_from(number & 0x7f).unwrap_or(0)
}

/// The number at the beginning (LEB128), and what is behind it.
fn number(bytes: &[u8]) -> (usize, &[u8]) {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0).expect("a number has an end") + 1;
    let value = bytes[..end].iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f));
    (value, &bytes[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_apart_is_put_together_as_it_was() {
        let text =
            format!("(module (memory 1) (data (i32.const 0) \"{}\") (@custom \"component-type:a\" \"x\"))", "x".repeat(300));
        let module = wat::parse_str(text).expect("a module");
        let sections = Sections::of(&module);
        assert_eq!(sections.bytes(), module);
        assert_eq!(sections.list.iter().filter(|section| section.is_custom("component-type")).count(), 1);
    }
}
