//! One plugin that misbehaves costs the others nothing.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::task::JoinHandle;

use super::{
    guest::{KEEP, SPIN},
    *,
};

impl World {
    /// So many events for one plugin, each of which is counted when it is through.
    fn events(&self, count: usize, plugin: &Arc<Bound>) -> (Vec<JoinHandle<()>>, Arc<AtomicUsize>) {
        let ended = Arc::new(AtomicUsize::new(0));
        let event_of = |_| {
            let (plugins, chain) = (Arc::clone(&self.plugins), Arc::from([Arc::clone(plugin)]));
            let ended = Arc::clone(&ended);
            tokio::spawn(async move {
                plugins.run(chain, Call { event: event(), attempt: 1, now: crate::event::Timestamp(0), state: None }).await;
                ended.fetch_add(1, SeqCst);
            })
        };
        ((0..count).map(event_of).collect(), ended)
    }

    /// Has 64 events of a plugin that spins to its limit, then 20 of a healthy one, which are all through long before.
    async fn keeps_its_promise(self) {
        let limits = json!({ "fuel": 1_000_000_000, "time_ms": 100 });
        let spinning = self.plugin("spinning", &Guest::filter(SPIN), limits).await;
        let healthy = self.plugin("healthy", &Guest::filter(KEEP), json!({})).await;
        let (_waiting, spun) = self.events(64, &spinning);
        // The tasks of this runtime begin in the order in which they were spawned.
        let (all, through) = self.events(20, &healthy);
        for event in all {
            event.await.expect("no panic");
        }
        assert_eq!(through.load(SeqCst), 20);
        assert!(spun.load(SeqCst) < 32, "{} of the spinning ones were through before", spun.load(SeqCst));
    }
}

#[tokio::test]
async fn a_plugin_that_spins_holds_up_its_own_events_only() {
    World::with(&Options { workers: 2, queue_max: 1_024, ..Options::default() }).keeps_its_promise().await;
}

#[tokio::test]
async fn it_does_not_fill_the_queue_either() {
    World::with(&Options { workers: 2, queue_max: 4, ..Options::default() }).keeps_its_promise().await;
}

#[tokio::test]
async fn with_one_worker_they_take_turns() {
    World::with(&Options { workers: 1, queue_max: 1_024, ..Options::default() }).keeps_its_promise().await;
}
