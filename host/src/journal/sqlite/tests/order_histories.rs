//! 100,000 histories of order by key, in one journal and to one destination: whatever becomes of runs and deliveries, what is handed out is
//! judged by a model that knows of each key only what waits and which runs are open.
//!
//! A history is a key with its events. So many go on at once that those of a key come between others; all of it follows from one number.

use std::collections::{BTreeSet, HashMap};

use rusqlite::Connection;

use super::*;
use crate::{
    event::{Failure, Random},
    journal::{Acknowledged, Acknowledgement, Attempt, OrderHold, Revival, Revived, RunEnd, Said, Settled, StateEnd, Verdict},
};

const HISTORIES: usize = 100_000;
/// Histories that have events to come, at any time.
const GOING_ON: usize = 1_000;
const EVENTS_AT_ONCE: usize = 1_024;
const CLAIM_MAX: usize = 512;
const LEASE_MS: u64 = 20_000;
/// Far more than it takes.
const TURNS_MAX: u64 = 2_000;

#[test]
fn whatever_happens_each_key_is_sent_in_order() {
    let mut play = Play::new();
    while play.begun < HISTORIES / 2 {
        play.turn();
    }
    play = play.restarted();
    while !play.is_over() {
        play.turn();
    }
    play.judge_the_end();
}

/// What came to pass.
#[derive(Debug, Default)]
struct Seen {
    delivered: usize,
    retried: usize,
    put_off: usize,
    dead: usize,
    awaiting: usize,
    confirmed: usize,
    refused: usize,
    judged: usize,
    revived: usize,
    lapsed: usize,
    planned_late: usize,
    planned_nothing: usize,
    run_dead: usize,
    run_retried: usize,
    /// Times that a delivery which was due stood behind another delivery, or behind an open run.
    behind_delivery: usize,
    behind_run: usize,
    /// Handed out while a later one, which was under way already, was not called back.
    not_called_back: usize,
}

impl Seen {
    /// What is judged did come to pass, and not once or twice.
    fn judge(&self) {
        let Self { delivered, retried, put_off, dead, awaiting, confirmed, refused, judged, revived, lapsed, .. } = self;
        let Self { planned_late, planned_nothing, run_dead, run_retried, behind_delivery, behind_run, not_called_back, .. } =
            self;
        assert!(*delivered > HISTORIES, "{self:?}");
        for count in [
            retried,
            put_off,
            dead,
            awaiting,
            confirmed,
            refused,
            judged,
            revived,
            lapsed,
            planned_late,
            planned_nothing,
            run_dead,
            run_retried,
            behind_delivery,
            behind_run,
            not_called_back,
        ] {
            assert!(*count > HISTORIES / 100, "{self:?}");
        }
    }
}

/// Of one key.
#[derive(Default)]
struct Line {
    /// Events to come.
    events: u64,
    /// What is not settled, first to be sent first.
    waiting: Vec<usize>,
    /// The places of runs that may yet plan something.
    open: Vec<u64>,
}

/// A delivery. It is called by its place in the order of planning.
struct Parcel {
    line: usize,
    /// Of its event.
    place: u64,
    seq: u64,
    due_at: Timestamp,
    /// Until when it is handed out, and in which step it was.
    taken: Option<(Timestamp, u64)>,
    /// The step in which it was taken up again.
    revived: Option<u64>,
}

impl Parcel {
    fn is_in_hand(&self, now: Timestamp) -> bool {
        self.taken.is_some_and(|(until, _)| until > now)
    }
}

/// A run that has not ended.
struct Open {
    unrouted: Unrouted,
    line: usize,
    attempt: u32,
}

struct Play {
    world: World,
    random: Random,
    seen: Seen,
    turns: u64,
    /// Counts claims and revivals.
    step: u64,
    lines: Vec<Line>,
    begun: usize,
    /// Of these events are to come.
    going_on: Vec<usize>,
    parcels: Vec<Parcel>,
    by_id: HashMap<MessageId, usize>,
    /// Lines in which something waits.
    active: BTreeSet<usize>,
    open: Vec<Open>,
    in_hand: Vec<Delivery>,
    /// Received, and not yet confirmed or judged.
    awaiting: Vec<Delivery>,
    dead: Vec<usize>,
}

impl Play {
    fn new() -> Self {
        let mut random = Random(4);
        let lines = (0..HISTORIES).map(|_| Line { events: 1 + u64::from(random.one_in(3)), ..Line::default() }).collect();
        Self {
            world: World::new(),
            random,
            seen: Seen::default(),
            turns: 0,
            step: 0,
            lines,
            begun: 0,
            going_on: Vec::new(),
            parcels: Vec::new(),
            by_id: HashMap::new(),
            active: BTreeSet::new(),
            open: Vec::new(),
            in_hand: Vec::new(),
            awaiting: Vec::new(),
            dead: Vec::new(),
        }
    }

