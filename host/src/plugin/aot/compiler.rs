//! The near side of the pipe: has a component compiled, and tells how it went wrong.
//!
//! The child limits its own memory and processor time; the wall clock and the size of what it answers are kept here. It gets the
//! component and nothing else: no environment, no file, no key.

use std::{
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rustix::process::Signal;
use wasmtime::Engine;

use super::{
    super::{CompileLimits, LoadError, Options, load_error},
    ARTEFACT_BYTES_MAX, Artefact, child,
};

/// What is kept of what a child says of its failure.
const TOLD_BYTES_MAX: u64 = 4 << 10;
/// How often a child is looked at that has said all but not ended: it is about to.
const LOOK: Duration = Duration::from_millis(1);

/// Makes artefacts.
pub(in crate::plugin) struct Compiler {
    engine: Engine,
    program: Option<PathBuf>,
    limits: CompileLimits,
}

impl Compiler {
    pub(in crate::plugin) fn new(engine: Engine, options: &Options) -> Self {
        Self { engine, program: options.compiler.clone(), limits: options.compile.clone() }
    }

    /// Compiles a component, in a process of its own where there is a program for it.
    ///
    /// # Errors
    ///
    /// It cannot be compiled, or not within the limits.
    pub(in crate::plugin) fn compile(&self, label: &str, bytes: &Bytes) -> Result<Artefact, LoadError> {
        let Some(program) = &self.program else {
            let compiled = self.engine.precompile_component(bytes);
            return compiled.map(Artefact).map_err(|error| load_error::not_compiled(label, &error));
        };
        let deadline = Instant::now() + Duration::from_millis(self.limits.wall_ms);
        let failed = |error: io::Error| load_error::compiler(label, &format_args!("{}: {error}", program.display()));
        let mut child = self.start(program).map_err(failed)?;
        let ended = outcome(&mut child, bytes.clone(), deadline);
        if !matches!(ended, Ok(Some(_))) {
            // It may have ended meanwhile; then there is nothing to kill.
            let _ = child.kill();
            let _ = child.wait();
        }
        match ended.map_err(failed)? {
            None => Err(load_error::compile_wall(label, self.limits.wall_ms)),
            Some(outcome) => self.judge(label, outcome),
        }
    }

    fn start(&self, program: &Path) -> io::Result<Child> {
        let mut command = Command::new(program);
        command.arg("compile");
        command.arg("--memory-bytes").arg(self.limits.memory_bytes.to_string());
        command.arg("--cpu-seconds").arg(self.limits.cpu_seconds.to_string());
        // What the host was started with may hold secrets.
        command.env_clear().env("RAYON_NUM_THREADS", self.limits.threads.max(1).to_string());
        // Its allocator takes memory as it is used: a gigabyte at once would be all that the process may have.
        command.env("MIMALLOC_ARENA_EAGER_COMMIT", "0");
        // A group of its own: Ctrl-C at the host's terminal is for the host, which ends its work in order.
        command.process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }

    fn judge(&self, label: &str, outcome: Outcome) -> Result<Artefact, LoadError> {
        let Outcome { status, artefact, told } = outcome;
        if artefact.len() as u64 > ARTEFACT_BYTES_MAX {
            return Err(load_error::artefact_too_large(label, ARTEFACT_BYTES_MAX));
        }
        let (code, signal) = (status.code(), status.signal());
        let memory = signal == Some(Signal::ABORT.as_raw()) && told.contains("memory allocation of");
        if status.success() {
            Ok(Artefact(artefact))
        } else if code == Some(child::REFUSED.into()) {
            Err(load_error::not_compiled(label, &told))
        } else if memory || code == Some(child::MEMORY.into()) {
            Err(load_error::compile_memory(label, self.limits.memory_bytes))
        } else if signal == Some(Signal::XCPU.as_raw()) {
            Err(load_error::compile_cpu(label, self.limits.cpu_seconds))
        } else {
            Err(load_error::compiler(label, &format_args!("{status}: {told}")))
        }
    }
}

/// How a child ended, and what it left.
struct Outcome {
    status: ExitStatus,
    artefact: Vec<u8>,
    told: String,
}

/// Feeds the child and waits for its end; `None` where that does not come in time.
fn outcome(child: &mut Child, bytes: Bytes, deadline: Instant) -> io::Result<Option<Outcome>> {
    let stdin = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
    let artefact = read(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?, ARTEFACT_BYTES_MAX + 1)?;
    let told = read(child.stderr.take().ok_or(io::ErrorKind::BrokenPipe)?, TOLD_BYTES_MAX)?;
    beside(move || {
        let mut stdin = stdin;
        // A child that does not listen tells by its end why.
        let _ = stdin.write_all(&bytes);
    })?;
    let left = || deadline.saturating_duration_since(Instant::now());
    let Ok(artefact) = artefact.recv_timeout(left()) else { return Ok(None) };
    let Ok(told) = told.recv_timeout(left()) else { return Ok(None) };
    loop {
        if let Some(status) = child.try_wait()? {
            let told = String::from_utf8_lossy(&told).trim().to_owned();
            return Ok(Some(Outcome { status, artefact, told }));
        }
        if left().is_zero() {
            return Ok(None);
        }
        thread::sleep(LOOK);
    }
}

/// Reads a pipe to its end, or up to `bytes_max`. On a thread that is not waited for: a process that the child left behind could
/// hold the pipe open.
fn read(pipe: impl Read + Send + 'static, bytes_max: u64) -> io::Result<Receiver<Vec<u8>>> {
    let (send, receive) = mpsc::channel();
    beside(move || {
        let mut bytes = Vec::new();
        // A broken pipe has an end like any other.
        let _ = pipe.take(bytes_max).read_to_end(&mut bytes);
        // Nobody waits for it after the deadline.
        let _ = send.send(bytes);
    })?;
    Ok(receive)
}

fn beside(work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name("plugin-compile".into()).spawn(work).map(drop)
}
