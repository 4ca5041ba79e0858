//! A plugin that failed: how, and in which words. Telling the kinds apart is a pure function of what the engine reported and of
//! what the call had been given; what becomes of the event is `dispatch`'s to say.

use wasmtime::{PoolConcurrencyLimitError, Trap, WasmBacktrace};

use super::{
    exchange::Refusal,
    limits::{HANDLES_MAX, Limits, WASM_STACK_BYTES},
    load_error::mib,
    meter::{HostExhausted, OverLimit},
    random::TooMuchRandom,
    state::StateUnavailable,
    text::{code_or, one_line},
};
use crate::event::{Failure, Name};

/// A plugin that failed.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Which.
    pub plugin: Name,
    /// How.
    pub kind: FaultKind,
    /// What people see.
    pub failure: Failure,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The plugin rejected the event, or returned what the host refuses.
    Rejected,
    /// The plugin asked for another try.
    RetryAsked {
        /// Not before.
        after_ms: Option<u64>,
    },
    /// A panic, or another trap.
    Trapped,
    /// Memory limit.
    Memory,
    /// Fuel limit.
    Fuel,
    /// Output limit.
    Output,
    /// Wall clock limit of one call.
    Time,
    /// Wall clock limit of the whole chain; the plugin is the one that was next, and may have nothing to do with it.
    ChainTime,
    /// Not the plugin's fault: the queue is gone, an instance could not be made.
    Host,
}

/// A fault before it is known whose, with the label under which metrics count it: a plugin's own codes are without number.
#[derive(Debug)]
pub(super) struct Cause {
    pub(super) kind: FaultKind,
    pub(super) label: &'static str,
    pub(super) failure: Failure,
}

impl Cause {
    /// A failure whose code is the host's own.
    pub(super) fn new(kind: FaultKind, code: &'static str, message: impl Into<String>) -> Self {
        Self { kind, label: code, failure: Failure::new(code, message) }
    }

    /// Not the plugin's fault.
    pub(super) fn host(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Host, "host-failed", message)
    }

    /// The plugin answered with an error of its own.
    pub(super) fn of_refusal(refusal: Refusal) -> Self {
        let (kind, label, otherwise) = match refusal.retry {
            Some(after_ms) => (FaultKind::RetryAsked { after_ms }, "retry", "retry-asked"),
            None => (FaultKind::Rejected, "reject", "rejected"),
        };
        Self { kind, label, failure: Failure::new(code_or(refusal.code, otherwise), one_line(&refusal.message)) }
    }

    /// The same, its text naming the plugin.
    pub(super) fn told_of(mut self, plugin: &Name) -> Self {
        self.failure.message = format!("plugin `{plugin}`: {}", self.failure.message);
        self
    }

    pub(super) fn into_fault(self, plugin: &Name) -> Fault {
        Fault { plugin: plugin.clone(), kind: self.kind, failure: self.failure }
    }
}

/// What a call had been given, for the words in which its failure is told.
pub(super) struct Ran<'a> {
    pub(super) plugin: &'a Name,
    pub(super) limits: &'a Limits,
    pub(super) fuel: u64,
    pub(super) last_error: Option<&'a str>,
}

