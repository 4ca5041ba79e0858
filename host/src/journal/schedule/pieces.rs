//! The pieces under way, and which of them are overdue.

use std::collections::BTreeMap;

use crate::journal::Lane;

/// Pieces by number, which is the order in which they began.
#[derive(Debug)]
pub(super) struct Pieces {
    on_time: BTreeMap<u64, Piece>,
    overdue: BTreeMap<u64, Piece>,
    begun: u64,
    slow_ms: u64,
}

#[derive(Debug)]
struct Piece {
    lane: Lane,
    started_ms: u64,
}

/// What a piece came to.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) lane: Lane,
    pub(super) took_ms: u64,
    /// It was told of as overdue.
    pub(super) was_overdue: bool,
    /// It took no longer than it may.
    pub(super) was_prompt: bool,
}

impl Pieces {
    /// A piece that takes longer than `slow_ms` is overdue.
    pub(super) fn new(slow_ms: u64) -> Self {
        Self { on_time: BTreeMap::new(), overdue: BTreeMap::new(), begun: 0, slow_ms }
    }

    /// A piece begins; gives its number.
    pub(super) fn start(&mut self, lane: Lane, elapsed_ms: u64) -> u64 {
        self.begun += 1;
        self.on_time.insert(self.begun, Piece { lane, started_ms: elapsed_ms });
        self.begun
    }

    /// A piece ends; `None` where there is none of this number.
    pub(super) fn end(&mut self, number: u64, elapsed_ms: u64) -> Option<Ended> {
        let (piece, was_overdue) = match self.on_time.remove(&number) {
            Some(piece) => (piece, false),
            None => (self.overdue.remove(&number)?, true),
        };
        let took_ms = elapsed_ms.saturating_sub(piece.started_ms);
        Some(Ended { lane: piece.lane, took_ms, was_overdue, was_prompt: took_ms <= self.slow_ms })
    }

    /// The lane of a piece that is overdue, each piece once.
    pub(super) fn next_overdue(&mut self, elapsed_ms: u64) -> Option<Lane> {
        if self.next_overdue_ms()? > elapsed_ms {
            return None;
        }
        let (number, piece) = self.on_time.pop_first()?;
        let lane = piece.lane.clone();
        self.overdue.insert(number, piece);
        Some(lane)
    }

    /// When the next one is overdue: the first of those that are on time, since all have the same time.
    pub(super) fn next_overdue_ms(&self) -> Option<u64> {
        self.on_time.first_key_value().map(|(_, piece)| piece.started_ms.saturating_add(self.slow_ms).saturating_add(1))
    }
}
