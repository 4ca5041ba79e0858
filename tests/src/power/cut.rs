//! Cutting the power: the disk is followed to a place in the log, and left there as a power cut leaves it.

use std::{collections::HashMap, sync::Arc};

use anyhow::{Context, bail};

use super::{
    disk::{self, Disk, Image, Keep},
    log::Record,
    record::Kind,
};
use crate::soak::chance::Chance;

/// What was acknowledged before the power cut.
#[derive(Clone, Debug, Default)]
pub(super) struct Acknowledged {
    /// Bodies by event.
    pub(super) events: HashMap<String, Arc<[u8]>>,
    /// The number of the hub.
    pub(super) hub: u64,
}

/// One power cut.
pub(super) struct Cut {
    pub(super) image: Image,
    pub(super) acknowledged: Acknowledged,
    /// Whether something is not as the host had written it.
    pub(super) lossy: bool,
}

/// The disk at a place of a log, and what was acknowledged by then.
#[derive(Debug)]
pub(super) struct Followed {
    disk: Disk,
    acknowledged: Acknowledged,
    place: usize,
}

impl Followed {
    /// From an empty data folder on.
    pub(super) fn new(root: u64) -> Self {
        Self { disk: Disk::new(root), acknowledged: Acknowledged::default(), place: 0 }
    }

    pub(super) fn go_on(&mut self, records: &[Record]) -> anyhow::Result<()> {
        for record in records {
            self.disk.follow(record).with_context(|| format!("record {}", self.place))?;
            if record.kind == Kind::Mark {
                self.acknowledged.mark(std::str::from_utf8(&record.bytes)?)?;
            }
            self.place += 1;
        }
        Ok(())
    }

    /// How many records were followed.
    pub(super) fn place(&self) -> usize {
        self.place
    }

    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }

    pub(super) fn cut(&self, chance: &mut Chance, keep: Keep) -> Cut {
        let image = self.disk.after_crash(chance, keep);
        let mut kept = image.clone();
        kept.retain(|path, _| !disk::is_volatile(path));
        Cut { lossy: kept != self.disk.now(), image, acknowledged: self.acknowledged.clone() }
    }
}

impl Acknowledged {
    /// What stands in a mark that is left when an event was acknowledged.
    pub(super) fn event(id: &str, body: &str) -> String {
        format!("event {id} {body}")
    }

    /// What stands in a mark that is left when a hub was applied.
    pub(super) fn hub(number: u64) -> String {
        format!("hub {number}")
    }

    /// Follows a mark.
    fn mark(&mut self, text: &str) -> anyhow::Result<()> {
        match text.split_once(' ').context("a mark has two words")? {
            ("event", event) => {
                let (id, body) = event.split_once(' ').context("an event has its body")?;
                self.events.insert(id.to_owned(), body.as_bytes().into());
            }
            ("hub", number) => self.hub = number.parse()?,
            _ => bail!("an unknown mark: {text}"),
        }
        Ok(())
    }
}
