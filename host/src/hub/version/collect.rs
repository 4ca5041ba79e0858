//! Collecting what nobody uses any more: versions beyond the kept ones, and then the files of components that no version, no document of
//! today and no pending work names; a kept record of an older revision does not hold them. What is being called stays whole, whoever removes its files: a call holds its component.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use tokio::sync::watch;

use super::{Line, State};
use crate::{
    event::{Digest, Timestamp},
    hub::{Hub, HubError, Inner, StoreError, revision::RecordsError, spec},
};

/// The most revisions that pending work may be pinned to for a collection to take place: each is read from its records.
const REVISIONS_MAX: usize = 1_000;

impl Hub {
    /// Collects every so often, until the host stops. `pinned` asks which revisions pending work is pinned to; without an answer nothing
    /// is collected.
    pub async fn keep_collecting<P: Future<Output = Option<BTreeSet<u64>>>>(
        &self,
        pinned: impl Fn() -> P,
        mut stopped: watch::Receiver<bool>,
    ) {
        let pause = Duration::from_millis(self.inner.versioning.collect_every_ms.max(1));
        let mut stopping = std::pin::pin!(stopped.wait_for(|stop| *stop));
        loop {
            tokio::select! {
                _ = &mut stopping => return,
                () = tokio::time::sleep(pause) => {}
            }
            if let Err(error) = self.collect(&pinned).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "unused versions of plugins were not collected");
            }
            if let Err(error) = self.retire_data_keys().await {
                tracing::warn!(error = &error as &dyn std::error::Error, "unused data keys were not removed");
            }
        }
    }

    /// Removes what is over. Nothing is applied meanwhile, so that nobody begins to use what goes: what work is pinned to is asked when that
    /// is certain.
    async fn collect<P: Future<Output = Option<BTreeSet<u64>>>>(&self, pinned: &impl Fn() -> P) -> Result<(), HubError> {
        let turn = self.inner.turn.clone().lock_owned().await;
        let pinned = match pinned().await {
            Some(pinned) if pinned.len() <= REVISIONS_MAX => pinned,
            _ => return Ok(()),
        };
        let collected = self.with_versions(move |inner| {
            let _turn = turn;
            inner.collect(&pinned)
        });
        let gone = collected.await?;
        if !gone.is_empty() {
            tracing::info!(components = gone.len(), "components that nothing uses any more were removed");
        }
        Ok(())
    }
}

impl Inner {
    /// The components whose files are removed.
    fn collect(&self, pinned: &BTreeSet<u64>) -> Result<Vec<Digest>, StoreError> {
        let mut used = self.used(pinned)?;
        let (now, keep) = ((self.clock)(), &self.versioning);
        let mut over = Vec::new();
        for (place, _) in self.versions.all() {
            over.extend(self.versions.change(&place, |line| line.collect(&used, keep.unused_max, keep.idle_ms_min, now))?);
        }
        // One plugin's old version may be another's of today.
        used.extend(self.versions.digests());
        let components = &self.catalogue.components;
        let mut gone = components.remove_except(&used)?;
        for (digest, idle_since) in over.into_iter().filter(|(digest, _)| !used.contains(digest)) {
            if components.remove(&digest, idle_since)? {
                gone.push(digest);
            }
        }
        for digest in &gone {
            self.catalogue.plugins.forget(digest);
        }
        self.release();
        Ok(gone)
    }

    /// The components of today's documents, and of those that pending work is pinned to.
    fn used(&self, pinned: &BTreeSet<u64>) -> Result<HashSet<Digest>, RecordsError> {
        let state = self.state.load();
        // Not of the former rule sets that are in memory: they hold what they run.
        let mut used: HashSet<Digest> = state.digests().collect();
        for revision in pinned.range(..state.revision) {
            let documents = self.revisions.at(*revision)?.unwrap_or_default();
            used.extend(documents.iter().flat_map(|(entry, document)| spec::digests(entry.kind, document)));
        }
        Ok(used)
    }
}

