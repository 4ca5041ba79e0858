//! What a chain and a fold are called with, and what they answer: plain data, the part's face to `dispatch`.

use std::sync::Arc;

use super::{Fault, StateStore};
use crate::event::{BatchId, Event, Message, Stage, StateUse, Timestamp};

/// What a component offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Exports {
    /// `sluicebox:plugin/filter`.
    pub filter: bool,
    /// `sluicebox:plugin/transform`.
    pub transform: bool,
    /// `sluicebox:plugin/batch`.
    pub batch: bool,
    /// `sluicebox:plugin/verify`.
    pub verify: bool,
}

impl Exports {
    /// Whether a rule's chain has anything to call of it.
    #[must_use]
    pub fn takes_events(self) -> bool {
        self.filter || self.transform || self.batch
    }

    /// What it offers, by name: `filter`, `transform`, `batch`, `verify`.
    #[must_use]
    pub fn names(self) -> Vec<&'static str> {
        let all = [("filter", self.filter), ("transform", self.transform), ("batch", self.batch), ("verify", self.verify)];
        all.into_iter().filter(|(_, has)| *has).map(|(name, _)| name).collect()
    }

    /// Of those names; others are passed over.
    pub(crate) fn named<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        names.fold(Self::default(), |exports, name| match name {
            "filter" => Self { filter: true, ..exports },
            "transform" => Self { transform: true, ..exports },
            "batch" => Self { batch: true, ..exports },
            "verify" => Self { verify: true, ..exports },
            _ => exports,
        })
    }
}

/// What a chain is called with.
#[derive(Clone, Debug)]
pub struct Call {
    /// The event.
    pub event: Arc<Event>,
    /// 1 on the first try.
    pub attempt: u32,
    /// What plugins are told that the time is.
    pub now: Timestamp,
    /// Where their state is read from; `None`: they have none.
    pub state: Option<Arc<dyn StateStore>>,
}

/// What a fold is called with.
#[derive(Clone, Debug)]
pub struct Fold {
    /// The batch.
    pub id: BatchId,
    /// Its key.
    pub key: String,
    /// Why now.
    pub reason: FoldReason,
    /// When the first member joined.
    pub opened_at: Timestamp,
    /// 1 on the first try.
    pub attempt: u32,
    /// What the plugin is told that the time is.
    pub now: Timestamp,
    /// Where its state is read from; `None`: it has none.
    pub state: Option<Arc<dyn StateStore>>,
    /// The events and how the plugins before the batch left them.
    pub members: Vec<(Arc<Event>, Message)>,
}

/// Why a batch is folded now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FoldReason {
    /// Enough members.
    Size,
    /// Enough bytes.
    Bytes,
    /// Old enough.
    Age,
    /// The rule was changed.
    RuleChanged,
    /// Asked for.
    Manual,
}

/// What a chain or a fold did.
#[derive(Clone, Debug)]
pub struct Report {
    /// One for each call of a plugin, in order; a failed call is the last one.
    pub stages: Vec<Stage>,
    /// What the plugins read of their state, and what they leave there: to be stored together with what follows from the result, which
    /// rests on it. After a fault nothing is to be stored of it.
    pub state: Vec<StateUse>,
    /// How it ended.
    pub result: Result<Ended, Fault>,
}

/// How a chain that did not fail ended.
#[derive(Clone, Debug)]
pub enum Ended {
    /// A plugin dropped the event (every piece of it).
    Dropped {
        /// The reason the plugin gave for the last piece.
        reason: String,
    },
    /// What goes on; never empty.
    Messages(Vec<Piece>),
}

/// One message that a chain left.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The message.
    pub message: Message,
    /// The key of the batch that it joins, where the chain's batch plugin named one.
    pub batch_key: Option<String>,
}
