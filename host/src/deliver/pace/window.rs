//! What was seen of a destination within the last while. Pure; a dozen counters, whatever the traffic.

use crate::event::Timestamp;

/// The window is so many slots: what is told of it is right to a twelfth of it.
const SLOTS: usize = 12;

/// Attempts, and how many of them failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) attempts: u32,
    pub(super) failures: u32,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    slots: [Slot; SLOTS],
    /// 0 before the first attempt.
    slot_ms: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Which length of time since the epoch it counts.
    number: u64,
    seen: Seen,
}

impl Window {
    /// Counts an attempt. A window of another length begins anew.
    pub(super) fn add(&mut self, well: bool, window_ms: u64, now: Timestamp) {
        let slot_ms = (window_ms / SLOTS as u64).max(1);
        if self.slot_ms != slot_ms {
            *self = Self { slot_ms, ..Self::default() };
        }
        let number = now.0 / slot_ms;
        let slot = &mut self.slots[usize::try_from(number % SLOTS as u64).unwrap_or_default()];
        if slot.number != number {
            *slot = Slot { number, seen: Seen::default() };
        }
        slot.seen.attempts = slot.seen.attempts.saturating_add(1);
        slot.seen.failures = slot.seen.failures.saturating_add(u32::from(!well));
    }

    pub(super) fn sum(&self, now: Timestamp) -> Seen {
        let last = now.0 / self.slot_ms.max(1);
        let within = self.slots.iter().filter(|slot| slot.number <= last && slot.number + SLOTS as u64 > last);
        within.fold(Seen::default(), |sum, slot| Seen {
            attempts: sum.attempts.saturating_add(slot.seen.attempts),
            failures: sum.failures.saturating_add(slot.seen.failures),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut window = Window::default();
        window.add(true, 60_000, NOW);
        window.add(false, 60_000, NOW.plus_ms(55_000));
        assert_eq!(window.sum(NOW.plus_ms(55_000)), Seen { attempts: 2, failures: 1 });
        assert_eq!(window.sum(NOW.plus_ms(60_000)), Seen { attempts: 1, failures: 1 });
        assert_eq!(window.sum(NOW.plus_ms(120_000)), Seen::default());
    }

    #[test]
    fn a_clock_that_was_set_back_and_a_new_length_count_nothing_twice() {
        let mut window = Window::default();
        window.add(false, 60_000, NOW);
        assert_eq!(window.sum(Timestamp(NOW.0 - 3_600_000)), Seen::default());
        window.add(false, 120_000, NOW);
        assert_eq!(window.sum(NOW), Seen { attempts: 1, failures: 1 });
    }
}
