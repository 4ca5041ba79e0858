//! Random numbers for guests: a stream that depends on what is called and on which event, so that a repeat sees the same again.

use sha2::{Digest as _, Sha256};

use super::limits::RANDOM_BYTES_MAX;
use crate::event::Digest;

/// The guest asked for more at once than anybody may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{wanted} random bytes at once, the limit is {RANDOM_BYTES_MAX}")]
pub(super) struct TooMuchRandom {
    wanted: u32,
}

/// One call's stream: SHA-256 of a key and a counter, block after block.
#[derive(Debug)]
pub(super) struct Random {
    key: [u8; 32],
    blocks: u64,
    /// The last block, and how much of it has been handed out.
    block: [u8; 32],
    used: usize,
}

impl Random {
    /// The stream of a call: of this component, of this function, on what has this id. Other tries of the same call have the same.
    pub(super) fn of(digest: &Digest, export: &str, id: &str) -> Self {
        let key =
            Sha256::new().chain_update(digest.as_bytes()).chain_update(export).chain_update([0]).chain_update(id).finalize();
        Self { key: key.into(), blocks: 0, block: [0; 32], used: 32 }
    }

    /// The next `wanted` bytes.
    pub(super) fn bytes(&mut self, wanted: u32) -> Result<Vec<u8>, TooMuchRandom> {
        if wanted > RANDOM_BYTES_MAX {
            return Err(TooMuchRandom { wanted });
        }
        let wanted = wanted as usize;
        let mut bytes = Vec::with_capacity(wanted);
        while bytes.len() < wanted {
            if self.used == self.block.len() {
                self.refill();
            }
            let end = self.block.len().min(self.used + wanted - bytes.len());
            bytes.extend_from_slice(&self.block[self.used..end]);
            self.used = end;
        }
        Ok(bytes)
    }

    fn refill(&mut self) {
        self.block = Sha256::new().chain_update(self.key).chain_update(self.blocks.to_le_bytes()).finalize().into();
        self.blocks += 1;
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(export: &str, id: &str) -> Random {
        Random::of(&Digest::of(b"component"), export, id)
    }

    #[test]
    fn a_stream_does_not_depend_on_how_it_is_read() {
        let whole = stream("filter", "evt_1").bytes(100).expect("few");
        let mut parts = stream("filter", "evt_1");
        let read: Vec<u8> = [0, 1, 31, 33, 35].into_iter().flat_map(|n| parts.bytes(n).expect("few")).collect();
        assert_eq!(read, whole);
        assert_ne!(whole[..32], whole[32..64]);
    }

    #[test]
    fn each_call_has_a_stream_of_its_own() {
        let first = |export, id| stream(export, id).bytes(16).expect("few");
        assert_eq!(first("filter", "evt_1"), first("filter", "evt_1"));
        assert_ne!(first("filter", "evt_1"), first("filter", "evt_2"));
        assert_ne!(first("filter", "evt_1"), first("transform", "evt_1"));
        assert_ne!(first("filter", "evt_1"), Random::of(&Digest::of(b"other"), "filter", "evt_1").bytes(16).expect("few"));
    }

    #[test]
    fn nobody_has_more_than_the_limit_at_once() {
        assert_eq!(stream("key", "a").bytes(RANDOM_BYTES_MAX).expect("as much as allowed").len(), 65_536);
        assert_eq!(stream("key", "a").bytes(u32::MAX), Err(TooMuchRandom { wanted: u32::MAX }));
    }
}
