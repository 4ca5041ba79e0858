//! Why a component is refused: all the texts that its author sees, in one place and in one manner (code, cause, mend).
//!
//! `P007`, a digest that is not the pinned one, is the client's to tell: it has the file and the pin.

use std::fmt::Write as _;

use super::text::push_clean;

/// Why a component is refused; the text is what its author sees (`error[P002]: ...`).
#[derive(Clone, Debug, thiserror::Error)]
#[error("error[{code}]: {message}")]
pub struct LoadError {
    /// `P002`.
    pub code: &'static str,
    /// Cause and mend.
    pub message: String,
}

impl LoadError {
    /// Whether the same component may be taken another time: it was the server, its load or its limits on compiling that failed.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self.code, "P011" | "P012" | "P013")
    }
}

/// The cause on the first line, the mend on a second, indented.
fn refuse(code: &'static str, cause: impl std::fmt::Display, mend: impl std::fmt::Display) -> LoadError {
    LoadError { code, message: format!("{cause}\n  {mend}") }
}

/// What an engine or encoder says, on one line and without the bytes of a component in it.
fn told(error: &dyn std::fmt::Display) -> String {
    let mut line = String::new();
    push_clean(&mut line, &format!("{error:#}"));
    line
}

pub(super) fn not_wasm(label: &str, bytes: &[u8]) -> LoadError {
    let is = if bytes.is_empty() { "is empty" } else { "is not WebAssembly" };
    refuse(
        "P001",
        format_args!("{label} {is}"),
        "build a plugin with `sluicebox plugin build` and give the path of its .wasm file",
    )
}

pub(super) fn core_module(label: &str) -> LoadError {
    refuse(
        "P001",
        format_args!("{label} is a core module, not a component"),
        "build it with `sluicebox plugin build`; `sluicebox apply` turns a module built with the SDK into a component by itself",
    )
}

pub(super) fn no_metadata() -> LoadError {
    refuse(
        "P001",
        "this is a core module that does not say which interfaces it implements",
        "build it with the SDK (`#[filter]`, `#[transform]`, `#[batch]`), or by `wasm-tools component embed` and `component new`",
    )
}

pub(super) fn too_large(label: &str, length: usize, limit: usize) -> LoadError {
    let (has, limit) = (mib(length), mib(limit));
    let mend = "build it for size: opt-level = \"s\", lto, strip; or `serve --component-bytes-max`, at most 64 MiB";
    refuse("P008", format_args!("{label} has {has}, the limit is {limit}"), mend)
}

pub(super) fn exports_nothing(label: &str, exports: &[String]) -> LoadError {
    let list = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
    refuse(
        "P002",
        format_args!("{label} exports none of filter, transform, batch, verify"),
        format_args!("it exports: {list}      did you forget #[transform]?"),
    )
}

pub(super) fn malformed(label: &str, error: &dyn std::fmt::Display) -> LoadError {
    let error = told(error);
    refuse("P003", format_args!("{label} is not valid: {error}"), "the file is damaged or cut off: build or upload it again")
}

pub(super) fn not_encoded(label: &str, error: &dyn std::fmt::Display) -> LoadError {
    let error = told(error);
    refuse(
        "P003",
        format_args!("{label} cannot be made a component: {error}"),
        "it does not keep to the interfaces that it names: build it anew, with one version of the SDK",
    )
}

pub(super) fn wrong_type(label: &str, interface: &str, error: &dyn std::fmt::Display) -> LoadError {
    let error = told(error);
    refuse(
        "P004",
        format_args!("{label}: {interface} has the wrong type: {error}"),
        "it was built against other interfaces than this server's: use the SDK of track 0.1",
    )
}

pub(super) fn import(label: &str, import: &str) -> LoadError {
    let cause = format!("{label} imports {import}, which plugins may not use");
    let mend = if import.starts_with("wasi") {
        "Rust: build for wasm32-unknown-unknown; JS/Python: build with `sluicebox plugin build` (stubs WASI)"
    } else if import.starts_with("sluicebox:plugin/") {
        "this server does not have it: use the SDK of track 0.1, or a newer server"
    } else {
        "a plugin may import log, config, clock, random and crypto of sluicebox:plugin@0.1.0, and nothing else"
    };
    refuse("P005", cause, mend)
}

