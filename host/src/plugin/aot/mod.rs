//! Components as native code: compiled in a process of its own (`compiler` on this side of the pipe, `child` on the other), and
//! kept on disk (`cache`), so that a restart compiles nothing.
//!
//! Loading native code is running it. So an [`Artefact`] can only be made here: by the compiler that was just asked, or by the
//! cache, which checks that this data folder's key has signed the bytes.

mod cache;
mod child;
mod compiler;

use wasmtime::{Engine, component::Component};

pub(super) use cache::Cache;
pub use child::{CompileError, compile_limited};
pub(super) use compiler::Compiler;

/// The largest artefact: some ten times what the largest component should need.
const ARTEFACT_BYTES_MAX: u64 = 512 << 20;

/// A component's native code, from a source that is trusted to have made it.
pub(super) struct Artefact(Vec<u8>);

impl Artefact {
    /// Maps the code into this process.
    ///
    /// # Errors
    ///
    /// The engine is set up otherwise than the one that compiled it, or its pool has no room for such a component.
    #[expect(unsafe_code, reason = "the engine cannot tell its own artefacts from forged ones")]
    pub(super) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes are what `Engine::precompile_component` gave. The field is private to this module, and only two places
        // fill it: `Compiler::compile`, with what it has just been given, and `Cache::read`, after `Cache::checked` has found the
        // HMAC over name and bytes to be this data folder's. That is put over what `Compiler::compile` gave, and by the same key over a
        // file's facts: nine bytes, which are no ELF file, so that the engine refuses them where they are put in an artefact's place.
        unsafe { Component::deserialize(engine, &self.0) }
    }
}
