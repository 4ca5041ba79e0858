//! What one instance holds: counted over all its memories and tables together, and refused over the limit.
//!
//! wasmtime's own limiter counts each memory for itself, so that a component of two memories would have twice the limit. A
//! refusal here ends the call at once with an error of our own, by which `fault` knows it: a guest that was merely told "no"
//! would abort in its allocator, and look like a panic.

use wasmtime::ResourceLimiter;

use super::limits::TABLE_ELEMENTS_MAX;

/// Counts, and refuses.
#[derive(Debug)]
pub(super) struct Meter {
    memory_bytes_max: usize,
    memory_bytes: usize,
    table_elements: usize,
}

/// The guest asked for more than it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum OverLimit {
    /// All memories together would have had so many bytes.
    #[error("{wanted_bytes} bytes of memory are over the limit")]
    Memory {
        /// What it would have had.
        wanted_bytes: usize,
    },
    /// All tables together would have had so many elements.
    #[error("{wanted} table elements are over the limit of {TABLE_ELEMENTS_MAX}")]
    Tables {
        /// What it would have had.
        wanted: usize,
    },
}

/// The guest asked for what it may have, and the host had none: not the plugin's fault.
#[derive(Debug, thiserror::Error)]
#[error("the host is out of memory for guests: {0}")]
pub(super) struct HostExhausted(String);

impl Meter {
    pub(super) fn new(memory_bytes_max: usize) -> Self {
        Self { memory_bytes_max, memory_bytes: 0, table_elements: 0 }
    }

    /// The most that was held: memories only grow.
    pub(super) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if exceeds(desired, maximum) {
            return Ok(false);
        }
        let wanted_bytes = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        if wanted_bytes > self.memory_bytes_max {
            return Err(OverLimit::Memory { wanted_bytes }.into());
        }
        self.memory_bytes = wanted_bytes;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(HostExhausted(error.to_string()).into())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if exceeds(desired, maximum) {
            return Ok(false);
        }
        let wanted = self.table_elements.saturating_add(desired.saturating_sub(current));
        if wanted > TABLE_ELEMENTS_MAX {
            return Err(OverLimit::Tables { wanted }.into());
        }
        self.table_elements = wanted;
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(HostExhausted(error.to_string()).into())
    }

    fn instances(&self) -> usize {
        super::engine::CORE_INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        super::engine::TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        super::engine::MEMORIES_MAX as usize
    }
}

/// Whether the guest asks for more than its own declaration allows: it is told "no", as the specification of WebAssembly has it.
fn exceeds(desired: usize, maximum: Option<usize>) -> bool {
    maximum.is_some_and(|maximum| desired > maximum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_summed() {
        let mut meter = Meter::new(100);
        assert!(meter.memory_growing(0, 60, None).expect("within the limit"));
        assert!(meter.memory_growing(0, 30, None).expect("a second memory, still within"));
        let refused = meter.memory_growing(30, 41, None).expect_err("101 together");
        assert_eq!(refused.downcast_ref(), Some(&OverLimit::Memory { wanted_bytes: 101 }));
        assert_eq!(meter.memory_bytes(), 90);
    }

    #[test]
    fn the_guests_own_maximum_and_the_hosts_exhaustion_are_told_apart() {
        let mut meter = Meter::new(100);
        assert!(!meter.memory_growing(0, 60, Some(50)).expect("not over our limit"));
        assert_eq!(meter.memory_bytes(), 0);
        let failed = meter.memory_grow_failed(wasmtime::Error::msg("mprotect")).expect_err("always an error");
        assert!(failed.is::<HostExhausted>());
    }
}