pub(super) fn memory_at_start(label: &str, needs: usize, limit: usize, setting: &str) -> LoadError {
    let (needs, limit) = (mib(needs), mib(limit));
    refuse("P006", format_args!("{label} needs {needs} of memory to start, the limit is {limit}"), setting)
}

pub(super) fn not_compiled(label: &str, error: &dyn std::fmt::Display) -> LoadError {
    let error = told(error);
    refuse("P009", format_args!("{label} cannot be compiled: {error}"), "see the limits of components in docs/plugins.md")
}

/// The compiler panicked, or the host stops.
pub(super) fn compiler_stopped(label: &str, stopped: &tokio::task::JoinError) -> LoadError {
    if !stopped.is_panic() {
        return engine(stopped);
    }
    refuse(
        "P009",
        format_args!("{label} cannot be compiled: the compiler gave up on it in a way that it never should"),
        "this is a bug in sluicebox: report it, with the component; another version of its toolchain may not meet it",
    )
}

pub(super) fn compile_memory(label: &str, limit_bytes: u64) -> LoadError {
    let limit = mib(usize::try_from(limit_bytes).unwrap_or(usize::MAX));
    let cause = format_args!("{label} cannot be compiled within {limit} of memory");
    refuse("P012", cause, compile_setting("memory_bytes", "memory-bytes"))
}

pub(super) fn compile_cpu(label: &str, limit_seconds: u64) -> LoadError {
    let cause = format_args!("{label} cannot be compiled within {limit_seconds} s of processor time");
    refuse("P012", cause, compile_setting("cpu_seconds", "cpu-seconds"))
}

pub(super) fn compile_wall(label: &str, limit_ms: u64) -> LoadError {
    let cause = format_args!("{label} was not compiled within {limit_ms} ms");
    refuse("P012", cause, compile_setting("wall_ms", "wall-ms"))
}

pub(super) fn artefact_too_large(label: &str, limit_bytes: u64) -> LoadError {
    let limit = mib(usize::try_from(limit_bytes).unwrap_or(usize::MAX));
    refuse("P012", format_args!("{label} becomes more than {limit} of machine code"), "no setting raises this: build it for size")
}

/// Both names of the setting: what the host's configuration calls it, and the option of `sluicebox serve`.
fn compile_setting(name: &str, option: &str) -> String {
    format!("make it smaller, or have the operator raise plugin.compile.{name} (`sluicebox serve --compile-{option}`)")
}

pub(super) fn compiler(label: &str, error: &dyn std::fmt::Display) -> LoadError {
    let error = told(error);
    refuse(
        "P013",
        format_args!("{label} was not compiled: the compiler failed: {error}"),
        "this is not the plugin's fault: see the server's log and memory, and report it with the plugin if it comes again",
    )
}

pub(super) fn not_started(label: &str, error: &dyn std::fmt::Display) -> LoadError {
    let error = told(error);
    refuse(
        "P010",
        format_args!("{label} fails before its first call: {error}"),
        "its static initialisers must not panic, wait or run for seconds",
    )
}

pub(super) fn engine(error: &dyn std::fmt::Display) -> LoadError {
    let error = told(error);
    refuse("P011", format_args!("the plugin engine did not start: {error}"), "this is the server's fault, not the plugin's")
}

/// Megabytes with one decimal, as people compare them.
pub(super) fn mib(bytes: usize) -> String {
    let tenths = (bytes as u64).saturating_mul(10).div_ceil(1 << 20);
    let mut text = format!("{}", tenths / 10);
    if !tenths.is_multiple_of(10) {
        // Writing to a String cannot fail.
        let _ = write!(text, ".{}", tenths % 10);
    }
    text + " MiB"
}
