//! The engine: how guests are compiled and what surrounds them, and the clock that stops them.
//!
//! Nothing here makes a call's outcome depend on the machine it runs on: floating point results are canonical, and a guest has
//! neither threads nor a random number. What is not deterministic is the wall clock, which is a backstop for the fuel.

use std::{
    thread,
    time::{Duration, Instant},
};

use wasmtime::{Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::{LoadError, Options, load_error};

/// Core instances within one component: the Python toolchain links some twenty modules into one.
pub(super) const CORE_INSTANCES_MAX: u32 = 64;
/// Memories within one component: its own, and those of what its toolchain puts around it (JavaScript's two that stand in for WASI).
pub(super) const MEMORIES_MAX: u32 = 4;
/// Tables within one component.
pub(super) const TABLES_MAX: u32 = 8;

/// Lengths of time that a guest may run for are counted in these.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// What of a memory is cleared with `memset` and kept for the next instance; giving pages back to the kernel takes a lock on the
/// address space that all workers share.
const KEEP_RESIDENT_BYTES: usize = 512 << 10;

/// Starts the engine and its ticker.
///
/// # Errors
///
/// The machine cannot run it at all.
pub(super) fn start(options: &Options) -> Result<Engine, LoadError> {
    let engine = Engine::new(&pooled(options)).or_else(|error| {
        tracing::warn!(%error, "the pool of guest memories could not be reserved: each call maps its own, which is slower");
        Engine::new(&base())
    });
    let engine = engine.map_err(|error| load_error::engine(&error))?;
    let weak = engine.weak();
    let ticker = thread::Builder::new().name("plugin-ticker".into()).spawn(move || tick(&weak));
    ticker.map_err(|error| load_error::engine(&error))?;
    Ok(engine)
}

/// All that does not concern where instances come from, and so all that native code depends on. Threads, garbage collection and asynchronous calls are not compiled in.
pub(super) fn base() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .consume_fuel(true)
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .max_wasm_stack(super::limits::WASM_STACK_BYTES)
        .memory_init_cow(true);
    config
}

/// With a small pool: enough for each worker and for a few components that are being loaded.
fn pooled(options: &Options) -> Config {
    let workers = options.workers.saturating_add(options.verify_workers);
    let slots = u32::try_from(workers).unwrap_or(u32::MAX).saturating_mul(2).saturating_add(8);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES_MAX))
        .total_memories(slots.saturating_mul(MEMORIES_MAX))
        .total_tables(slots.saturating_mul(TABLES_MAX))
        .max_core_instances_per_component(CORE_INSTANCES_MAX)
        .max_memories_per_component(MEMORIES_MAX)
        .max_tables_per_component(TABLES_MAX)
        .max_memories_per_module(MEMORIES_MAX)
        .max_tables_per_module(TABLES_MAX)
        .table_elements(super::limits::TABLE_ELEMENTS_MAX)
        .linear_memory_keep_resident(KEEP_RESIDENT_BYTES)
        .table_keep_resident(KEEP_RESIDENT_BYTES)
        // May show an instance what was swapped out of the one before it (wasmtime#14357).
        .pagemap_scan(Enabled::No);
    let mut config = base();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// Moves the engine's epoch on with the clock until the engine is gone. On a thread of its own: a task could be starved by the
/// very guest that it is to stop.
fn tick(engine: &EngineWeak) {
    let mut next = Instant::now() + TICK;
    loop {
        thread::sleep(next.saturating_duration_since(Instant::now()));
        let Some(engine) = engine.upgrade() else { return };
        // A sleep is always a little too long: without catching up, a deadline of seconds would drift by tenths.
        while next <= Instant::now() {
            engine.increment_epoch();
            next += TICK;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash, Hasher};

    use super::*;

    #[test]
    fn an_address_space_too_small_for_the_pool_still_gives_an_engine() {
        let options = Options { workers: 1 << 20, queue_max: 1, ..Options::default() };
        assert!(Engine::new(&pooled(&options)).is_err(), "8 PiB cannot be reserved");
        assert!(start(&options).is_ok());
    }

    #[test]
    fn what_another_process_compiles_fits_whatever_the_pool() {
        let hash = |config: &Config| {
            let mut hasher = DefaultHasher::new();
            Engine::new(config).expect("an engine").precompile_compatibility_hash().hash(&mut hasher);
            hasher.finish()
        };
        assert_eq!(hash(&pooled(&Options { workers: 1, ..Options::default() })), hash(&base()));
        assert_ne!(hash(base().consume_fuel(false)), hash(&base()));
    }

    #[test]
    fn the_ticker_ends_with_its_engine() {
        let engine = Engine::new(&base()).expect("an engine");
        let weak = engine.weak();
        let ticker = thread::spawn(move || tick(&weak));
        drop(engine);
        ticker.join().expect("it ends");
    }
}
