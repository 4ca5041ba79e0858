//! An ordered map whose clones share what they have in common: to clone one of 100,000 entries and change one of them is to copy a few
//! hundred, and no count of references is touched that is not affected.

use std::{fmt, sync::Arc};

/// Entries that are copied when one of them changes.
const CHUNK_MAX: usize = 256;

/// The map.
#[derive(Clone)]
pub(super) struct SharedMap<K, V> {
    /// In order, none empty.
    chunks: Vec<Arc<Chunk<K, V>>>,
    len: usize,
}

/// In order of the keys.
type Chunk<K, V> = Vec<(K, V)>;

impl<K: Ord + Clone, V: Clone> SharedMap<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let chunk = self.chunks.get(self.chunk_of(key))?;
        let at = chunk.binary_search_by(|(known, _)| known.cmp(key)).ok()?;
        Some(&chunk[at].1)
    }

    pub(super) fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Puts the value in the place of what was there.
    pub(super) fn insert(&mut self, key: K, value: V) {
        let index = self.chunk_of(&key);
        let Some(chunk) = self.chunks.get_mut(index) else {
            self.chunks.push(Arc::new(vec![(key, value)]));
            self.len = 1;
            return;
        };
        let chunk = Arc::make_mut(chunk);
        match chunk.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(at) => chunk[at].1 = value,
            Err(at) => {
                chunk.insert(at, (key, value));
                self.len += 1;
                if chunk.len() > CHUNK_MAX {
                    let upper = chunk.split_off(CHUNK_MAX / 2);
                    self.chunks.insert(index + 1, Arc::new(upper));
                }
            }
        }
    }

    pub(super) fn remove(&mut self, key: &K) {
        if !self.contains_key(key) {
            return;
        }
        let index = self.chunk_of(key);
        let chunk = Arc::make_mut(&mut self.chunks[index]);
        chunk.retain(|(known, _)| known != key);
        self.len -= 1;
        if chunk.is_empty() {
            self.chunks.remove(index);
        }
    }

    /// The chunk that the key is in, or belongs to.
    fn chunk_of(&self, key: &K) -> usize {
        self.chunks.partition_point(|chunk| chunk[0].0 <= *key).saturating_sub(1)
    }
}

impl<K, V> SharedMap<K, V> {
    /// In the order of the keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).map(|(key, value)| (key, value))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.iter().map(|(key, _)| key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for SharedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut map = Self::default();
        entries.into_iter().for_each(|(key, value)| map.insert(key, value));
        map
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for SharedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::event::Random;

    #[test]
    fn it_is_what_a_tree_of_the_same_entries_is() {
        let mut random = Random(7);
        let (mut map, mut tree) = (SharedMap::default(), BTreeMap::new());
        for step in 0..20_000_u64 {
            let key = random.within(0, 2_999);
            // Grows first, and shrinks to nothing in the end.
            if random.within(0, 19_999) > step {
                map.insert(key, step);
                tree.insert(key, step);
            } else {
                map.remove(&key);
                tree.remove(&key);
            }
            assert_eq!((map.get(&key), map.len(), map.is_empty()), (tree.get(&key), tree.len(), tree.is_empty()));
            if step % 500 == 0 {
                assert!(map.iter().eq(&tree) && map.keys().eq(tree.keys()) && map.values().eq(tree.values()));
                assert!(map.chunks.iter().all(|chunk| (1..=CHUNK_MAX).contains(&chunk.len())));
            }
        }
    }

    #[test]
    fn a_clone_shares_all_but_what_is_changed() {
        let map: SharedMap<u32, u32> = (0..10_000).map(|n| (n, n)).collect();
        let mut changed = map.clone();
        changed.insert(5_000, 0);
        changed.remove(&9_999);
        assert_eq!((map.get(&5_000), map.get(&9_999)), (Some(&5_000), Some(&9_999)));
        assert_eq!((changed.get(&5_000), changed.get(&9_999)), (Some(&0), None));
        let own = changed.chunks.iter().filter(|chunk| Arc::strong_count(chunk) == 1).count();
        assert_eq!(own, 2);
    }
}
