//! The far side of the pipe: `sluicebox compile`, which bounds itself before it reads a byte, compiles one component, and ends.
//!
//! A component may be made to cost its compiler hours or all memory; that is no bug of the compiler. Here it costs this process.

use std::io::{self, Read, Write};

use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
#[cfg(target_os = "linux")]
use rustix::process::{Signal, set_parent_process_death_signal};
use wasmtime::Engine;

use super::super::{engine, limits::COMPONENT_BYTES_CEILING};

/// How much less urgent this is than the host's own work, as `nice` counts.
const NICENESS: i32 = 10;

/// What the process ends with for the component's fault, as sysexits.h has it.
pub(super) const REFUSED: u8 = 65;
/// What it ends with for want of memory.
pub(super) const MEMORY: u8 = 71;
/// What it ends with for the machine's fault.
const SYSTEM: u8 = 74;

/// Why there is no artefact. The text is for the host, which tells the component's author.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The component cannot be compiled.
    #[error("{0:#}")]
    Refused(wasmtime::Error),
    /// The memory that this process may have is not enough.
    #[error("out of memory")]
    Memory,
    /// The limits could not be set, or the pipe broke.
    #[error(transparent)]
    System(io::Error),
}

impl From<io::Error> for CompileError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::OutOfMemory { Self::Memory } else { Self::System(error) }
    }
}

impl CompileError {
    /// What the process ends with, so that the host can tell a component's fault from the machine's.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => REFUSED,
            Self::Memory => MEMORY,
            Self::System(_) => SYSTEM,
        }
    }
}

/// Compiles what `input` has to `output`, within these limits on the whole process: bytes of memory, seconds of all its processors
/// together. It may be killed for them. To be called before any thread is started.
///
/// # Errors
///
/// There is no artefact; `output` has nothing that could be taken for one.
pub fn compile_limited(
    memory_bytes: u64,
    cpu_seconds: u64,
    input: impl Read,
    mut output: impl Write,
) -> Result<(), CompileError> {
    // Nobody reads the artefact of a host that is gone. Elsewhere it ends when it writes to the broken pipe, or at its limit.
    #[cfg(target_os = "linux")]
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(io::Error::from)?;
    limit(Resource::Core, 0, 0)?;
    limit(Resource::Cpu, cpu_seconds, cpu_seconds.saturating_add(1))?;
    // Not the address space: a thread reserves far more of that than it ever uses.
    limit(Resource::Data, memory_bytes, memory_bytes)?;
    nice(NICENESS).map_err(io::Error::from)?;

    let mut component = Vec::new();
    input.take(COMPONENT_BYTES_CEILING as u64 + 1).read_to_end(&mut component)?;
    let compiled = Engine::new(&engine::base()).and_then(|engine| engine.precompile_component(&component));
    let artefact = compiled.map_err(|error| match error.is::<wasmtime::OutOfMemory>() {
        true => CompileError::Memory,
        false => CompileError::Refused(error),
    })?;
    output.write_all(&artefact)?;
    Ok(output.flush()?)
}

/// Lowers a limit; one that is lower already stays.
fn limit(resource: Resource, soft: u64, hard: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.unwrap_or(u64::MAX);
    let limit = Rlimit { current: Some(soft.min(most)), maximum: Some(hard.min(most)) };
    setrlimit(resource, limit).map_err(io::Error::from)
}
