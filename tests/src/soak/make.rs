//! Modules that nobody would write: random ones, and real ones with something changed. Each is known by its seed and its index.

use std::panic::catch_unwind;

use arbitrary::Unstructured;
use wasm_mutate::WasmMutate;
use wasm_smith::Config;

use super::{chance::Chance, judge, section::Sections};
use crate::guests;

/// How a module was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Bytes or words without sense.
    Noise,
    /// A random core module.
    Module,
    /// A random core module that claims to implement our interfaces, made a component where that is possible.
    Claims,
    /// A random component.
    Component,
    /// A plugin whose code and answers are random.
    Answers,
    /// A real plugin after some steps of wasm-mutate.
    Mutated,
    /// A real component with some bytes changed.
    Damaged,
}

/// One module, and the settings that suit what it was made of.
pub(super) struct Made {
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
    pub(super) config: &'static str,
}

/// Plugins to begin with, and settings with which they have something to do.
const PLUGINS: [(&str, &str); 5] = [
    ("edit-fields", "{ drop = [\"**.url\"] }"),
    ("redact", "{ fields = [\"**.login\", \"repository.id\"] }"),
    ("only-humans", "{}"),
    ("capable", "{ ask = \"clock\" }"),
    ("misbehave", "{ mode = \"upper\" }"),
];

const PLUGIN: &str = include_str!("plugin.wat");

/// What random code finds and has to have within [`PLUGIN`].
const CODE: &str = r#"(module
    (import "libc" "memory" (memory 4)) (import "log" "emit" (func (param i32 i32 i32 i32 i32)))
    (func (export "run") (param i32) (result i32) unreachable))"#;
/// What a module exports that a transform is made of.
const TRANSFORM: &str = r#"(module (memory (export "memory") 1)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
    (func (export "sluicebox:plugin/transform@0.1.0#transform") (param i32) (result i32) unreachable))"#;

/// What modules are made of.
pub(super) struct Maker {
    seed: u64,
    plugins: Vec<Original>,
    code: Vec<u8>,
    transform: Vec<u8>,
}

struct Original {
    module: Vec<u8>,
    component: Vec<u8>,
    /// The custom sections by which the module tells its interfaces.
    metadata: Vec<u8>,
    config: &'static str,
}

impl Maker {
    pub(super) fn new(seed: u64) -> Self {
        let plugins = PLUGINS.map(|(name, config)| {
            let module = guests::module(name);
            let (module, metadata) = without_metadata(&module);
            Original { module, component: guests::component(name), metadata, config }
        });
        let text = |text| wat::parse_str(text).expect("the text of a shape");
        Self { seed, plugins: plugins.into(), code: text(CODE), transform: text(TRANSFORM) }
    }

    /// Makes the module of this index. An error is a finding: `componentize` panicked, or refused it in words that are none.
    pub(super) fn make(&self, index: u64) -> Result<Made, Made> {
        let mut chance = Chance::of(self.seed, index);
        let original = chance.pick(&self.plugins);
        let (kind, bytes) = match chance.below(100) {
            0..5 => (Kind::Noise, noise(&mut chance)),
            5..10 => (Kind::Module, or_noise(smith(&mut chance, |_| {}))),
            10..20 => (Kind::Claims, self.claims(&mut chance, original)),
            20..45 => (Kind::Component, or_noise(component(&mut chance))),
            45..70 => (Kind::Answers, self.answers(&mut chance)),
            70..80 => (Kind::Mutated, mutated(&mut chance, original)),
            _ => (Kind::Damaged, self.damaged(&mut chance, original)),
        };
        let made = |bytes| Made { kind, bytes, config: original.config };
        if !matches!(kind, Kind::Claims | Kind::Mutated) {
            return Ok(made(bytes));
        }
        match catch_unwind(|| sluicebox::plugin::componentize(&bytes)) {
            Ok(Ok(component)) => Ok(made(component)),
            // The server is to refuse it as well.
            Ok(Err(refusal)) if judge::of_words(&refusal.to_string()).is_ok() => Ok(made(bytes)),
            _ => Err(made(bytes)),
        }
    }

    fn claims(&self, chance: &mut Chance, original: &Original) -> Vec<u8> {
        let module = smith(chance, |config| config.exports = Some(self.transform.clone()));
        [or_noise(module), original.metadata.clone()].concat()
    }

    fn answers(&self, chance: &mut Chance) -> Vec<u8> {
        let code = smith(chance, |config| config.module_shape = Some(self.code.clone()));
        let code = code.unwrap_or_else(|| self.code.clone());
        let before = *chance.pick(&["(drop (call $run (local.get 0)))", ""]);
        let mut place = || (4096 + 8 * chance.below(512)).to_string();
        let (verdict, outcome) = (place(), place());
        let text = PLUGIN.replace("@memory@", &escaped(&words(chance))).replace("@before@", before);
        let text = text.replace("@verdict@", &verdict).replace("@outcome@", &outcome);
        let mut component = Sections::of(&wat::parse_str(&text).expect("the text of a component"));
        let placeholder = component.list.iter_mut().filter(|section| section.is_module()).nth(1).expect("the module of the code");
        placeholder.contents = code;
        component.bytes()
    }