    /// Nobody has anything in hand any more.
    fn restarted(mut self) -> Self {
        assert!(!self.open.is_empty() && !self.in_hand.is_empty() && !self.awaiting.is_empty(), "there is something to find");
        self.in_hand.clear();
        self.parcels.iter_mut().for_each(|parcel| parcel.taken = None);
        Self { world: self.world.reopen(), ..self }
    }

    fn is_over(&self) -> bool {
        self.begun == HISTORIES && self.going_on.is_empty() && self.open.is_empty() && self.active.is_empty()
    }

    fn turn(&mut self) {
        self.turns += 1;
        assert!(self.turns < TURNS_MAX, "it does not end: {:?}", self.seen);
        self.route_some();
        self.claim_all();
        self.end_some_runs();
        self.settle_some();
        self.claim_all();
        self.hear_some();
        self.revive_some();
        self.world.pass_ms(self.random.within(1, 4_000));
        let now = self.world.now();
        // Whoever is late has lost what they had.
        let (parcels, by_id) = (&self.parcels, &self.by_id);
        self.in_hand.retain(|delivery| parcels[by_id[&delivery.id]].is_in_hand(now));
        // And of what was not confirmed in time nothing is said any more.
        self.awaiting.retain(|delivery| parcels[by_id[&delivery.id]].due_at > now);
    }

    fn route_some(&mut self) {
        let mut lines = Vec::new();
        while lines.len() < EVENTS_AT_ONCE {
            while self.going_on.len() < GOING_ON && self.begun < HISTORIES {
                self.going_on.push(self.begun);
                self.begun += 1;
            }
            if self.going_on.is_empty() {
                break;
            }
            let at = self.random.index(self.going_on.len());
            let line = self.going_on[at];
            lines.push(line);
            self.lines[line].events -= 1;
            if self.lines[line].events == 0 {
                self.going_on.swap_remove(at);
            }
        }
        if lines.is_empty() {
            return;
        }
        let event = || Event { headers: Vec::new(), attributes: Vec::new(), ..event(b"x") };
        done(self.world.journal.append(lines.iter().map(|_| event()).collect()));
        let unrouted = done(self.world.journal.claim_events(lines.len()));
        assert_eq!(unrouted.len(), lines.len());
        let routed = unrouted.into_iter().zip(lines).map(|(unrouted, line)| self.routed(unrouted, line)).collect();
        done(self.world.journal.route(routed));
    }

    /// To a rule without plugins, to one whose plugins have to run first, or to both.
    fn routed(&mut self, unrouted: Unrouted, line: usize) -> Routed {
        let mut runs = Vec::new();
        let rules = self.random.within(0, 7);
        if rules < 6 {
            runs.push(new_run("r", Some(self.plan(&unrouted, line, "r"))));
        }
        let (seq, generation) = (unrouted.seq, unrouted.generation);
        if rules > 4 {
            let holds = vec![OrderHold { destination: name("d"), key: line.to_string() }];
            runs.push(NewRun { holds, ..new_run("p", None) });
            self.lines[line].open.push(seq);
            self.open.push(Open { unrouted, line, attempt: 1 });
        }
        Routed { seq, generation, revision: 3, runs }
    }

    /// One delivery, or two.
    fn plan(&mut self, unrouted: &Unrouted, line: usize, rule: &str) -> Outcome {
        let run = RunId::of(&Name::default_workspace(), unrouted.event.id, unrouted.generation, &name(rule));
        let count = if self.random.one_in(5) { 2 } else { 1 };
        let planned = (0..count).map(|index| {
            let id = MessageId::of_run(run, &name("d"), index);
            let (number, place) = (self.parcels.len(), unrouted.seq);
            self.by_id.insert(id, number);
            self.parcels.push(Parcel { line, place, seq: 0, due_at: self.world.now(), taken: None, revived: None });
            self.wait(number);
            NewDelivery { id, destination: name("d"), message: Message::of(&unrouted.event), order_key: Some(line.to_string()) }
        });
        Outcome::Planned(planned.collect())
    }

    fn wait(&mut self, number: usize) {
        let (parcels, line) = (&self.parcels, self.parcels[number].line);
        let waiting = &mut self.lines[line].waiting;
        let order = |number: usize| (parcels[number].place, number);
        let at = waiting.partition_point(|other| order(*other) < order(number));
        waiting.insert(at, number);
        self.active.insert(line);
    }

