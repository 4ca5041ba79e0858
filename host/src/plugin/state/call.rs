//! What one call of a guest may do with its plugin's state: the grant, the number of operations, sizes and expectations.

use std::time::Duration;

use super::{Answer, Refused, view::View};
use crate::{
    event::{Name, StateChange, StateEntry, Timestamp},
    plugin::limits::{STATE_KEY_BYTES_MAX, STATE_OPERATIONS_MAX, STATE_VALUE_BYTES_MAX},
};

/// One call's access to the state of its plugin.
#[derive(Debug, Default)]
pub(in crate::plugin) struct StateCall {
    view: View,
    plugin: Option<Name>,
    granted: bool,
    bytes_max: u64,
    operations: usize,
    /// What was refused, by label.
    pub(in crate::plugin) refused: Vec<&'static str>,
}

impl StateCall {
    pub(in crate::plugin) fn of(view: View, plugin: &Name, granted: bool, bytes_max: u64) -> Self {
        Self { view, plugin: Some(plugin.clone()), granted, bytes_max, ..Self::default() }
    }

    /// The view, with what this call did.
    pub(in crate::plugin) fn into_view(self) -> View {
        self.view
    }

    /// How long the chain's worker was held by reading.
    pub(in crate::plugin) fn waited(&self) -> Duration {
        self.view.waited()
    }

    pub(in crate::plugin) fn get(&mut self, key: &str) -> Answer<Option<StateEntry>> {
        self.operate(key, |view, plugin| Ok(view.current(plugin, key).cloned()))
    }

    pub(in crate::plugin) fn put(&mut self, key: &str, value: Vec<u8>, expect: Option<u64>, ttl_ms: Option<u64>) -> Answer<u64> {
        self.operate(key, |view, plugin| {
            expected(view.current(plugin, key), expect)?;
            let expires_at = ttl_ms.map(|ms| view.now.plus_ms(ms));
            write(view, plugin, key, value, expires_at)
        })
    }

    pub(in crate::plugin) fn delete(&mut self, key: &str, expect: Option<u64>) -> Answer<()> {
        self.operate(key, |view, plugin| {
            if expected(view.current(plugin, key), expect)? != 0 {
                view.change(plugin, key, StateChange::Removed);
            }
            Ok(())
        })
    }

    pub(in crate::plugin) fn add(&mut self, key: &str, delta: i64, ttl_ms: Option<u64>) -> Answer<i64> {
        self.operate(key, |view, plugin| {
            let (number, expires_at) = match view.current(plugin, key) {
                None => (0, ttl_ms.map(|ms| view.now.plus_ms(ms))),
                Some(entry) => (number(&entry.value).ok_or(Refused::TooLarge)?, entry.expires_at),
            };
            let sum = number.checked_add(delta).ok_or(Refused::TooLarge)?;
            write(view, plugin, key, sum.to_le_bytes().into(), expires_at)?;
            Ok(sum)
        })
    }

    /// What all operations have in common: whether there may be another one, on this key, and what is there.
    fn operate<T>(&mut self, key: &str, operation: impl FnOnce(&mut View, &Name) -> Result<T, Refused>) -> Answer<T> {
        let allowed = self.allow(key);
        let loaded = match (allowed, self.plugin.clone()) {
            (Ok(()), Some(plugin)) => self.view.load(&plugin, self.bytes_max, key)?.map(|()| plugin),
            (Ok(()), None) => Err(Refused::Unavailable("there is no state here")),
            (Err(refused), _) => Err(refused),
        };
        let done = loaded.and_then(|plugin| operation(&mut self.view, &plugin));
        self.refused.extend(done.as_ref().err().and_then(Refused::label));
        Ok(done)
    }

    fn allow(&mut self, key: &str) -> Result<(), Refused> {
        if self.view.store.is_none() {
            return Err(Refused::Unavailable("there is no state here: settings are checked and requests verified without"));
        }
        if !self.granted {
            let plugin = self.plugin.as_ref().map_or("", Name::as_str);
            return Err(Refused::Denied(format!("plugin `{plugin}` is not granted state (plugins.{plugin}.grants.state)")));
        }
        if self.operations >= STATE_OPERATIONS_MAX {
            return Err(Refused::Quota);
        }
        self.operations += 1;
        if key.is_empty() || key.len() > STATE_KEY_BYTES_MAX { Err(Refused::TooLarge) } else { Ok(()) }
    }
}

