//! Who has which message, and until when. Pure: no clock, no I/O. It lives in memory: after a restart nobody has anything, and what was not
//! acknowledged is given again.

use std::collections::{BTreeSet, HashMap};

use crate::{
    event::{MessageId, Timestamp},
    journal::{Delivery, Lane},
};

/// A message that a consumer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    /// The message's place in the journal.
    pub(super) seq: u64,
    /// Which message.
    pub(super) id: MessageId,
    /// Of which queue.
    pub(super) lane: Lane,
    /// In which attempt, of the present series.
    pub(super) attempt: u32,
    /// The same, of all on record.
    pub(super) number: u32,
    /// When the message was planned.
    pub(super) created_at: Timestamp,
    /// When it was given.
    pub(super) given_at: Timestamp,
    /// Until then.
    pub(super) until: Timestamp,
    /// Tells this lease from others of the same message and attempt.
    pub(super) nonce: u64,
}

impl Lease {
    pub(super) fn new(delivery: &Delivery, given_at: Timestamp, until: Timestamp, nonce: u64) -> Self {
        Self {
            seq: delivery.seq,
            id: delivery.id,
            lane: delivery.lane.clone(),
            attempt: delivery.attempt,
            number: delivery.number,
            created_at: delivery.created_at,
            given_at,
            until,
            nonce,
        }
    }
}

/// All leases. Bounded by the queues' `leased_max`.
#[derive(Debug, Default)]
pub(super) struct Leases {
    held: HashMap<MessageId, Lease>,
    /// Exactly the ends of `held`, earliest first.
    ends: BTreeSet<(Timestamp, MessageId)>,
    /// Of each queue, how many are held or about to be; none is 0.
    taken: HashMap<Lane, usize>,
}

/// Whose a message is, seen from a lease of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holder {
    /// This lease's.
    This,
    /// Somebody else's by now.
    Another,
    /// Nobody's.
    Nobody,
}

impl Leases {
    /// Sets room aside for up to `count` messages of a queue that may have `max` under lease; gives how many there are room for.
    pub(super) fn reserve(&mut self, lane: &Lane, count: usize, max: usize) -> usize {
        let taken = self.taken.get(lane).copied().unwrap_or(0);
        let count = count.min(max.saturating_sub(taken));
        if count > 0 {
            self.taken.insert(lane.clone(), taken + count);
        }
        count
    }

    /// Gives room back that was set aside and not used.
    pub(super) fn release(&mut self, lane: &Lane, count: usize) {
        let Some(taken) = self.taken.get_mut(lane) else { return };
        *taken = taken.saturating_sub(count);
        if *taken == 0 {
            self.taken.remove(lane);
        }
    }

    /// Gives a message, in the room that was set aside for it.
    pub(super) fn give(&mut self, lease: Lease) {
        self.ends.insert((lease.until, lease.id));
        self.held.insert(lease.id, lease);
    }

    /// Whose the message is, seen from the lease of this nonce.
    pub(super) fn holder(&self, id: MessageId, nonce: u64) -> Holder {
        match self.held.get(&id) {
            Some(lease) if lease.nonce == nonce => Holder::This,
            Some(_) => Holder::Another,
            None => Holder::Nobody,
        }
    }

    /// Ends a lease. `None` where it has ended already.
    pub(super) fn end(&mut self, id: MessageId, nonce: u64) -> Option<Lease> {
        if self.holder(id, nonce) != Holder::This {
            return None;
        }
        let lease = self.held.remove(&id)?;
        self.ends.remove(&(lease.until, id));
        self.release(&lease.lane, 1);
        Some(lease)
    }

    /// Takes back what was ended too early: its end was not stored.
    pub(super) fn restore(&mut self, lease: Lease) {
        *self.taken.entry(lease.lane.clone()).or_default() += 1;
        self.give(lease);
    }

    /// Moves the end of a lease, but not beyond `held_ms_max` from its beginning. Gives the new end.
    pub(super) fn extend(&mut self, id: MessageId, nonce: u64, until: Timestamp, held_ms_max: u64) -> Option<Timestamp> {
        let lease = self.held.get_mut(&id).filter(|lease| lease.nonce == nonce)?;
        self.ends.remove(&(lease.until, id));
        lease.until = until.min(lease.given_at.plus_ms(held_ms_max));
        self.ends.insert((lease.until, id));
        Some(lease.until)
    }

