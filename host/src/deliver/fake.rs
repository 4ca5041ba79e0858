//! Stand-ins for this part's tests: deliveries, destinations, a journal in memory, and servers on loopback.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, mpsc},
};

use super::{
    Destination, Format,
    destination::Signing,
    pace::RatePolicy,
    retry::{Retry, Waits},
    target::Target,
};
use crate::{
    event::{BatchId, Event, EventId, Message, MessageId, Name, RunId, Timestamp},
    journal::{
        self, Acknowledged, Acknowledgement, AttemptRecord, Batch, BatchEnd, BatchRecord, BatchState, Claim, DeadCount,
        DeadFilter, DeadPage, DeadSlice, Delivery, DeliveryRecord, DeliveryState, EventFilter, EventRecord, Feed, JournalError,
        Lane, LaneFacts, Origin, Page, Pending, Revival, Revived, Routed, Run, RunEnd, RunRecord, RunState, Saw, Settled,
        StoredState, Tail, TailFilter, Unrouted, WorkFilter,
    },
};

pub(super) fn lane(name: &str) -> Lane {
    Lane { workspace: Name::default_workspace(), name: name.parse().expect("a name") }
}

/// The `seq`-th delivery, to `destination`, with `hello` as its body.
pub(super) fn delivery(destination: &str, seq: u64) -> Delivery {
    let lane = lane(destination);
    let rule: Name = "rule".parse().expect("a name");
    let batch = BatchId::of(&lane.workspace, &rule, "", seq, seq);
    Delivery {
        seq,
        id: MessageId::of_batch(batch, &lane.name, 0),
        lane,
        rule,
        attempt: 1,
        number: 1,
        created_at: Timestamp(1_790_000_000_000),
        received: None,
        hops: 0,
        origin: Origin::Batch { id: batch, opened_at: Timestamp(0) },
        message: Message {
            event_type: "test".into(),
            content_type: Some("text/plain".into()),
            headers: Vec::new(),
            body: None,
            attributes: Vec::new(),
            route: None,
        },
        body: Bytes::from_static(b"hello"),
    }
}

/// A destination with the defaults, and without keys.
pub(super) fn destination(url: &str) -> Destination {
    Destination {
        url: Target::Fixed(url.parse().expect("a URL")),
        method: http::Method::POST,
        headers: Vec::new(),
        tokens: None,
        tls: None,
        signing: Signing::default(),
        timeout_ms: 20_000,
        concurrency: 8,
        confirm: None,
        retry: Retry {
            attempts_max: 20,
            waits: Waits::Growing { first_ms: 5_000, max_ms: 60_000, factor: 2.0 },
            age_ms_max: 86_400_000,
        },
        format: Format::Raw,
        order: None,
        compression: None,
        enabled: true,
        breaker: None,
        rate: RatePolicy::default(),
    }
}

/// A journal of deliveries only: claimed once, settled into a channel.
pub(super) struct Journal {
    feed: Feed,
    waiting: Mutex<Vec<Delivery>>,
    pub(super) facts: Mutex<HashMap<Lane, LaneFacts>>,
    settled: mpsc::UnboundedSender<Settled>,
}

impl Journal {
    pub(super) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<Settled>) {
        let (settled, receiver) = mpsc::unbounded_channel();
        (Arc::new(Self { feed: Feed::default(), waiting: Mutex::default(), facts: Mutex::default(), settled }), receiver)
    }

    /// Stores deliveries that are due at once.
    pub(super) fn plan(&self, deliveries: impl IntoIterator<Item = Delivery>) {
        let deliveries: Vec<_> = deliveries.into_iter().collect();
        let lanes: Vec<_> = deliveries.iter().map(|delivery| delivery.lane.clone()).collect();
        self.waiting.lock().expect("not poisoned").extend(deliveries);
        self.feed.deliveries.mark(lanes);
    }
}

fn ready<T>(value: Result<T, JournalError>) -> Pending<T> {
    let (sender, pending) = Pending::new();
    let _ = sender.send(value);
    pending
}

fn absent<T>() -> Pending<T> {
    ready(Err(JournalError::Closed))
}

impl journal::Journal for Journal {
    fn feed(&self) -> &Feed {
        &self.feed
    }

    fn lease_ms(&self) -> u64 {
        300_000
    }

    fn claim_deliveries(&self, lane: Lane, now: Timestamp, _: Timestamp, max: usize) -> Pending<Claim<Delivery>> {
        let mut waiting = self.waiting.lock().expect("not poisoned");
        let mut items = Vec::new();
        waiting.retain(|delivery| {
            let taken = delivery.lane == lane && items.len() < max;
            if taken {
                items.push(delivery.clone());
            }
            !taken
        });
        let next_due = waiting.iter().any(|delivery| delivery.lane == lane).then_some(now);
        ready(Ok(Claim { items, next_due }))
    }

    fn settle(&self, settled: Vec<Settled>) -> Pending<()> {
        for one in settled {
            // The test may have seen enough.
            let _ = self.settled.send(one);
        }
        ready(Ok(()))
    }

    fn acknowledge(&self, _: Vec<Acknowledgement>) -> Pending<Vec<Acknowledged>> {
        absent()
    }

    fn keep_lane_facts(&self, lane: Lane, facts: LaneFacts) -> Pending<()> {
        self.facts.lock().expect("not poisoned").insert(lane, facts);
        ready(Ok(()))
    }

    fn lane_facts(&self) -> Pending<Vec<(Lane, LaneFacts)>> {
        let facts = self.facts.lock().expect("not poisoned");
        ready(Ok(facts.iter().map(|(lane, facts)| (lane.clone(), facts.clone())).collect()))
    }

    fn keep_key_uses(&self, _: Vec<(String, Option<Timestamp>)>) -> Pending<()> {
        absent()
    }

