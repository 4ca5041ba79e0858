//! What was promised, and whether it was kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{kind::Kind, sink::Arrivals};

/// What senders and operators were told.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    /// The number of each event that was posted, answered or not.
    pub(super) posted: BTreeSet<u64>,
    /// The number of each that was answered with 202.
    pub(super) promised: BTreeSet<u64>,
    /// The number of each that is to be posted once more, with the same idempotency key: the host may have it already.
    pub(super) again: BTreeSet<u64>,
    /// Of those that were promised, by the id that the answer tells: the number.
    pub(super) acknowledged: BTreeMap<String, u64>,
    /// What revisions set the marker to.
    pub(super) marker: Register,
    /// What revisions set the plugin that nothing uses to.
    pub(super) component: Register,
    /// The components that it was set to, by digest.
    pub(super) digests: BTreeMap<String, u64>,
}

/// The ledger of one folder, which all that speak to its hosts write to.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Ledger>>);

impl Shared {
    pub(super) fn open(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A value that is only ever raised.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Register {
    /// The highest that was asked for.
    pub(super) asked: u64,
    /// The highest that was acknowledged.
    pub(super) acknowledged: u64,
}

impl Register {
    pub(super) fn check(self, what: &str, found: u64) -> Result<(), String> {
        if (self.acknowledged..=self.asked).contains(&found) {
            return Ok(());
        }
        Err(format!("{what} is that of revision {found}; {} was acknowledged, {} asked for", self.acknowledged, self.asked))
    }
}

/// Checks a host that has nothing left to do. `stored` are its events, by id.
pub(super) fn check(ledger: &Ledger, stored: &BTreeMap<String, Kind>, arrivals: &Arrivals) -> Result<(), String> {
    if let Some(wrong) = arrivals.wrong.first() {
        return Err(wrong.clone());
    }
    if let Some((id, number)) = ledger.acknowledged.iter().find(|(id, _)| !stored.contains_key(*id)) {
        return Err(format!("{id} ({number}, {}) was acknowledged and is lost", Kind::of(*number).name()));
    }
    Kind::ALL.into_iter().try_for_each(|kind| check_kind(kind, ledger, stored, arrivals))
}

fn check_kind(kind: Kind, ledger: &Ledger, stored: &BTreeMap<String, Kind>, arrivals: &Arrivals) -> Result<(), String> {
    let name = kind.name();
    let carriers = carriers(kind, arrivals)?;
    let stored = stored.values().filter(|one| **one == kind).count() as u64;
    if kind == Kind::Count {
        let counted: BTreeSet<String> = (1..=stored).map(|count| count.to_string()).collect();
        let arrived: BTreeSet<String> = carriers.into_keys().collect();
        let told = |one: Option<&String>| one.map_or_else(|| "none".to_owned(), String::clone);
        let (missing, extra) = (told(counted.difference(&arrived).next()), told(arrived.difference(&counted).next()));
        return if missing == extra {
            Ok(())
        } else {
            Err(format!("of {stored} counts one is missing: {missing}, or one too many: {extra}"))
        };
    }
    for number in ledger.promised.iter().filter(|number| Kind::of(**number) == kind) {
        if let Some(token) = kind.tokens(*number).iter().find(|token| !carriers.contains_key(*token)) {
            return Err(format!("{token} of {name} was acknowledged and never arrived"));
        }
    }
    let known: BTreeSet<String> =
        ledger.posted.iter().filter(|number| Kind::of(**number) == kind).flat_map(|number| kind.tokens(*number)).collect();
    if let Some(token) = carriers.keys().find(|token| !known.contains(*token)) {
        return Err(format!("{token} of {name} arrived, and nobody posted it"));
    }
    // Events are stored whose answer was lost with the host: those too have to arrive.
    let expected = stored * kind.tokens(0).len() as u64;
    if carriers.len() as u64 != expected {
        return Err(format!(
            "{stored} events of {name} are stored, {expected} messages should have come of them, {} did",
            carriers.len()
        ));
    }
    Ok(())
}

/// By token, the id that carried it: one, however often it came.
fn carriers(kind: Kind, arrivals: &Arrivals) -> Result<BTreeMap<String, &str>, String> {
    let mut carriers: BTreeMap<String, &str> = BTreeMap::new();
    for ((_, id), body) in arrivals.bodies.iter().filter(|((of, _), _)| *of == kind) {
        let not_ours = || format!("{id} came to {} with {:?}", kind.name(), String::from_utf8_lossy(body));
        for token in kind.carried(body).ok_or_else(not_ours)? {
            if let Some(other) = carriers.insert(token.clone(), id) {
                return Err(format!("{token} of {} came as {id} and as {other}", kind.name()));
            }
        }
    }
    Ok(carriers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two events of each kind, stored, acknowledged and arrived as they should.
    fn world() -> (Ledger, BTreeMap<String, Kind>, Arrivals) {
        let (mut ledger, mut stored, mut arrivals) = (Ledger::default(), BTreeMap::new(), Arrivals::default());
        let mut count = 0;
        for number in 0..2 * Kind::ALL.len() as u64 {
            let kind = Kind::of(number);
            ledger.posted.insert(number);
            ledger.promised.insert(number);
            ledger.acknowledged.insert(format!("evt_{number}"), number);
            stored.insert(format!("evt_{number}"), kind);
            let bodies = match kind {
                Kind::Bot => Vec::new(),
                Kind::Split => kind.tokens(number),
                Kind::Push => vec![format!("{{\"compare\":[\"{number}\"]}}")],
                Kind::Collect => vec![format!("[{number}]")],
                Kind::Count => {
                    count += 1;
                    vec![count.to_string()]
                }
                _ => vec![kind.body(number)],
            };
            for (index, body) in bodies.into_iter().enumerate() {
                arrivals.bodies.insert((kind, format!("msg_{number}_{index}")), body.into());
            }
        }
        (ledger, stored, arrivals)
    }

    fn told(change: impl FnOnce(&mut Ledger, &mut BTreeMap<String, Kind>, &mut Arrivals)) -> String {
        let (mut ledger, mut stored, mut arrivals) = world();
        change(&mut ledger, &mut stored, &mut arrivals);
        check(&ledger, &stored, &arrivals).expect_err("it is wrong")
    }

    #[test]
    fn what_is_as_it_should_be_passes() {
        let (ledger, stored, arrivals) = world();
        assert_eq!(check(&ledger, &stored, &arrivals), Ok(()));
    }

    #[test]
    fn an_event_that_is_lost_is_found() {
        assert!(told(|_, stored, _| _ = stored.remove("evt_3")).contains("evt_3 (3, split) was acknowledged and is lost"));
    }

    #[test]
    fn a_message_that_is_missing_is_found_for_every_kind() {
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Bot) {
            let told = told(|_, _, arrivals| {
                let first = arrivals.bodies.keys().find(|(of, _)| *of == kind).expect("it arrived").clone();
                arrivals.bodies.remove(&first);
            });
            assert!(told.contains("never arrived") || told.contains("one is missing"), "{told}");
        }
    }

    #[test]
    fn a_message_of_an_event_whose_answer_was_lost_is_missed_too() {
        let told = told(|ledger, _, arrivals| {
            ledger.acknowledged.remove("evt_0");
            ledger.promised.remove(&0);
            arrivals.bodies.remove(&(Kind::Plain, "msg_0_0".to_owned()));
        });
        assert!(told.contains("2 messages should have come of them, 1 did"), "{told}");
    }

    #[test]
    fn the_same_under_a_second_id_is_found() {
        let told = told(|_, _, arrivals| {
            arrivals.bodies.insert((Kind::Collect, "msg_again".to_owned()), b"[6]".to_vec());
        });
        assert!(told.contains("6 of collect came as"), "{told}");
    }

    #[test]
    fn a_count_too_many_and_what_nobody_posted_are_found() {
        let of = |kind: Kind, body: &str| told(|_, _, arrivals| drop(arrivals.bodies.insert((kind, "x".into()), body.into())));
        assert!(of(Kind::Count, "3").contains("one too many: 3"));
        assert!(of(Kind::Plain, "{\"n\":900}").contains("nobody posted it"));
        assert!(of(Kind::Bot, "{}").contains("came to bot"));
    }

    #[test]
    fn a_register_is_the_acknowledged_one_or_later() {
        let register = Register { asked: 5, acknowledged: 3 };
        assert!(register.check("the marker", 3).and(register.check("the marker", 5)).is_ok());
        assert!(register.check("the marker", 2).is_err() && register.check("the marker", 6).is_err());
    }
}
