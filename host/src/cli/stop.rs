//! How a running host is told to stop: by SIGTERM or SIGINT (Ctrl-C), in order; by a second one, at once.

use std::{io, process};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// What a process that a signal ended gives shells as its status, with the signal's number added.
const SIGNAL_STATUS: i32 = 128;

/// Becomes true at the first signal.
#[derive(Clone, Debug)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens from now on, on a task of its own, so that a second signal is heard whatever the first one's work is at.
    pub(super) fn on_signals() -> io::Result<Self> {
        let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (told, stop) = watch::channel(false);
        tokio::spawn(async move {
            next(&mut term, &mut interrupt).await;
            tracing::info!("stopping; a second signal ends it at once");
            told.send_replace(true);
            let second = next(&mut term, &mut interrupt).await;
            tracing::warn!("ended at once; what was under way is repeated after the next start");
            process::exit(SIGNAL_STATUS + second.as_raw_value());
        });
        Ok(Self(stop))
    }

    /// Ready from the first signal on.
    pub(super) async fn told(mut self) {
        // The sender is gone only with the whole process.
        let _ = self.0.wait_for(|told| *told).await;
    }
}

async fn next(term: &mut Signal, interrupt: &mut Signal) -> SignalKind {
    tokio::select! {
        _ = term.recv() => SignalKind::terminate(),
        _ = interrupt.recv() => SignalKind::interrupt(),
    }
}