    /// Ends the leases that are over.
    pub(super) fn lapse(&mut self, now: Timestamp) -> Vec<Lease> {
        let mut lapsed = Vec::new();
        while let Some((until, id)) = self.ends.first().copied().filter(|(until, _)| *until <= now) {
            self.ends.remove(&(until, id));
            if let Some(lease) = self.held.remove(&id) {
                self.release(&lease.lane, 1);
                lapsed.push(lease);
            }
        }
        lapsed
    }

    /// When the first lease ends.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// How many messages are under lease.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deliver::fake;

    fn lease(seq: u64, until: u64) -> Lease {
        Lease::new(&fake::delivery("jobs", seq), Timestamp(1_000), Timestamp(until), 70 + seq)
    }

    /// Leases of these messages, which end at these times.
    fn leases(ends: &[u64]) -> (Leases, Vec<Lease>) {
        let mut leases = Leases::default();
        let all: Vec<Lease> = ends.iter().zip(1..).map(|(until, seq)| lease(seq, *until)).collect();
        assert_eq!(leases.reserve(&fake::lane("jobs"), all.len(), 100), all.len());
        all.iter().for_each(|one| leases.give(one.clone()));
        (leases, all)
    }

    #[test]
    fn a_lease_ends_once() {
        let (mut leases, all) = leases(&[2_000]);
        let one = &all[0];
        assert_eq!(leases.holder(one.id, 1), Holder::Another);
        assert_eq!(leases.end(one.id, 1), None, "another's receipt");
        assert_eq!(leases.end(one.id, one.nonce).as_ref(), Some(one));
        assert_eq!(leases.end(one.id, one.nonce), None);
        assert_eq!((leases.holder(one.id, one.nonce), leases.len(), leases.next_end()), (Holder::Nobody, 0, None));
    }

    #[test]
    fn what_is_over_lapses_in_order_and_nothing_else_does() {
        let (mut leases, all) = leases(&[3_000, 2_000, 9_000]);
        assert_eq!(leases.next_end(), Some(Timestamp(2_000)));
        assert!(leases.lapse(Timestamp(1_999)).is_empty());
        assert_eq!(leases.lapse(Timestamp(3_000)), [all[1].clone(), all[0].clone()]);
        assert_eq!((leases.len(), leases.next_end()), (1, Some(Timestamp(9_000))));
    }

    #[test]
    fn a_lease_is_extended_but_not_for_ever() {
        let (mut leases, all) = leases(&[2_000]);
        let one = &all[0];
        assert_eq!(leases.extend(one.id, one.nonce, Timestamp(5_000), 10_000), Some(Timestamp(5_000)));
        assert_eq!(leases.extend(one.id, one.nonce, Timestamp(50_000), 10_000), Some(Timestamp(11_000)));
        assert_eq!(leases.extend(one.id, 1, Timestamp(6_000), 10_000), None);
        assert!(leases.lapse(Timestamp(10_999)).is_empty());
        assert_eq!(leases.lapse(Timestamp(11_000)).len(), 1);
    }

    #[test]
    fn a_queue_has_room_for_so_many() {
        let (lane, mut leases) = (fake::lane("jobs"), Leases::default());
        assert_eq!(leases.reserve(&lane, 10, 3), 3);
        assert_eq!(leases.reserve(&lane, 10, 3), 0);
        assert_eq!(leases.reserve(&fake::lane("other"), 10, 3), 3, "another queue has its own");
        leases.give(lease(1, 2_000));
        leases.release(&lane, 2);
        assert_eq!(leases.reserve(&lane, 10, 3), 2);
        leases.release(&lane, 2);
        let ended = leases.end(lease(1, 2_000).id, 71).expect("it was given");
        assert!(!leases.taken.contains_key(&lane), "nothing is kept of an empty queue");
        leases.restore(ended);
        assert_eq!((leases.reserve(&lane, 10, 3), leases.len()), (2, 1));
    }
}
