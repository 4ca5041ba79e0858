//! The journal in this process, without anything around it.

use std::{
    process,
    sync::Arc,
    time::{Duration, Instant},
};

use prometheus_client::{encoding::text, registry::Registry};
use sluicebox::{
    config::system_clock,
    journal::{self, Journal},
};
use sluicebox_tests::{bench, pending, process::cpu_ms};
use tokio::task::JoinSet;

use crate::counted::Counted;

const TURN: Duration = Duration::from_secs(1);

/// So many writers, each with one event at a time.
pub(crate) async fn turn(writers: usize) -> Counted {
    let (folder, mut registry) = (bench::scratch(), Registry::default());
    let options = journal::Options::in_folder(folder.path().join("journal"));
    let journal: Arc<dyn Journal> = journal::open(&options, system_clock(), &mut registry).expect("a journal");
    let metrics = || {
        let mut page = String::new();
        text::encode(&mut page, &registry).expect("metrics");
        Counted::of(&page)
    };
    let (before, cpu_before, begun) = (metrics(), cpu_ms(process::id()), Instant::now());
    let mut writing = JoinSet::new();
    for writer in 0..writers {
        writing.spawn(write(Arc::clone(&journal), writer, begun + TURN));
    }
    let stored: usize = writing.join_all().await.into_iter().sum();
    let (secs, cpu_ms) = (begun.elapsed().as_secs_f64(), cpu_ms(process::id()) - cpu_before);
    let counted = metrics().since(&before, stored, secs, cpu_ms);
    journal.close().await.expect("an end");
    counted
}

async fn write(journal: Arc<dyn Journal>, writer: usize, until: Instant) -> usize {
    /// More than one writer stores in a turn.
    const OF_A_WRITER: usize = 1_000_000;
    let mut stored = 0;
    while Instant::now() < until {
        journal.append(vec![pending::event(writer * OF_A_WRITER + stored)]).await.expect("it is stored");
        stored += 1;
    }
    stored
}