    fn has_work_of(&self, _: Name) -> Pending<bool> {
        absent()
    }

    fn forget_workspace(&self, _: Name, _: usize) -> Pending<u64> {
        absent()
    }

    fn key_uses(&self) -> Pending<Vec<(String, Timestamp)>> {
        absent()
    }

    fn append(&self, _: Vec<Event>) -> Pending<()> {
        absent()
    }

    fn append_once(&self, _: Vec<journal::Arrival>) -> Pending<Vec<EventId>> {
        absent()
    }

    fn claim_events(&self, _: usize) -> Pending<Vec<Unrouted>> {
        absent()
    }

    fn route(&self, _: Vec<Routed>) -> Pending<()> {
        absent()
    }

    fn claim_runs(&self, _: Lane, _: Timestamp, _: usize) -> Pending<Claim<Run>> {
        absent()
    }

    fn end_runs(&self, _: Vec<RunEnd>) -> Pending<usize> {
        absent()
    }

    fn state(&self, _: Name, _: Name, _: String, _: Timestamp) -> Pending<StoredState> {
        absent()
    }

    fn release_runs(&self, _: Lane, _: usize) -> Pending<()> {
        absent()
    }

    fn claim_batches(&self, _: Lane, _: Timestamp, _: usize) -> Pending<Claim<Batch>> {
        absent()
    }

    fn end_batches(&self, _: Vec<BatchEnd>) -> Pending<usize> {
        absent()
    }

    fn revive(&self, _: Vec<Revival>) -> Pending<Revived> {
        absent()
    }

    fn dead_letters(&self, _: DeadFilter, _: DeadSlice) -> Pending<DeadPage> {
        absent()
    }

    fn count_dead_letters(&self, _: DeadFilter) -> Pending<Vec<DeadCount>> {
        absent()
    }

    fn count_events(&self, _: EventFilter) -> Pending<Vec<(Name, String, u64)>> {
        absent()
    }

    fn run_given_up(&self, _: Name, _: RunId) -> Pending<Option<(u64, RunRecord)>> {
        absent()
    }

    fn batch(&self, _: Name, _: BatchId) -> Pending<Option<BatchRecord>> {
        absent()
    }

    fn events(&self, _: EventFilter) -> Pending<Page<EventRecord>> {
        absent()
    }

    fn tail(&self, _: TailFilter) -> Pending<Tail> {
        absent()
    }

    fn event(&self, _: Name, _: EventId) -> Pending<Option<(EventRecord, Vec<RunRecord>, Vec<DeliveryRecord>)>> {
        absent()
    }

    fn saw(&self, _: Name, _: EventId, _: Name) -> Pending<Option<Saw>> {
        absent()
    }

    fn batches(&self, _: WorkFilter<BatchState>) -> Pending<Page<BatchRecord>> {
        absent()
    }

    fn runs(&self, _: WorkFilter<RunState>) -> Pending<Page<RunRecord>> {
        absent()
    }

    fn deliveries(&self, _: WorkFilter<DeliveryState>) -> Pending<Page<DeliveryRecord>> {
        absent()
    }

    fn delivery(&self, _: Name, _: MessageId) -> Pending<Option<(Delivery, DeliveryRecord, Vec<AttemptRecord>)>> {
        absent()
    }

    fn audit(&self, _: journal::AuditEntry) -> Pending<u64> {
        absent()
    }

    fn audit_sum(&self, _: u64, _: u64) -> Pending<()> {
        absent()
    }

    fn audit_end(&self, _: u64, _: journal::AuditEnd) -> Pending<()> {
        absent()
    }

    fn audit_log(&self, _: journal::AuditFilter) -> Pending<Page<journal::AuditRecord>> {
        absent()
    }

    fn freeze(&self) -> Pending<Box<dyn journal::Frozen>> {
        absent()
    }

    fn revisions_pinned(&self) -> Pending<std::collections::BTreeSet<u64>> {
        absent()
    }

    fn expire(&self, _: journal::Expiry) -> Pending<journal::Expired> {
        absent()
    }

    fn give_back(&self) -> Pending<u64> {
        absent()
    }

    fn space(&self) -> journal::Space {
        journal::Space::Ample
    }

    fn close(&self) -> Pending<()> {
        ready(Ok(()))
    }
}

/// A server that answers each request with this status.
pub(super) async fn server(status: &'static str) -> SocketAddr {
    let gate = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS));
    serve(status, gate).await.0
}

/// A server that takes requests and never answers.
pub(super) async fn silent_server() -> SocketAddr {
    serve("", Arc::new(Semaphore::new(0))).await.0
}

/// A server that tells of each request, and answers 200 for each permit of `gate`.
pub(super) async fn gated_server(gate: Arc<Semaphore>) -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    serve("200 OK", gate).await
}

async fn serve(status: &'static str, gate: Arc<Semaphore>) -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
    let address = listener.local_addr().expect("it is bound");
    let (arrived, receiver) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, status, gate.clone(), arrived.clone()));
        }
    });
    (address, receiver)
}

async fn answer(stream: TcpStream, status: &'static str, gate: Arc<Semaphore>, arrived: mpsc::UnboundedSender<()>) {
    let mut stream = BufReader::new(stream);
    while read_request(&mut stream).await {
        let _ = arrived.send(());
        let Ok(permit) = gate.acquire().await else { return };
        permit.forget();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads a head and the five bytes of `hello`; false at the end of the connection.
async fn read_request(stream: &mut BufReader<TcpStream>) -> bool {
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if !stream.read_line(&mut line).await.is_ok_and(|bytes| bytes > 0) {
            return false;
        }
    }
    stream.read_exact(&mut [0; 5]).await.is_ok()
}