    fn settled(&mut self, number: usize) {
        let line = self.parcels[number].line;
        self.lines[line].waiting.retain(|other| *other != number);
        if self.lines[line].waiting.is_empty() {
            self.active.remove(&line);
        }
    }

    fn end_some_runs(&mut self) {
        let mut ends = Vec::new();
        for mut open in std::mem::take(&mut self.open) {
            let outcome = match self.random.within(0, 11) {
                0..4 => {
                    self.open.push(open);
                    continue;
                }
                4 => {
                    self.seen.run_retried += 1;
                    let counted = self.random.one_in(2);
                    Outcome::Retry { due_at: self.world.now(), failure: failure(), counted }
                }
                5 => Outcome::Planned(Vec::new()),
                6 => Outcome::Dropped { reason: "not wanted".into() },
                7 => {
                    self.seen.run_dead += 1;
                    Outcome::Dead(failure())
                }
                _ => {
                    self.seen.planned_late += 1;
                    self.plan(&open.unrouted, open.line, "p")
                }
            };
            let attempt = open.attempt;
            ends.push(RunEnd {
                seq: open.unrouted.seq,
                generation: open.unrouted.generation,
                lane: lane("p"),
                attempt,
                revision: 3,
                stages: Vec::new(),
                state: StateEnd::default(),
                saw: None,
                outcome: outcome.clone(),
            });
            match outcome {
                Outcome::Retry { counted, .. } => {
                    open.attempt += u32::from(counted);
                    self.open.push(open);
                    continue;
                }
                Outcome::Planned(planned) if planned.is_empty() => self.seen.planned_nothing += 1,
                _ => {}
            }
            self.lines[open.line].open.retain(|place| *place != open.unrouted.seq);
        }
        assert_eq!(done(self.world.journal.end_runs(ends)), 0);
    }

    /// Everything that may be sent, and nothing else.
    fn claim_all(&mut self) {
        let now = self.world.now();
        loop {
            self.step += 1;
            let until = now.plus_ms(LEASE_MS);
            let claimed = done(self.world.journal.claim_deliveries(lane("d"), now, until, CLAIM_MAX)).items;
            let is_all = claimed.len() < CLAIM_MAX;
            for delivery in claimed {
                self.judge(&delivery, now);
                let parcel = &mut self.parcels[self.by_id[&delivery.id]];
                self.seen.lapsed += usize::from(parcel.taken.is_some());
                self.seen.judged += usize::from(delivery.received.is_some());
                parcel.taken = Some((until, self.step));
                parcel.seq = delivery.seq;
                self.in_hand.push(delivery);
            }
            if is_all {
                break;
            }
        }
        for number in &self.active {
            let line = &self.lines[*number];
            let first = &self.parcels[line.waiting[0]];
            let is_held = line.open.iter().any(|place| *place < first.place);
            let is_due = first.due_at <= now;
            assert!(is_held || !is_due || first.is_in_hand(now), "history {number} is stuck");
            self.seen.behind_run += usize::from(is_held && is_due);
            let rest = line.waiting.iter().skip(1);
            self.seen.behind_delivery += rest.filter(|other| self.parcels[**other].due_at <= now).count();
        }
    }

    /// What is handed out is the first of its key that waits, it is due and nobody has it, no run before it is open; and no other of the
    /// key is under way, unless one that came back goes before it.
    fn judge(&mut self, delivery: &Delivery, now: Timestamp) {
        let number = self.by_id[&delivery.id];
        let parcel = &self.parcels[number];
        let line = &self.lines[parcel.line];
        assert_eq!(line.waiting.first(), Some(&number), "history {}: another is the first", parcel.line);
        assert!(parcel.due_at <= now && !parcel.is_in_hand(now), "history {}: not now", parcel.line);
        assert!(line.open.iter().all(|place| *place >= parcel.place), "history {}: a run is open before it", parcel.line);
        for other in line.waiting.iter().skip(1).map(|other| &self.parcels[*other]).filter(|other| other.is_in_hand(now)) {
            let came_back = parcel.revived.zip(other.taken).is_some_and(|(revived, (_, taken))| taken < revived);
            assert!(came_back, "history {}: two at once", parcel.line);
            self.seen.not_called_back += 1;
        }
    }

