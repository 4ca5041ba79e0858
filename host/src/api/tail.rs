//! Following the journal live: each follower reads at its own pace what was stored, and is woken when something was. Nothing is kept for
//! one who is slow but its place in the journal; the committer waits for nobody here.

use std::{future::pending, sync::Arc, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

use super::Options;
use crate::{
    deliver::{NoSeat, Seat, Seats},
    event::{Clock, EventId, Name, Timestamp},
    journal::{EventFilter, EventRecord, Journal, JournalError, TailFilter},
};

/// Events looked at at once.
const EVENTS_MAX: usize = 256;
/// The bodies read at once; what is one too many comes on top.
const BODY_BYTES: usize = 1 << 20;
/// Between two looks that found something: many commits a second are read as few parts.
const LOOK_AGAIN_MS: u64 = 20;
/// At the latest so long after a look comes the next, so that who may not follow any more is not kept.
const LOOK_AT_LATEST_MS: u64 = 15_000;
/// After a look that failed.
const TRY_AGAIN_MS: u64 = 1_000;
/// An event whose id is not known any more (it was removed) is gone on from by its time, less what passes at most between the id of an
/// event and its place in the journal: the time to verify and to store.
const ID_TO_PLACE_MS: u64 = 30_000;

/// All who follow the journal.
pub struct Tails {
    journal: Arc<dyn Journal>,
    clock: Clock,
    /// One for each stream.
    streams: Arc<Seats>,
    stall: Duration,
    stopped: watch::Receiver<bool>,
    metrics: Metrics,
}

/// What is followed.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) workspace: Name,
    pub(super) source: Option<Name>,
    pub(super) event_type: Option<String>,
}

/// A place from which the journal is followed, and an id that stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    after: u64,
    pub(super) id: EventId,
}

/// One of the streams that there may be.
pub(super) struct Stream {
    _seat: Seat,
    open: Gauge,
}

/// As many streams are open as may be.
#[derive(Debug, thiserror::Error)]
pub(super) enum TooMany {
    #[error("{0} streams of events are open already, which is the limit (serve --event-streams-max)")]
    All(usize),
    #[error("{0} streams of this workspace are open already, which is its share (serve --workspace-event-streams-max)")]
    OfWorkspace(usize),
}

/// Why a stream ended.
#[derive(Clone, Copy, Debug)]
enum End {
    /// The reader went away.
    Left,
    /// The reader took nothing for too long.
    Stalled,
    /// The reader may not follow any more: the key has ended, or its workspace is gone.
    Refused,
    /// The host stops.
    Stopped,
}

impl Tails {
    /// Nobody follows yet.
    pub fn new(
        options: &Options,
        journal: Arc<dyn Journal>,
        clock: Clock,
        stopped: watch::Receiver<bool>,
        registry: &mut Registry,
    ) -> Arc<Self> {
        Arc::new(Self {
            journal,
            clock,
            streams: Seats::new(options.event_streams_max, options.workspace_event_streams_max),
            stall: Duration::from_millis(options.event_stream_stall_ms),
            stopped,
            metrics: Metrics::new(registry),
        })
    }

    /// One more stream of a workspace, where there may be one.
    pub(super) fn open(&self, workspace: &Name) -> Result<Stream, TooMany> {
        let seat = self.streams.take(workspace).map_err(|none| {
            self.metrics.refused.inc();
            match none {
                NoSeat::Full(max) => TooMany::All(max),
                NoSeat::Share(max) => TooMany::OfWorkspace(max),
            }
        })?;
        self.metrics.open.inc();
        Ok(Stream { _seat: seat, open: self.metrics.open.clone() })
    }

    /// The place after this event or, without one, after all that are stored.
    pub(super) async fn place(&self, workspace: &Name, after: Option<EventId>) -> Result<Place, JournalError> {
        if let Some(id) = after {
            if let Some((record, ..)) = self.journal.event(workspace.clone(), id).await? {
                return Ok(Place { after: record.seq, id });
            }
            let since = Timestamp(id.made_at().0.saturating_sub(ID_TO_PLACE_MS));
            let later = EventFilter { since: Some(since), after: Some(0), ..EventFilter::newest(workspace.clone(), 1) };
            if let Some(first) = self.journal.events(later).await?.items.first() {
                return Ok(Place { after: first.seq - 1, id });
            }
        }
        let newest = self.journal.events(EventFilter::newest(workspace.clone(), 1)).await?;
        // Where there is none, an id of now stands for the beginning: nothing is older.
        let none = || Place { after: 0, id: EventId::new((self.clock)(), [0; 10]) };
        Ok(newest.items.first().map_or_else(none, |record| Place { after: record.seq, id: record.event.id }))
    }

