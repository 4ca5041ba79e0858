//! Dead letters: listed whatever they were, and counted.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AttemptTold, BatchTold, DeliveryTold, EventTold, Moment, PageTold, RunTold};
use crate::{
    event::{Name, Timestamp},
    journal::{DeadCount, DeadKind, DeadLetter, DeadPage, DeadPlace, DeadRecord},
};

/// A kind of dead letter by its name.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "DeadLetterKind")]
pub(in crate::api) enum KindName {
    Delivery,
    Run,
    Batch,
    Event,
}

/// A dead letter: what it was, as it is told elsewhere, and when it was given up.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[schemars(rename = "DeadLetter")]
pub(in crate::api) enum LetterTold {
    Delivery {
        #[serde(flatten)]
        delivery: DeliveryTold,
        /// When it was given up.
        dead_at: Moment,
        /// The last of its attempts.
        attempt_records: Vec<AttemptTold>,
    },
    Run {
        #[serde(flatten)]
        run: RunTold,
        /// When it was given up.
        dead_at: Moment,
    },
    Batch {
        #[serde(flatten)]
        batch: BatchTold,
        /// When it was given up.
        dead_at: Moment,
    },
    Event(EventTold),
}

/// How many dead letters are alike.
#[derive(Debug, JsonSchema, Serialize)]
#[schemars(rename = "DeadLetterCount")]
pub(in crate::api) struct LetterCount {
    /// What they were.
    kind: KindName,
    /// Why they were given up.
    code: String,
    /// Of deliveries, why their last attempt failed.
    last_code: Option<String>,
    /// Of deliveries, where to.
    destination: Option<Name>,
    /// How many.
    count: u64,
}

impl PageTold<LetterTold> {
    pub(in crate::api) fn of_letters(page: &DeadPage) -> Self {
        Self::ending(page.items.iter().map(LetterTold::of).collect(), page.next.map(place))
    }
}

impl LetterTold {
    fn of(letter: &DeadLetter) -> Self {
        let at = letter.place.dead_at;
        match &letter.record {
            DeadRecord::Delivery(record) => Self::Delivery {
                delivery: DeliveryTold::of(record),
                dead_at: at.into(),
                attempt_records: letter.attempts.iter().map(AttemptTold::of).collect(),
            },
            DeadRecord::Run(record) => Self::Run { run: RunTold::of(record), dead_at: at.into() },
            DeadRecord::Batch(record) => Self::Batch { batch: BatchTold::of(record), dead_at: at.into() },
            DeadRecord::Event(record) => Self::Event(EventTold::dead(record, at)),
        }
    }
}

impl LetterCount {
    pub(in crate::api) fn of(counted: &DeadCount) -> Self {
        Self {
            kind: counted.kind.into(),
            code: counted.code.clone(),
            last_code: counted.last_code.clone(),
            destination: counted.destination.clone(),
            count: counted.count,
        }
    }
}

impl From<KindName> for DeadKind {
    fn from(name: KindName) -> Self {
        match name {
            KindName::Delivery => Self::Delivery,
            KindName::Run => Self::Run,
            KindName::Batch => Self::Batch,
            KindName::Event => Self::Event,
        }
    }
}

impl From<DeadKind> for KindName {
    fn from(kind: DeadKind) -> Self {
        match kind {
            DeadKind::Delivery => Self::Delivery,
            DeadKind::Run => Self::Run,
            DeadKind::Batch => Self::Batch,
            DeadKind::Event => Self::Event,
        }
    }
}

fn kind_name(kind: DeadKind) -> &'static str {
    match kind {
        DeadKind::Delivery => "delivery",
        DeadKind::Run => "run",
        DeadKind::Batch => "batch",
        DeadKind::Event => "event",
    }
}

/// Where a listing goes on: a time, a kind and a place, of no meaning to who hands it back.
pub(in crate::api) fn place(place: DeadPlace) -> String {
    format!("{}-{}-{}", place.dead_at.0, kind_name(place.kind), place.seq)
}

/// A place from its text.
pub(in crate::api) fn place_of(text: &str) -> Option<DeadPlace> {
    let mut parts = text.split('-');
    let dead_at = Timestamp(parts.next()?.parse().ok()?);
    let kind = match parts.next()? {
        "delivery" => DeadKind::Delivery,
        "run" => DeadKind::Run,
        "batch" => DeadKind::Batch,
        "event" => DeadKind::Event,
        _ => return None,
    };
    let seq = parts.next()?.parse().ok()?;
    parts.next().is_none().then_some(DeadPlace { dead_at, kind, seq })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_and_nothing_else_is() {
        for kind in [DeadKind::Batch, DeadKind::Event] {
            let there = DeadPlace { dead_at: Timestamp(7), kind, seq: 9 };
            assert_eq!(place_of(&place(there)), Some(there));
        }
        for bad in ["", "7", "7-batch", "7-rule-9", "7-batch-9-1", "x-run-1"] {
            assert_eq!(place_of(bad), None, "{bad}");
        }
    }
}
