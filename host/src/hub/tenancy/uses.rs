//! When keys were last used: noted in memory by every call, and told to the journal now and then by who asks here. It is a runtime
//! fact: no record has it, and losing a minute of it harms nobody.

use std::sync::atomic::Ordering;

use crate::{event::Timestamp, hub::Hub};

impl Hub {
    /// When each key that was ever used was used last, as far as is known.
    #[must_use]
    pub fn key_uses(&self) -> Vec<(String, Timestamp)> {
        let tenants = self.inner.tenancy.load();
        let used = tenants.keys.iter().map(|(id, held)| (id.clone(), Timestamp(held.used_at.load(Ordering::Relaxed))));
        used.filter(|(_, at)| *at != Timestamp(0)).collect()
    }

    /// Takes in what an earlier process knew.
    pub fn recall_key_uses(&self, uses: &[(String, Timestamp)]) {
        let tenants = self.inner.tenancy.load();
        for (id, at) in uses {
            if let Some(held) = tenants.keys.get(id) {
                held.used_at.fetch_max(at.0, Ordering::Relaxed);
            }
        }
    }
}