    /// Gives what is stored from a place on, until the reader goes away or may not follow any more, which is asked before each event, or the
    /// host stops.
    pub(super) async fn follow<T>(
        self: Arc<Self>,
        wanted: Wanted,
        place: Place,
        may: impl Fn() -> bool,
        told: impl Fn(&EventRecord) -> T,
        reader: mpsc::Sender<T>,
    ) {
        let end = tokio::select! {
            end = self.give(wanted, place, may, told, &reader) => end,
            () = reader.closed() => End::Left,
            () = stopped(self.stopped.clone()) => End::Stopped,
        };
        tracing::debug!(?end, "a stream of events has ended");
        self.metrics.ended(end);
    }

    async fn give<T>(
        &self,
        wanted: Wanted,
        place: Place,
        may: impl Fn() -> bool,
        told: impl Fn(&EventRecord) -> T,
        reader: &mpsc::Sender<T>,
    ) -> End {
        let Wanted { workspace, source, event_type } = wanted;
        let (events_max, body_bytes) = (EVENTS_MAX, BODY_BYTES);
        let mut from = TailFilter { workspace, source, event_type, after: place.after, events_max, body_bytes };
        loop {
            // Before the look, so that no mark is missed.
            let appended = self.journal.feed().appended.notified();
            if !may() {
                return End::Refused;
            }
            let tail = match self.journal.tail(from.clone()).await {
                Ok(tail) => tail,
                Err(JournalError::Closed) => return End::Stopped,
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a stream of events waits for the journal");
                    sleep(Duration::from_millis(TRY_AGAIN_MS)).await;
                    continue;
                }
            };
            for record in &tail.events {
                // What is told is made when there is room for it, and not before.
                match timeout(self.stall, reader.reserve()).await {
                    Ok(Ok(_)) if !may() => return End::Refused,
                    Ok(Ok(room)) => room.send(told(record)),
                    Ok(Err(_)) => return End::Left,
                    Err(_) => return End::Stalled,
                }
                self.metrics.events.inc();
            }
            if tail.reached > from.after {
                from.after = tail.reached;
                if !tail.more {
                    sleep(Duration::from_millis(LOOK_AGAIN_MS)).await;
                }
                continue;
            }
            let _ = timeout(Duration::from_millis(LOOK_AT_LATEST_MS), appended).await;
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.open.dec();
    }
}

/// Ready when the host stops.
async fn stopped(mut stopped: watch::Receiver<bool>) {
    if stopped.wait_for(|stop| *stop).await.is_err() {
        pending::<()>().await;
    }
}

/// What is counted of streams.
#[derive(Debug)]
struct Metrics {
    open: Gauge,
    refused: Counter,
    events: Counter,
    ended: Family<Ended, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    reason: &'static str,
}

impl Metrics {
    fn new(registry: &mut Registry) -> Self {
        let metrics =
            Self { open: Gauge::default(), refused: Counter::default(), events: Counter::default(), ended: Family::default() };
        registry.register("sluicebox_event_streams", "Live tails of events that are open", metrics.open.clone());
        registry.register(
            "sluicebox_event_streams_refused",
            "Live tails refused, since too many were open",
            metrics.refused.clone(),
        );
        registry.register("sluicebox_event_streams_ended", "Live tails that ended, by reason", metrics.ended.clone());
        registry.register("sluicebox_event_streams_events", "Events given to live tails", metrics.events.clone());
        metrics
    }

    fn ended(&self, end: End) {
        let reason = match end {
            End::Left => "left",
            End::Stalled => "stalled",
            End::Refused => "refused",
            End::Stopped => "stopped",
        };
        self.ended.get_or_create(&Ended { reason }).inc();
    }
}