impl Line {
    /// Forgets unused versions but for the newest `unused_max`, or all where there is no plugin, once they were unused for long enough; tells
    /// which, and since when they were unused.
    fn collect(
        &mut self,
        used: &HashSet<Digest>,
        unused_max: usize,
        idle_ms_min: u64,
        now: Timestamp,
    ) -> Vec<(Digest, Timestamp)> {
        // A plugin that is gone, or never was, needs none of them; this long they wait for it.
        let unused_max = if self.active.is_some() { unused_max } else { 0 };
        for version in &mut self.versions {
            let waits = matches!(version.state, State::Queued | State::Compiling) || version.activate.is_some();
            let stays = waits || used.contains(&version.digest) || self.before == Some(version.digest);
            version.idle_since = if stays { None } else { version.idle_since.or(Some(now)) };
        }
        let idle = self.versions.iter().filter(|version| version.idle_since.is_some()).count();
        let mut over = idle.saturating_sub(unused_max);
        let mut gone = Vec::new();
        // The oldest uploads come first.
        self.versions.retain(|version| match version.idle_since {
            Some(since) if over > 0 && now.ms_since(since) >= idle_ms_min => {
                gone.push((version.digest, since));
                over -= 1;
                false
            }
            _ => true,
        });
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hub::version::Version, plugin::Exports};

    fn line(texts: &[&str]) -> Line {
        let version = |text: &&str| Version {
            digest: Digest::of(text.as_bytes()),
            bytes: 1,
            uploaded_at: Timestamp(0),
            state: State::Ready(Exports::default()),
            problem: None,
            activate: None,
            idle_since: None,
        };
        Line { versions: texts.iter().map(version).collect(), ..Line::default() }
    }

    fn left(line: &Line) -> Vec<Digest> {
        line.versions.iter().map(|version| version.digest).collect()
    }

    #[test]
    fn the_oldest_of_what_is_unused_goes_once_it_was_unused_long_enough() {
        let mut line = line(&["used", "old", "before", "new"]);
        let digest = |text: &str| Digest::of(text.as_bytes());
        (line.active, line.before) = (Some(digest("used")), Some(digest("before")));
        let used = HashSet::from([digest("used")]);
        line.collect(&used, 1, 10, Timestamp(100));
        line.collect(&used, 1, 10, Timestamp(109));
        assert_eq!(line.versions.len(), 4, "9 ms are too few");
        line.collect(&used, 1, 10, Timestamp(110));
        assert_eq!(left(&line), ["used", "before", "new"].map(digest));
        line.collect(&used, 0, 10, Timestamp(110));
        assert_eq!(left(&line), ["used", "before"].map(digest), "a rollback has where to go");
    }

    #[test]
    fn of_a_plugin_that_is_gone_nothing_stays() {
        let mut line = line(&["new", "old"]);
        line.follow(Some((Digest::of(b"old"), Exports::default())), 1, Timestamp(0));
        line.follow(Some((Digest::of(b"new"), Exports::default())), 1, Timestamp(0));
        line.follow(None, 0, Timestamp(0));
        line.collect(&HashSet::new(), 10, 10, Timestamp(0));
        assert_eq!(line.versions.len(), 2, "not at once");
        line.collect(&HashSet::new(), 10, 10, Timestamp(10));
        assert_eq!(line, Line::default());
    }

    #[test]
    fn what_is_used_again_is_not_over() {
        let mut line = line(&["a"]);
        let a = HashSet::from([Digest::of(b"a")]);
        line.collect(&HashSet::new(), 0, 10, Timestamp(0));
        line.collect(&a, 0, 10, Timestamp(9));
        line.collect(&HashSet::new(), 0, 10, Timestamp(10));
        assert_eq!(line.versions.len(), 1);
        line.collect(&HashSet::new(), 0, 10, Timestamp(20));
        assert!(line.versions.is_empty());
    }
}
