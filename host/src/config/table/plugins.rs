//! Settings of the plugin machine, and of the versions of plugins.

use super::super::setting::{Setting, settings};

pub(super) const SETTINGS: &[Setting] = settings! { "plugins":
    /// Threads that run plugins; 0: one for each core.
    plugin_workers: number(THREADS) => process.plugin_workers;
    /// Runs that may wait for one of them; those after them wait in the journal.
    plugin_queue_max: number(COUNT, 1..) => config.plugin.queue_max;
    /// Threads that only run plugins which verify requests; 0: one for two cores, and two at least.
    verify_workers: number(THREADS) => process.verify_workers;
    /// Requests that may wait for one of those; one more is told to come again.
    verify_queue_max: number(COUNT, 1..) => config.plugin.verify_queue_max;
    /// The largest plugin, up to 67108864.
    component_bytes_max: number(BYTES, 1..) => config.plugin.component_bytes_max;
    /// Plugins whose compiled form is not larger are loaded at the start; others when they are first used.
    plugin_eager_bytes_max: number(BYTES) => config.plugin.eager_bytes_max;
    /// How large the folder of compiled plugins may grow.
    plugin_cache_bytes_max: number(BYTES) => config.plugin.cache_bytes_max;
    /// Memory that compiling one plugin may use.
    compile_memory_bytes: number(BYTES, 1..) => config.plugin.compile.memory_bytes;
    /// Processor time that compiling one plugin may use.
    compile_cpu_seconds: number(SECONDS, 1..) => config.plugin.compile.cpu_seconds;
    /// Time that compiling one plugin may take.
    compile_wall_ms: number(MS, 1..) => config.plugin.compile.wall_ms;
    /// Threads that compiling one plugin uses; 0: a quarter of the cores.
    compile_threads: number(THREADS) => process.compile_threads;
    /// Uploaded versions that may wait to be compiled, of all plugins together.
    uploads_waiting_max: number(COUNT, 1..) => config.versioning.uploads_waiting_max;
    /// Versions of one plugin that are kept although nothing uses them, newest first.
    versions_unused_max: number(COUNT) => config.versioning.unused_max;
    /// A version that is not among them stays for so long after it was last used.
    versions_idle_ms_min: number(MS) => config.versioning.idle_ms_min;
    /// How often versions that are over are looked for.
    versions_collect_every_ms: number(MS, 1..) => config.versioning.collect_every_ms;
};
