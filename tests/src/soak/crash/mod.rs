//! A host that is killed again and again, at any moment and at each named step of the path, under load. No event that was acknowledged is
//! lost; every message arrives, each under one `webhook-id` with one body, and in order where order is asked for; what is posted twice with
//! one idempotency key is stored once; what plugins count is exact; what was applied stays applied.
//!
//! A cycle is some kills of one host. Cycles come in stretches, each on a folder of its own, so that any can be run alone: `--from` its
//! first cycle. What is to be done follows from the seed; at which instruction a host is when it is killed does not.

mod hub;
mod kill;
mod kind;
mod ledger;
mod life;
mod sink;
mod stretch;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt,
    time::Instant,
};

use anyhow::bail;

use kill::{NAMED_IN_A_CYCLE, Place};

/// Cycles on one folder.
const STRETCH: u64 = 25;
/// So often at least each named place is hit, in a run that is long enough.
const HITS_MIN: u64 = 10;

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many cycles.
    pub cycles: u64,
    /// The first one.
    pub from: u64,
    /// What all of them follow from.
    pub seed: u64,
}

/// What was done.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Cycles that are over.
    pub cycles: u64,
    /// Hosts that were started and killed.
    pub lives: u64,
    /// Of these, hosts that did not get to where they should be killed.
    pub missed: u64,
    hits: BTreeMap<Place, u64>,
    /// Events that were answered with 202.
    pub acknowledged: u64,
    /// Events that were stored, with those whose answer was lost.
    pub stored: u64,
    stored_of_stretch: u64,
    /// Revisions that were acknowledged.
    pub revisions: u64,
    /// Messages that arrived.
    pub messages: u64,
    /// How often one arrived again.
    pub repeats: u64,
}

/// Does it, and stops at the first finding.
///
/// # Errors
///
/// The finding, or a named place that was hit too seldom.
pub async fn run(plan: Plan) -> anyhow::Result<Tally> {
    let Plan { cycles, from, seed } = plan;
    println!("soak crash: seed {seed}, cycles {from} to {}", from + cycles);
    let soak = Soak { plan, begun: Instant::now(), begin: Cell::new(from), tally: RefCell::default() };
    // Two at once: hosts wait for the disk more than they compute.
    tokio::try_join!(soak.work_off(), soak.work_off())?;
    let tally = soak.tally.into_inner();
    println!("{tally}");
    tally.check(cycles)?;
    Ok(tally)
}

struct Soak {
    plan: Plan,
    begun: Instant,
    /// Of the next stretch.
    begin: Cell<u64>,
    tally: RefCell<Tally>,
}

impl Soak {
    /// Works off stretches until there are no more.
    async fn work_off(&self) -> anyhow::Result<()> {
        let Plan { cycles, from, seed } = self.plan;
        while self.begin.get() < from + cycles {
            let begin = self.begin.get();
            let end = (from + cycles).min(begin + STRETCH);
            self.begin.set(end);
            let of_stretch = stretch::stretch(seed, begin, end).await?;
            let mut tally = self.tally.borrow_mut();
            tally.add(&of_stretch);
            let seconds = self.begun.elapsed().as_secs();
            println!("{} of {cycles} cycles after {seconds} s; the last stretch was {begin} to {end}", tally.cycles);
        }
        Ok(())
    }
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.cycles += other.cycles;
        self.lives += other.lives;
        self.missed += other.missed;
        self.acknowledged += other.acknowledged;
        self.stored += other.stored;
        self.revisions += other.revisions;
        self.messages += other.messages;
        self.repeats += other.repeats;
        for (place, hits) in &other.hits {
            *self.hits.entry(*place).or_default() += hits;
        }
    }

    fn hits(&self, place: Place) -> u64 {
        self.hits.get(&place).copied().unwrap_or(0)
    }

    /// Whether each named place was hit often enough for so many cycles.
    fn check(&self, cycles: u64) -> anyhow::Result<()> {
        let named = Place::named();
        let enough = HITS_MIN.min(cycles * NAMED_IN_A_CYCLE / named.len() as u64);
        let seldom: Vec<&str> = named.iter().filter(|place| self.hits(**place) < enough).map(|place| place.name()).collect();
        if seldom.is_empty() { Ok(()) } else { bail!("hit less than {enough} times: {}", seldom.join(", ")) }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in [Place::Starting, Place::Loaded].into_iter().chain(Place::named()) {
            writeln!(f, "{:>8}  {}", self.hits(place), place.name())?;
        }
        let Self { cycles, lives, missed, acknowledged, stored, revisions, messages, repeats, .. } = self;
        writeln!(f, "{cycles} cycles, {lives} hosts killed, {missed} of them before they got to their place")?;
        writeln!(f, "{acknowledged} events acknowledged, {stored} stored, 0 lost; {revisions} revisions acknowledged, 0 lost")?;
        write!(f, "{messages} messages arrived, {repeats} repeats of them with the same id and body")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_hit_too_seldom_is_told() {
        let mut tally = Tally { hits: Place::named().into_iter().map(|place| (place, 10)).collect(), ..Tally::default() };
        tally.check(10_000).expect("each was hit ten times");
        tally.hits.insert(Place::Unanswered, 9);
        let told = tally.check(10_000).expect_err("nine are too few").to_string();
        assert_eq!(told, "hit less than 10 times: request-unanswered");
        tally.check(50).expect("five are enough for fifty cycles");
    }
}