    fn settle_some(&mut self) {
        let now = self.world.now();
        let mut settled = Vec::new();
        for delivery in std::mem::take(&mut self.in_hand) {
            let later = now.plus_ms(self.random.within(1, 10_000));
            let is_received = delivery.received.is_some();
            let (verdict, tried) = match self.random.within(0, 31) {
                // Lost.
                0 => continue,
                // Slow.
                1..4 => {
                    self.in_hand.push(delivery);
                    continue;
                }
                4..7 => (Verdict::RetryAt(later), true),
                7 => (Verdict::RetryAt(later), false),
                8..11 => (Verdict::Dead(failure()), true),
                11..14 if !is_received => (Verdict::Awaiting(later), true),
                // Its attempt is not put on record: that costs time, and changes nothing here.
                _ => (Verdict::Delivered, false),
            };
            let number = self.by_id[&delivery.id];
            self.parcels[number].taken = None;
            match &verdict {
                Verdict::Delivered | Verdict::PassedOn(_) => {
                    self.seen.delivered += 1;
                    self.settled(number);
                }
                Verdict::Dead(_) => {
                    self.seen.dead += 1;
                    self.settled(number);
                    self.dead.push(number);
                }
                Verdict::RetryAt(due_at) | Verdict::Awaiting(due_at) => self.parcels[number].due_at = *due_at,
            }
            let (seq, lane, attempt_number) = (delivery.seq, delivery.lane.clone(), delivery.number);
            let attempt = tried.then(|| attempt(now));
            match verdict {
                Verdict::RetryAt(_) if tried => self.seen.retried += 1,
                Verdict::RetryAt(_) => self.seen.put_off += 1,
                Verdict::Awaiting(_) => {
                    self.seen.awaiting += 1;
                    self.awaiting.push(delivery);
                }
                Verdict::Delivered | Verdict::PassedOn(_) | Verdict::Dead(_) => {}
            }
            settled.push(Settled { seq, lane, attempt_number, attempt, verdict });
        }
        done(self.world.journal.settle(settled));
    }

    /// Some receivers say what became of what they have; of others the time is up.
    fn hear_some(&mut self) {
        let now = self.world.now();
        let mut said = Vec::new();
        for delivery in std::mem::take(&mut self.awaiting) {
            let number = self.by_id[&delivery.id];
            let says = match self.random.within(0, 7) {
                0 | 1 => Said::Done(None),
                2 => Said::Failed(failure()),
                _ => {
                    self.awaiting.push(delivery);
                    continue;
                }
            };
            match says {
                Said::Done(_) => {
                    self.seen.confirmed += 1;
                    self.settled(number);
                }
                Said::Failed(_) => {
                    self.seen.refused += 1;
                    self.parcels[number].due_at = now;
                }
            }
            let (workspace, id, attempt_number) = (Name::default_workspace(), delivery.id, delivery.number);
            said.push(Acknowledgement { workspace, id, attempt_number, said: says });
        }
        let found = done(self.world.journal.acknowledge(said));
        assert!(found.iter().all(|found| *found == Acknowledged::Taken), "{found:?}");
    }

    fn revive_some(&mut self) {
        let mut revivals = Vec::new();
        self.step += 1;
        for number in std::mem::take(&mut self.dead) {
            // Each is thought of once; most dead letters stay what they are.
            if self.random.one_in(4) {
                let parcel = &mut self.parcels[number];
                parcel.due_at = self.world.now();
                parcel.revived = Some(self.step);
                revivals.push(Revival::Delivery { seq: parcel.seq, delivered: false });
                self.wait(number);
            } else if self.random.one_in(2) {
                self.dead.push(number);
            }
        }
        self.seen.revived += revivals.len();
        let count = revivals.len() as u64;
        let revived = done(self.world.journal.revive(revivals));
        assert_eq!(revived, Revived { deliveries: count, letters: count, ..Revived::default() });
    }

    fn judge_the_end(self) {
        let file = Connection::open(self.world.folder.path().join("journal.db")).expect("opens");
        let count = |sql| file.query_row(sql, [], |row| row.get::<_, isize>(0)).expect("a number").unsigned_abs();
        assert_eq!(count("SELECT count(*) FROM deliveries WHERE state = 0"), 0);
        assert_eq!(count("SELECT count(*) FROM order_holds"), 0);
        let Seen { delivered, confirmed, dead, revived, .. } = self.seen;
        assert_eq!(count("SELECT count(*) FROM deliveries WHERE state = 1"), delivered + confirmed);
        assert_eq!(count("SELECT count(*) FROM deliveries WHERE state = 2"), dead - revived);
        assert_eq!(delivered + confirmed + dead - revived, self.parcels.len());
        self.seen.judge();
    }
}

fn failure() -> Failure {
    Failure::new("failed", "it did")
}

fn attempt(started_at: Timestamp) -> Attempt {
    let (response_headers, response_body) = (Vec::new(), Bytes::new());
    Attempt { started_at, duration_ms: 7, status: Some(500), failure: None, response_headers, response_body }
}