/// The version that is there, 0 for none, where it is the expected one.
fn expected(current: Option<&StateEntry>, expect: Option<u64>) -> Result<u64, Refused> {
    let version = current.map_or(0, |entry| entry.version);
    if expect.is_none_or(|expect| expect == version) { Ok(version) } else { Err(Refused::Conflict) }
}

fn write(view: &mut View, plugin: &Name, key: &str, value: Vec<u8>, expires_at: Option<Timestamp>) -> Result<u64, Refused> {
    if value.len() > STATE_VALUE_BYTES_MAX {
        return Err(Refused::TooLarge);
    }
    let seen = view.seen(plugin).ok_or(Refused::Unavailable("nothing was read"))?;
    let bytes = seen.bytes_with(key, value.len());
    let grows = seen.keys.get(key).is_none_or(|touched| touched.bytes(key).1 < (key.len() + value.len()) as u64);
    if grows && bytes > seen.bytes_max {
        return Err(Refused::Quota);
    }
    let version = view.next_version(plugin, key);
    view.change(plugin, key, StateChange::Put(StateEntry { value: value.into(), version, expires_at }));
    Ok(version)
}

/// A number as `add` stores it.
fn number(value: &[u8]) -> Option<i64> {
    value.try_into().ok().map(i64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::{
        super::{StateFound, StateStore, StateUnavailable},
        *,
    };
    use crate::{
        event::{KeyUse, StateUse},
        plugin::limits::CHAIN_STATE_KEYS_MAX,
    };

    /// A store that has one entry, or none and fails.
    #[derive(Debug)]
    struct Store {
        found: Option<StateFound>,
        asked: Mutex<Vec<String>>,
        worker: &'static str,
    }

    impl StateStore for Store {
        fn read(&self, _: &Name, key: &str, _: Timestamp, _: Duration) -> Result<StateFound, StateUnavailable> {
            self.asked.lock().expect("nobody panics").push(key.to_owned());
            self.found.clone().ok_or_else(|| StateUnavailable("the disk is gone".into()))
        }

        fn worker(&self) -> &str {
            self.worker
        }
    }

    const NOW: Timestamp = Timestamp(1_000);

    fn name() -> Name {
        "p".parse().expect("a name")
    }

    fn store(found: Option<StateFound>) -> Arc<Store> {
        Arc::new(Store { found, asked: Mutex::default(), worker: "r" })
    }

    fn call_on(store: &Arc<Store>, granted: bool, bytes_max: u64) -> StateCall {
        let store: Arc<dyn StateStore> = Arc::<Store>::clone(store);
        StateCall::of(View::of(Some(store), "evt_1", 1, NOW), &name(), granted, bytes_max)
    }

    fn empty() -> StateCall {
        call_on(&store(Some(StateFound::default())), true, 1_000)
    }

    #[test]
    fn two_rules_on_one_event_write_versions_of_their_own() {
        let version = |worker| {
            let store: Arc<dyn StateStore> =
                Arc::new(Store { found: Some(StateFound::default()), asked: Mutex::default(), worker });
            let mut call = StateCall::of(View::of(Some(store), "evt_1", 1, NOW), &name(), true, 100);
            call.put("a", b"x".to_vec(), None, None).expect("read").expect("room")
        };
        assert_eq!(version("r"), version("r"), "a repeat writes the same");
        assert_ne!(version("r"), version("other"));
    }

    #[test]
    fn what_the_chain_wrote_is_what_it_reads_and_each_key_is_asked_for_once() {
        let entry = StateEntry { value: "old".into(), version: 7, expires_at: None };
        let store = store(Some(StateFound { entry: Some(entry.clone()), bytes: 4 }));
        let mut call = call_on(&store, true, 100);
        assert_eq!(call.get("a").expect("read"), Ok(Some(entry.clone())));
        assert_eq!(call.put("a", b"x".to_vec(), Some(0), None).expect("read"), Err(Refused::Conflict));
        let version = call.put("a", b"new".to_vec(), Some(7), None).expect("read").expect("as expected");
        let mut later = StateCall::of(call.into_view(), &name(), true, 100);
        let now = later.get("a").expect("read").expect("allowed").expect("there");
        assert_eq!((&now.value[..], now.version), (&b"new"[..], version));
        later.delete("a", None).expect("read").expect("allowed");
        assert_eq!(later.get("a").expect("read"), Ok(None));
        assert_eq!(*store.asked.lock().expect("nobody panics"), ["a"]);
        let key = KeyUse { key: "a".into(), seen: Some(entry), left: Some(StateChange::Removed) };
        assert_eq!(later.into_view().into_uses(), [StateUse { plugin: name(), bytes_max: 100, keys: vec![key] }]);
    }

    #[test]
    fn versions_are_the_same_in_a_repeat_and_else_never() {
        let versions = || {
            let mut call = empty();
            [b"x", b"y", b"x"].map(|value| call.put("a", value.to_vec(), None, None).expect("read").expect("allowed"))
        };
        let [first, second, third] = versions();
        assert_eq!(versions(), [first, second, third]);
        assert!(first != second && second != third && first != third);
        assert!([first, second, third].iter().all(|version| i64::try_from(*version).is_ok_and(|version| version > 0)));
    }

    #[test]
    fn a_number_keeps_the_time_that_it_began_with() {
        let mut call = empty();
        assert_eq!(call.add("n", 2, Some(500)).expect("read"), Ok(2));
        assert_eq!(call.add("n", -3, Some(9_000)).expect("read"), Ok(-1));
        let entry = call.get("n").expect("read").expect("allowed").expect("there");
        assert_eq!((entry.value, entry.expires_at), ((-1_i64).to_le_bytes().to_vec().into(), Some(Timestamp(1_500))));
        assert_eq!(call.add("n", i64::MIN, None).expect("read"), Err(Refused::TooLarge));
        call.put("t", b"text".to_vec(), None, Some(0)).expect("read").expect("allowed");
        assert_eq!(call.get("t").expect("read"), Ok(None), "its time is over at once");
    }

    #[test]
    fn limits_are_told_and_counted() {
        let mut call = call_on(&store(Some(StateFound { entry: None, bytes: 95 })), true, 100);
        assert_eq!(call.get("").expect("none is read"), Err(Refused::TooLarge));
        assert_eq!(call.get(&"k".repeat(257)).expect("none is read"), Err(Refused::TooLarge));
        assert_eq!(call.put("k", vec![0; STATE_VALUE_BYTES_MAX + 1], None, None).expect("read"), Err(Refused::TooLarge));
        assert_eq!(call.put("k", b"12345".to_vec(), None, None).expect("read"), Err(Refused::Quota));
        assert!(call.put("k", b"1234".to_vec(), None, None).expect("read").is_ok());
        assert!(call.put("k", b"123".to_vec(), None, None).expect("read").is_ok(), "less is never too much");
        assert_eq!(call.refused, ["too-large", "too-large", "too-large", "quota"]);
        let mut call = empty();
        let refused = (0..=STATE_OPERATIONS_MAX).filter(|_| call.get("k").expect("read").is_err()).count();
        assert_eq!(refused, 1);
        let keys: Vec<String> = (0..=CHAIN_STATE_KEYS_MAX).map(|n| n.to_string()).collect();
        let mut view = empty().into_view();
        let refused: Vec<_> = keys.iter().filter(|key| view.load(&name(), 1, key).expect("read").is_err()).collect();
        assert_eq!(refused, [&keys[CHAIN_STATE_KEYS_MAX]]);
    }

    #[test]
    fn without_a_grant_or_a_store_it_is_told_which_is_missing() {
        let store = store(Some(StateFound::default()));
        let Err(Refused::Denied(told)) = call_on(&store, false, 1).get("a").expect("none is read") else { panic!("denied") };
        assert!(told.contains("plugins.p.grants.state"), "{told}");
        assert!(store.asked.lock().expect("nobody panics").is_empty());
        assert!(matches!(StateCall::default().get("a"), Ok(Err(Refused::Unavailable(_)))));
        let mut failing = call_on(&super::tests::store(None), true, 1);
        assert!(failing.add("a", 1, None).expect_err("the store failed").to_string().contains("the disk is gone"));
    }
}