impl Ran<'_> {
    /// The setting that raises a limit.
    fn setting(&self, name: &str) -> String {
        format!("plugins.{}.limits.{name}", self.plugin)
    }

    /// Tells what ended a call that gave no answer.
    pub(super) fn cause(&self, error: &wasmtime::Error) -> Cause {
        if let Some(over) = error.downcast_ref::<OverLimit>() {
            return self.memory(*over);
        }
        if let Some(wanted) = error.downcast_ref::<TooMuchRandom>() {
            return Cause::new(FaultKind::Output, "limit-random", format!("plugin `{}` asked for {wanted}", self.plugin));
        }
        if let Some(unavailable) = error.downcast_ref::<StateUnavailable>() {
            return Cause::new(FaultKind::Host, "state-unavailable", unavailable.to_string());
        }
        if is_hosts_own(error) {
            return Cause::host(format!("no instance of plugin `{}` could be made: {error:#}", self.plugin));
        }
        if error.chain().any(|cause| cause.to_string().contains(OUTPUT_EXHAUSTED)) {
            return self.output();
        }
        if error.chain().any(|cause| cause.to_string().contains(HANDLES_EXHAUSTED)) {
            return self.handles();
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => self.fuel(),
            Some(Trap::Interrupt) => self.time(),
            Some(Trap::UnreachableCodeReached) => match self.last_error {
                Some(said) => self.panic(said),
                None => self.trap("it panicked without a word, or reached code that it held to be unreachable", error),
            },
            Some(Trap::StackOverflow) => self.stack(),
            Some(trap) => self.trap(&trap.to_string(), error),
            None => self.trap(&format!("it broke the contract: {}", error.root_cause()), error),
        }
    }

    fn memory(&self, over: OverLimit) -> Cause {
        let message = match over {
            OverLimit::Memory { wanted_bytes } => {
                let (wanted, limit, setting) = (mib(wanted_bytes), mib(self.limits.memory_bytes), self.setting("memory_bytes"));
                format!("plugin `{}` wanted {wanted} of memory, the limit is {limit} ({setting})", self.plugin)
            }
            OverLimit::Tables { .. } => format!("plugin `{}`: {over}, which cannot be raised", self.plugin),
        };
        Cause::new(FaultKind::Memory, "limit-memory", message)
    }

    fn fuel(&self) -> Cause {
        let (plugin, given, setting) = (self.plugin, self.fuel, self.setting("fuel"));
        let message = format!("plugin `{plugin}` used up its fuel of {given} without an answer ({setting}, and fuel_per_byte)");
        Cause::new(FaultKind::Fuel, "limit-fuel", message)
    }

    fn time(&self) -> Cause {
        let (plugin, limit, setting) = (self.plugin, self.limits.time_ms, self.setting("time_ms"));
        Cause::new(FaultKind::Time, "limit-time", format!("plugin `{plugin}` did not answer within {limit} ms ({setting})"))
    }

    fn output(&self) -> Cause {
        let (plugin, limit, setting) = (self.plugin, mib(self.limits.output_bytes), self.setting("output_bytes"));
        let message = format!("plugin `{plugin}` handed over more than {limit} at once ({setting})");
        Cause::new(FaultKind::Output, "limit-output", message)
    }

    fn handles(&self) -> Cause {
        let message = format!("plugin `{}` held more than {HANDLES_MAX} handles at once, which cannot be raised", self.plugin);
        Cause::new(FaultKind::Memory, "limit-handles", message)
    }

    /// In the words of Rust's own panic messages where the guest used them: `panicked at src/lib.rs:7:5: ...`.
    fn panic(&self, said: &str) -> Cause {
        let verb = if said.starts_with("panicked") { "" } else { "panicked: " };
        Cause::new(FaultKind::Trapped, "panic", format!("plugin `{}` {verb}{said}", self.plugin))
    }

    fn stack(&self) -> Cause {
        let (plugin, limit) = (self.plugin, WASM_STACK_BYTES >> 10);
        let message =
            format!("plugin `{plugin}` filled its stack of {limit} KiB, which cannot be raised: call itself less deeply");
        Cause::new(FaultKind::Trapped, "limit-stack", message)
    }

    fn trap(&self, what: &str, error: &wasmtime::Error) -> Cause {
        let place = innermost_function(error).map(|name| format!(", in {name}")).unwrap_or_default();
        Cause::new(FaultKind::Trapped, "trap", one_line(&format!("plugin `{}` trapped: {what}{place}", self.plugin)))
    }
}

/// wasmtime's error for this has no public type, so it is known by its words; a test holds them.
const OUTPUT_EXHAUSTED: &str = "fuel allocated for hostcalls has been exhausted";

/// The same.
const HANDLES_EXHAUSTED: &str = "store handle limit exceeded";

pub(super) fn is_hosts_own(error: &wasmtime::Error) -> bool {
    error.is::<HostExhausted>() || error.is::<PoolConcurrencyLimitError>() || error.chain().any(|e| e.is::<std::io::Error>())
}