    fn damaged(&self, chance: &mut Chance, original: &Original) -> Vec<u8> {
        // The small one too, of which each byte matters.
        let mut bytes = if chance.below(2) == 0 { original.component.clone() } else { self.answers(chance) };
        for _ in 0..=chance.below(4) {
            damage(chance, &mut bytes);
        }
        bytes
    }
}

/// A core module by wasm-smith; `None` where it gave up, or panicked.
fn smith(chance: &mut Chance, shape: impl FnOnce(&mut Config)) -> Option<Vec<u8>> {
    let mut config = config(chance);
    shape(&mut config);
    let bytes = chance.bytes(4096);
    let module = catch_unwind(|| wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).ok().map(|m| m.to_bytes()));
    module.ok().flatten()
}

fn component(chance: &mut Chance) -> Option<Vec<u8>> {
    let config = config(chance);
    let length = 256 << chance.below(5);
    let bytes = chance.bytes(length);
    let made = catch_unwind(|| wasm_smith::Component::new(config, &mut Unstructured::new(&bytes)).ok().map(|c| c.to_bytes()));
    made.ok().flatten()
}

/// Mostly what the engine knows, so that more than the validator is met; sometimes what it does not.
fn config(chance: &mut Chance) -> Config {
    let exotic = chance.below(4) == 0;
    Config {
        exceptions_enabled: exotic,
        gc_enabled: exotic,
        // An `externref` needs a garbage collector.
        reference_types_enabled: exotic,
        memory64_enabled: exotic,
        threads_enabled: exotic,
        custom_page_sizes_enabled: exotic,
        max_memories: if exotic { 8 } else { 1 },
        max_memory32_bytes: if exotic { 1 << 32 } else { 1 << 20 },
        max_table_elements: if exotic { 1_000_000 } else { 1_000 },
        generate_custom_sections: true,
        ..Config::default()
    }
}

fn mutated(chance: &mut Chance, original: &Original) -> Vec<u8> {
    let mut module = original.module.clone();
    for _ in 0..=chance.below(3) {
        let seed = chance.next();
        let step = catch_unwind(|| {
            let mut mutate = WasmMutate::default();
            mutate.seed(seed).fuel(1_000);
            mutate.run(&module).ok()?.next()?.ok()
        });
        module = step.ok().flatten().unwrap_or(module);
    }
    [module, original.metadata.clone()].concat()
}

fn noise(chance: &mut Chance) -> Vec<u8> {
    const WORDS: [&str; 12] =
        ["(", ")", "component", "core", "module", "func", "i32.const", "$a", "\"log\"", "\u{202e}", "\u{1b}[2J", "9999999999"];
    let length = chance.below(2_000);
    if chance.below(4) == 0 {
        return (0..length).map(|_| *chance.pick(&WORDS)).collect::<Vec<_>>().join(" ").into();
    }
    let begins = [b"".as_slice(), b"\0asm", b"\0asm\x01\0\0\0", b"\0asm\x0d\0\x01\0"];
    [*chance.pick(&begins), &chance.bytes(length)].concat()
}

fn or_noise(made: Option<Vec<u8>>) -> Vec<u8> {
    made.unwrap_or_else(|| b"\0asm".to_vec())
}

/// A page of what could be tags, lengths and addresses, so that answers have a chance to be right.
fn words(chance: &mut Chance) -> Vec<u8> {
    let mut word = || match chance.below(8) {
        0..3 => 0,
        3 => 1 + chance.below(4),
        4 => chance.below(300),
        5 | 6 => 4096 + 4 * chance.below(1024),
        _ => usize::try_from(chance.next()).unwrap_or(usize::MAX),
    };
    (0..1024).flat_map(|_| word().to_le_bytes()[..4].to_vec()).collect()
}

fn damage(chance: &mut Chance, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let (at, other) = (chance.below(bytes.len()), chance.below(bytes.len()));
    let end = (at + 1 + chance.below(64)).min(bytes.len());
    match chance.below(8) {
        0..3 => bytes[at] ^= 1 << chance.below(8),
        3 => bytes[at] = *chance.pick(&[0, 1, 0x7f, 0x80, 0xff]),
        4 => drop(bytes.drain(at..end)),
        5 => drop(bytes.splice(at..at, chance.bytes(end - at))),
        6 => {
            let copied = bytes[at..end].to_vec();
            bytes.splice(other..other, copied);
        }
        _ => bytes.truncate(at),
    }
}

/// As `wat` reads bytes.
fn escaped(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// A module without the custom sections that tell its interfaces, and these: wasm-mutate would change them.
fn without_metadata(module: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut kept = Sections::of(module);
    let metadata = kept.list.extract_if(.., |section| section.is_custom("component-type")).collect::<Vec<_>>();
    let metadata = metadata.iter().flat_map(|section| section.bytes()).collect();
    (kept.bytes(), metadata)
}
