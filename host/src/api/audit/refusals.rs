//! Which refusals are written down. Whoever can reach the host can be refused as often as they like, so of those from one address one a
//! minute is, which says how many it stands for, and of all addresses together so many a minute. Pure: the time is given.

use std::{collections::HashMap, net::IpAddr};

use crate::event::Timestamp;

/// Between two entries of one address, in milliseconds.
const PAUSE_MS: u64 = 60_000;
/// Entries within a minute, of all addresses together.
const ENTRIES_PER_MINUTE_MAX: u32 = 60;
/// Addresses that are remembered; where there are more, those that were quiet longest are forgotten.
const ADDRESSES_MAX: usize = 4_096;
/// An address of IPv6 stands for its /64, of which anyone has as many as they like.
const V6_KEPT: u128 = !(u64::MAX as u128);

/// What is known of the refused.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    of: HashMap<Option<IpAddr>, Seen>,
    /// When the minute began, and how many entries there were in it.
    minute: (u64, u32),
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    /// When the last entry was made; `None`: none yet.
    written_at: Option<u64>,
    /// Refusals since then.
    since: u64,
    last_at: u64,
}

impl Refusals {
    /// One more, from this address. `Some`: write it down, for so many.
    pub(super) fn refused(&mut self, address: Option<IpAddr>, now: Timestamp) -> Option<u64> {
        let key = address.map(network);
        if self.of.len() >= ADDRESSES_MAX && !self.of.contains_key(&key) {
            self.forget();
        }
        let minute = now.0 / PAUSE_MS;
        if self.minute.0 != minute {
            self.minute = (minute, 0);
        }
        let seen = self.of.entry(key).or_insert(Seen { written_at: None, since: 0, last_at: now.0 });
        (seen.since, seen.last_at) = (seen.since + 1, now.0);
        let early = seen.written_at.is_some_and(|at| now.0.saturating_sub(at) < PAUSE_MS);
        if early || self.minute.1 >= ENTRIES_PER_MINUTE_MAX {
            return None;
        }
        self.minute.1 += 1;
        seen.written_at = Some(now.0);
        Some(std::mem::take(&mut seen.since))
    }

    /// The half that was quiet longest.
    fn forget(&mut self) {
        let mut times: Vec<u64> = self.of.values().map(|seen| seen.last_at).collect();
        let middle = times.len() / 2;
        let (_, &mut median, _) = times.select_nth_unstable(middle);
        let mut left = ADDRESSES_MAX / 2;
        self.of.retain(|_, seen| {
            let stays = seen.last_at >= median && left > 0;
            left -= usize::from(stays);
            stays
        });
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & V6_KEPT).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    #[test]
    fn one_address_has_an_entry_a_minute_that_says_how_many_it_stands_for() {
        let (mut refusals, here) = (Refusals::default(), from("192.0.2.7"));
        assert_eq!(refusals.refused(here, Timestamp(0)), Some(1), "the first at once");
        for ms in 1..1_000 {
            assert_eq!(refusals.refused(here, Timestamp(ms)), None);
        }
        assert_eq!(refusals.refused(from("192.0.2.8"), Timestamp(1_000)), Some(1), "others have their own");
        assert_eq!(refusals.refused(here, Timestamp(PAUSE_MS)), Some(1_000));
        assert_eq!(refusals.refused(here, Timestamp(2 * PAUSE_MS)), Some(1));
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.refused(from("2001:db8::1"), Timestamp(0)), Some(1));
        assert_eq!(refusals.refused(from("2001:db8::ffff:1"), Timestamp(1)), None);
        assert_eq!(refusals.refused(from("2001:db8:0:1::1"), Timestamp(2)), Some(1));
    }

    #[test]
    fn however_many_addresses_there_are_entries_and_memory_are_bounded() {
        let mut refusals = Refusals::default();
        let written = (0..100_000u32).filter(|&n| {
            let address = IpAddr::V4((0x0a00_0000 + n).into());
            refusals.refused(Some(address), Timestamp(u64::from(n) / 1_000)).is_some()
        });
        assert_eq!(written.count(), ENTRIES_PER_MINUTE_MAX as usize);
        assert!(refusals.of.len() <= ADDRESSES_MAX);
        assert_eq!(refusals.refused(from("192.0.2.7"), Timestamp(PAUSE_MS)), Some(1), "the next minute has its own");
    }
}