/// The name of the function that trapped, where the component kept its names.
fn innermost_function(error: &wasmtime::Error) -> Option<String> {
    let frame = error.downcast_ref::<WasmBacktrace>()?.frames().first()?;
    Some(one_line(frame.func_name()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::Digest,
        plugin::{engine, random::Random},
    };

    fn cause(error: impl Into<wasmtime::Error>, last_error: Option<&str>) -> Cause {
        let plugin: Name = "redact".parse().expect("a name");
        Ran { plugin: &plugin, limits: &Limits::DEFAULT, fuel: 7, last_error }.cause(&error.into())
    }

    #[test]
    fn limits_are_told_apart_and_name_their_setting() {
        let over = OverLimit::Memory { wanted_bytes: 65 << 20 };
        let random = Random::of(&Digest::of(b""), "filter", "").bytes(65_537).expect_err("too many");
        for (error, kind, code, setting) in [
            (wasmtime::Error::from(Trap::OutOfFuel), FaultKind::Fuel, "limit-fuel", "plugins.redact.limits.fuel"),
            (Trap::Interrupt.into(), FaultKind::Time, "limit-time", "250 ms (plugins.redact.limits.time_ms)"),
            (over.into(), FaultKind::Memory, "limit-memory", "64 MiB (plugins.redact.limits.memory_bytes)"),
            (wasmtime::Error::from(random), FaultKind::Output, "limit-random", "65537 random bytes at once, the limit is 65536"),
        ] {
            let cause = cause(error, Some("a log line changes nothing"));
            assert_eq!((cause.kind, cause.failure.code.as_str()), (kind, code));
            assert!(cause.failure.message.contains(setting), "{}", cause.failure.message);
        }
    }

    #[test]
    fn a_panic_is_told_in_its_own_words() {
        let said = cause(Trap::UnreachableCodeReached, Some("index out of bounds, src/lib.rs:7"));
        assert_eq!(said.failure.code, "panic");
        assert_eq!(said.failure.message, "plugin `redact` panicked: index out of bounds, src/lib.rs:7");
        let rust = cause(Trap::UnreachableCodeReached, Some("panicked at src/lib.rs:7:5: no"));
        assert_eq!(rust.failure.message, "plugin `redact` panicked at src/lib.rs:7:5: no");
        assert_eq!(cause(Trap::UnreachableCodeReached, None).failure.code, "trap");
        assert_eq!(cause(Trap::StackOverflow, Some("earlier")).failure.code, "limit-stack");
    }

    /// Makes resources for ever: their handles are in the host's memory.
    const HOARDS: &str = r#"(component
        (type $r (resource (rep i32)))
        (core func $new (canon resource.new $r))
        (core module $m
            (import "" "new" (func $new (param i32) (result i32)))
            (func (export "run") (loop $again (drop (call $new (i32.const 0))) (br $again))))
        (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
        (func (export "run") (canon lift (core func $i "run"))))"#;

    #[test]
    fn handles_have_an_end() {
        let engine = wasmtime::Engine::new(&engine::base()).expect("an engine");
        let component = wat::parse_str(HOARDS).expect("a component");
        let component = wasmtime::component::Component::new(&engine, component).expect("compiles");
        let mut store = wasmtime::Store::new(&engine, ());
        store.set_fuel(u64::MAX).expect("fuel is counted");
        store.set_epoch_deadline(u64::MAX / 2);
        store.set_max_component_handles(HANDLES_MAX);
        let instance = wasmtime::component::Linker::new(&engine).instantiate(&mut store, &component).expect("starts");
        let run = instance.get_typed_func::<(), ()>(&mut store, "run").expect("it is there");
        let cause = cause(run.call(&mut store, ()).expect_err("too many"), None);
        assert_eq!((cause.kind, cause.failure.code.as_str()), (FaultKind::Memory, "limit-handles"), "{}", cause.failure.message);
    }

    #[test]
    fn what_the_host_lacks_is_not_the_plugins_fault() {
        assert_eq!(cause(std::io::Error::other("no memory left to map"), None).kind, FaultKind::Host);
        assert_eq!(cause(wasmtime::Error::msg("invalid utf-8"), None).kind, FaultKind::Trapped);
    }

    #[test]
    fn a_plugins_own_code_stands_where_it_is_one() {
        let asked = |code: &str, retry| Cause::of_refusal(Refusal { code: code.into(), message: "why\nnot".into(), retry });
        assert_eq!(asked("no-such-user", None).failure, Failure::new("no-such-user", "why not"));
        assert_eq!(asked("No such user!", None).failure.code, "rejected");
        let retry = asked("busy", Some(Some(5)));
        assert_eq!((retry.kind, retry.label), (FaultKind::RetryAsked { after_ms: Some(5) }, "retry"));
    }
}
