//! What the journal counted in a turn.

/// Of the metrics: where they stood before the turn is taken off.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    /// Stored and answered.
    pub(crate) events_per_second: f64,
    /// Processor time for each, of the whole process.
    pub(crate) cpu_us: f64,
    /// In transactions that appended any.
    events: f64,
    /// Transactions that appended any,
    appending: f64,
    /// and all.
    commits: f64,
    syncs: f64,
    sync_secs: f64,
}

impl Counted {
    /// As `/metrics` tells it.
    pub(crate) fn of(metrics: &str) -> Self {
        let value = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in the metrics"))
        };
        Self {
            events: value("sluicebox_journal_commit_events_sum"),
            appending: value("sluicebox_journal_commit_events_count"),
            commits: value("sluicebox_journal_commits_total"),
            syncs: value("sluicebox_journal_sync_duration_seconds_count"),
            sync_secs: value("sluicebox_journal_sync_duration_seconds_sum"),
            ..Self::default()
        }
    }

    /// What came to it since then, in which so many events were answered.
    pub(crate) fn since(self, before: &Self, answered: usize, secs: f64, cpu_ms: u64) -> Self {
        let counted = Self {
            events_per_second: answered as f64 / secs,
            cpu_us: cpu_ms as f64 * 1e3 / answered as f64,
            events: self.events - before.events,
            appending: self.appending - before.appending,
            commits: self.commits - before.commits,
            syncs: self.syncs - before.syncs,
            sync_secs: self.sync_secs - before.sync_secs,
        };
        assert!(counted.events >= answered as f64, "{answered} were answered, {} are in commits", counted.events);
        assert!(counted.syncs >= counted.appending, "{} commits of events had {} syncs", counted.appending, counted.syncs);
        counted
    }

    pub(crate) fn events_per_sync(&self) -> f64 {
        self.events / self.appending
    }

    pub(crate) fn commits_per_event(&self) -> f64 {
        self.commits / self.events
    }

    pub(crate) fn sync_ms(&self) -> f64 {
        self.sync_secs * 1e3 / self.syncs
    }
}
