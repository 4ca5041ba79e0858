//! What plugins count and observe, for the operator's dashboards: under names of the host's, with workspace and plugin as labels, and so many series.
//!
//! A plugin's series are its name's in all of its versions, and are gone when nobody holds the plugin any more: neither the rules of today
//! nor work under way. So nothing has to be told when a plugin is removed.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{
        MetricType,
        counter::Counter,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

use super::{
    limits::{CUSTOM_SERIES_MAX, METRIC_LABEL_VALUE_BYTES_MAX, METRIC_LABELS_MAX, METRIC_NAME_BYTES_MAX},
    text::one_line,
};
use crate::event::{Digest, Name};

/// Labels that the page has already.
const RESERVED: [&str; 3] = ["workspace", "plugin", "le"];

type Labels = Vec<(String, String)>;

/// Workspace and plugin.
type Place = (Name, Name);

/// All plugins' series.
#[derive(Clone, Debug, Default)]
pub(super) struct CustomMetrics(Arc<Mutex<HashMap<Place, Weak<Owned>>>>);

/// One plugin's series.
#[derive(Debug)]
pub(super) struct Owned {
    place: Place,
    all: CustomMetrics,
    series: Mutex<Vec<Series>>,
    /// The versions that somebody holds to run them: several where there is a canary, or rules pin some.
    running: Mutex<Vec<Weak<Digest>>>,
}

#[derive(Debug)]
struct Series {
    name: String,
    labels: Labels,
    value: Value,
    /// The version that told it last: what a former one told, which nothing runs any more, gives way.
    digest: Digest,
}

#[derive(Clone, Debug)]
enum Value {
    Counter(Counter),
    Histogram(Histogram),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Histogram,
}

/// Whether what is counted and observed is on the page of metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Seen,
    /// The plugin is answered as ever, and it is forgotten with the call.
    Unseen,
}

/// One call's way to tell them.
pub(super) struct Teller {
    plugin: String,
    /// `None`: it is not granted.
    owned: Option<Arc<Owned>>,
    digest: Digest,
    series_max: usize,
    /// There was no room for a series.
    pub(super) had_no_room: bool,
}

impl CustomMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register_collector(Box::new(metrics.clone()));
        metrics
    }

    /// The series of a plugin, in whatever version.
    pub(super) fn of(&self, workspace: &Name, plugin: &Name) -> Arc<Owned> {
        let (mut all, place) = (self.lock(), (workspace.clone(), plugin.clone()));
        if let Some(owned) = all.get(&place).and_then(Weak::upgrade) {
            return owned;
        }
        all.retain(|_, owned| owned.strong_count() > 0);
        let owned =
            Arc::new(Owned { place: place.clone(), all: self.clone(), series: Mutex::default(), running: Mutex::default() });
        all.insert(place, Arc::downgrade(&owned));
        owned
    }

    fn alive(&self) -> Vec<Arc<Owned>> {
        self.lock().values().filter_map(Weak::upgrade).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Weak<Owned>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Owned {
    /// The plugin's series, or for a call that is not to be seen new ones of no page.
    pub(super) fn for_call(self: &Arc<Self>, told: Told) -> Arc<Self> {
        match told {
            Told::Seen => Arc::clone(self),
            Told::Unseen => CustomMetrics::default().of(&self.place.0, &self.place.1),
        }
    }

    /// A way to tell them, for one call.
    pub(super) fn teller(plugin: &Name, owned: Option<&Arc<Self>>, digest: Digest, series_max: usize) -> Teller {
        Teller { plugin: plugin.to_string(), owned: owned.cloned(), digest, series_max, had_no_room: false }
    }

    /// A version is run for as long as somebody holds this.
    pub(super) fn running(&self, digest: Digest) -> Arc<Digest> {
        let version = Arc::new(digest);
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.retain(|version| version.strong_count() > 0);
        running.push(Arc::downgrade(&version));
        version
    }

    fn is_running(&self, digest: &Digest) -> bool {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.iter().filter_map(Weak::upgrade).any(|version| *version == *digest)
    }

    /// The series, made where there is none yet and room for one.
    fn find(&self, name: &str, labels: Labels, kind: Kind, digest: Digest, series_max: usize) -> Result<Value, Refused> {
        if let Some(known) = known(&mut self.lock(), name, &labels, kind, digest) {
            return known;
        }
        // Not under the lock of this plugin: all of them are looked at.
        let (mut count, mut clashes) = (0, false);
        for owned in self.all.alive() {
            let series = owned.lock();
            count += series.len();
            clashes |= series.iter().any(|one| one.name == name && one.value.kind() != kind);
        }
        if clashes {
            return Err(other_kind(name));
        }
        let mut series = self.lock();
        // Another call may have made it meanwhile.
        if let Some(known) = known(&mut series, name, &labels, kind, digest) {
            return known;
        }
        if series.len() >= series_max {
            let (_, plugin) = &self.place;
            let former = series.iter().position(|one| one.digest != digest && !self.is_running(&one.digest));
            let Some(former) = former else {
                let setting = format!("plugins.{plugin}.limits.metric_series_max");
                return Err(Refused::NoRoom(format!(
                    "plugin `{plugin}` has {series_max} series, which is the limit ({setting})"
                )));
            };
            series.swap_remove(former);
        } else if count >= CUSTOM_SERIES_MAX {
            return Err(Refused::NoRoom(format!("all plugins together have {CUSTOM_SERIES_MAX} series, which is the limit")));
        }
        let value = Value::new(kind);
        series.push(Series { name: name.to_owned(), labels, value: value.clone(), digest });
        Ok(value)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Series>> {
        self.series.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The series, where there is one, told by this version from now on.
fn known(series: &mut [Series], name: &str, labels: &Labels, kind: Kind, digest: Digest) -> Option<Result<Value, Refused>> {
    let found = series.iter_mut().find(|one| one.name == name && one.labels == *labels)?;
    found.digest = digest;
    Some(if found.value.kind() == kind { Ok(found.value.clone()) } else { Err(other_kind(name)) })
}

enum Refused {
    NoRoom(String),
    OtherKind(String),
}

fn other_kind(name: &str) -> Refused {
    Refused::OtherKind(format!(
        "`{name}` is a metric of the other kind already: a name is either counted or observed, by all plugins"
    ))
}

impl Value {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Counter => Self::Counter(Counter::default()),
            // It is not known what is measured: from a thousandth to a million.
            Kind::Histogram => Self::Histogram(Histogram::new(exponential_buckets(1e-3, 10.0, 10))),
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Counter(_) => Kind::Counter,
            Self::Histogram(_) => Kind::Histogram,
        }
    }
}

impl Teller {
    /// For an instance that is only tried.
    pub(super) fn nobody() -> Self {
        Self { plugin: String::new(), owned: None, digest: Digest::of(b""), series_max: 0, had_no_room: false }
    }

    /// Adds to a counter; else a text that says why not.
    pub(super) fn count(&mut self, name: &str, delta: u64, labels: Labels) -> Result<(), String> {
        if let Value::Counter(counter) = self.series(name, labels, Kind::Counter)? {
            counter.inc_by(delta);
        }
        Ok(())
    }

    /// Adds a value to a histogram; else a text that says why not.
    pub(super) fn observe(&mut self, name: &str, value: f64, labels: Labels) -> Result<(), String> {
        if !value.is_finite() {
            return Err(format!("`{}`: what is observed has to be a finite number", one_line(name)));
        }
        if let Value::Histogram(histogram) = self.series(name, labels, Kind::Histogram)? {
            histogram.observe(value);
        }
        Ok(())
    }

    fn series(&mut self, name: &str, labels: Labels, kind: Kind) -> Result<Value, String> {
        let plugin = &self.plugin;
        let owned = self.owned.as_ref();
        let owned = owned.ok_or_else(|| format!("plugin `{plugin}` is not granted metrics (plugins.{plugin}.grants.metrics)"))?;
        check_name("the name of a metric", name)?;
        let labels = checked(labels)?;
        owned.find(name, labels, kind, self.digest, self.series_max).map_err(|refused| match refused {
            Refused::NoRoom(text) => {
                self.had_no_room = true;
                text
            }
            Refused::OtherKind(text) => text,
        })
    }
}

fn checked(mut labels: Labels) -> Result<Labels, String> {
    if labels.len() > METRIC_LABELS_MAX {
        return Err(format!("a series has at most {METRIC_LABELS_MAX} labels"));
    }
    labels.sort_unstable();
    for (at, (key, value)) in labels.iter_mut().enumerate() {
        check_name("the key of a label", key)?;
        if RESERVED.contains(&key.as_str()) {
            return Err(format!("the label `{key}` is the host's"));
        }
        if value.len() > METRIC_LABEL_VALUE_BYTES_MAX {
            return Err(format!("the label {} `{key}` has a value of more than {METRIC_LABEL_VALUE_BYTES_MAX} bytes", at + 1));
        }
        *value = one_line(value);
    }
    match labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(format!("the label `{}` is given twice", pair[0].0)),
        None => Ok(labels),
    }
}

/// `[a-z][a-z0-9_]{0,62}`
fn check_name(what: &str, name: &str) -> Result<(), String> {
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    let is_name = begins && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if is_name && name.len() <= METRIC_NAME_BYTES_MAX {
        return Ok(());
    }
    let shown: String = one_line(name).chars().take(METRIC_NAME_BYTES_MAX).collect();
    Err(format!("{what} has the form [a-z][a-z0-9_]{{0,62}}, and `{shown}` has not"))
}

impl Collector for CustomMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut families: BTreeMap<String, Vec<(Labels, Value)>> = BTreeMap::new();
        for owned in self.alive() {
            for one in owned.lock().iter() {
                let (workspace, plugin) = &owned.place;
                let whose = [("workspace".to_owned(), workspace.to_string()), ("plugin".to_owned(), plugin.to_string())];
                let labels = whose.into_iter().chain(one.labels.iter().cloned()).collect();
                families.entry(format!("sluicebox_plugin_custom_{}", one.name)).or_default().push((labels, one.value.clone()));
            }
        }
        for (name, series) in families {
            // Two that raced to be the first of a name may be of different kinds; the page has only one of them.
            let Some(kind) = series.first().map(|(_, value)| value.kind()) else { continue };
            let (help, of_type) = match kind {
                Kind::Counter => ("Counted by plugins", MetricType::Counter),
                Kind::Histogram => ("Observed by plugins", MetricType::Histogram),
            };
            let mut family = encoder.encode_descriptor(&name, help, None, of_type)?;
            for (labels, value) in series.iter().filter(|(_, value)| value.kind() == kind) {
                let one = family.encode_family(labels)?;
                match value {
                    Value::Counter(counter) => counter.encode(one)?,
                    Value::Histogram(histogram) => histogram.encode(one)?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        registry: Registry,
        metrics: CustomMetrics,
    }

    impl World {
        fn new() -> Self {
            let mut registry = Registry::default();
            let metrics = CustomMetrics::register(&mut registry);
            Self { registry, metrics }
        }

        fn page(&self) -> String {
            let mut page = String::new();
            prometheus_client::encoding::text::encode(&mut page, &self.registry).expect("text");
            page
        }

        fn teller(&self, plugin: &str, version: &str) -> Teller {
            let plugin = plugin.parse().expect("a name");
            Owned::teller(&plugin, Some(&self.metrics.of(&Name::default_workspace(), &plugin)), Digest::of(version.as_bytes()), 3)
        }
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_plugins_tell_is_on_the_page_with_their_names() {
        let world = World::new();
        let (mut shop, mut bank) = (world.teller("shop", "1"), world.teller("bank", "1"));
        shop.count("orders", 1, labels(&[("b", "x\"\ny"), ("a", "1")])).expect("counted");
        shop.count("orders", 2, labels(&[("a", "1"), ("b", "x\"\ny")])).expect("the same series, in any order");
        bank.count("orders", 5, labels(&[])).expect("counted");
        shop.observe("euros", 12.5, labels(&[])).expect("observed");
        let page = world.page();
        for line in [
            r#"sluicebox_plugin_custom_orders_total{workspace="default",plugin="shop",a="1",b="x\" y"} 3"#,
            r#"sluicebox_plugin_custom_orders_total{workspace="default",plugin="bank"} 5"#,
            r#"sluicebox_plugin_custom_euros_sum{workspace="default",plugin="shop"} 12.5"#,
            r#"sluicebox_plugin_custom_euros_bucket{le="100.0",workspace="default",plugin="shop"} 1"#,
        ] {
            assert!(page.contains(line), "{line} is missing in\n{page}");
        }
        assert_eq!(page.matches("# TYPE sluicebox_plugin_custom_orders counter").count(), 1, "{page}");
    }

    #[test]
    fn what_is_told_in_an_unseen_call_is_checked_and_on_no_page() {
        let world = World::new();
        let shop = world.metrics.of(&Name::default_workspace(), &"shop".parse().expect("a name"));
        let mut teller = Owned::teller(&shop.place.1, Some(&shop.for_call(Told::Unseen)), Digest::of(b"1"), 1);
        teller.count("orders", 1, labels(&[])).expect("counted");
        assert!(teller.count("others", 1, labels(&[])).is_err(), "the limits hold");
        assert!(!world.page().contains("orders"), "{}", world.page());
    }

    #[test]
    fn plugins_of_one_name_in_two_workspaces_count_apart() {
        let world = World::new();
        let plugin: Name = "shop".parse().expect("a name");
        let owned = ["default", "acme"].map(|workspace| world.metrics.of(&workspace.parse().expect("a name"), &plugin));
        for (owned, (count, room)) in owned.iter().zip([(1, 1), (2, 1)]) {
            let mut teller = Owned::teller(&plugin, Some(owned), Digest::of(b"1"), room);
            teller.count("orders", count, labels(&[])).expect("none uses up the other's room");
        }
        let page = world.page();
        for line in ["{workspace=\"default\",plugin=\"shop\"} 1", "{workspace=\"acme\",plugin=\"shop\"} 2"] {
            assert!(page.contains(line), "{line} is missing in\n{page}");
        }
    }

    #[test]
    fn the_series_of_a_plugin_go_with_it() {
        let world = World::new();
        let mut teller = world.teller("shop", "1");
        teller.count("orders", 1, labels(&[])).expect("counted");
        let mut second = world.teller("shop", "2");
        drop(teller);
        second.count("orders", 1, labels(&[])).expect("another version counts on");
        assert!(world.page().contains("{workspace=\"default\",plugin=\"shop\"} 2"));
        drop(second);
        assert!(!world.page().contains("custom_orders"), "{}", world.page());
    }

    #[test]
    fn a_plugin_has_so_many_series_of_its_versions_together() {
        let world = World::new();
        let (mut first, mut second) = (world.teller("shop", "1"), world.teller("shop", "2"));
        for name in ["a", "b", "c"] {
            first.count(name, 1, labels(&[])).expect("room");
        }
        let refused = first.count("d", 1, labels(&[])).expect_err("no room");
        assert!(refused.contains("plugins.shop.limits.metric_series_max") && first.had_no_room, "{refused}");
        first.count("a", 1, labels(&[])).expect("what is there is counted on");
        let running = world.metrics.of(&Name::default_workspace(), &"shop".parse().expect("a name")).running(Digest::of(b"1"));
        second.count("d", 1, labels(&[])).expect_err("a canary, or what is pinned, is no former version");
        drop(running);
        second.count("d", 1, labels(&[])).expect("what a former version told gives way");
        assert_eq!(world.page().matches("# TYPE").count(), 3);
    }

    #[test]
    fn what_is_not_of_the_form_is_refused() {
        let world = World::new();
        let mut teller = world.teller("shop", "1");
        for name in ["", "1a", "Orders", "a-b", "_a", &"a".repeat(64)] {
            assert!(teller.count(name, 1, labels(&[])).is_err(), "{name:?}");
        }
        for wrong in [
            &[("plugin", "x")][..],
            &[("workspace", "x")],
            &[("le", "1")],
            &[("A", "x")],
            &[("a", "1"), ("a", "2")],
            &[("a", &"x".repeat(65))],
        ] {
            assert!(teller.count("a", 1, labels(wrong)).is_err(), "{wrong:?}");
        }
        assert!(teller.count("a", 1, labels(&[("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", "")])).is_err());
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(teller.observe("a", value, labels(&[])).is_err(), "{value}");
        }
        assert!(!world.page().contains("custom"), "nothing of it is on the page");
        assert!(!teller.had_no_room);
    }

    #[test]
    fn a_name_is_of_one_kind_and_its_error_says_so() {
        let world = World::new();
        world.teller("shop", "1").count("a", 1, labels(&[])).expect("gone with its teller");
        let mut shop = world.teller("shop", "1");
        shop.count("a", 1, labels(&[])).expect("counted");
        let mut bank = world.teller("bank", "1");
        assert!(shop.observe("a", 1.0, labels(&[])).expect_err("counted").contains("kind"));
        assert!(bank.observe("a", 1.0, labels(&[("x", "1")])).expect_err("counted by another").contains("kind"));
    }

    #[test]
    fn without_the_grant_its_name_is_told() {
        let mut teller = Owned::teller(&"shop".parse().expect("a name"), None, Digest::of(b""), 3);
        assert!(teller.count("a", 1, labels(&[])).expect_err("denied").contains("plugins.shop.grants.metrics"));
    }

    #[test]
    fn all_plugins_together_have_so_many_series() {
        let world = World::new();
        let tellers: Vec<Teller> = (0..=CUSTOM_SERIES_MAX)
            .map(|at| {
                let mut teller = world.teller(&format!("p{at}"), "1");
                assert_eq!(teller.count("a", 1, labels(&[])).is_ok(), at < CUSTOM_SERIES_MAX, "{at}");
                teller
            })
            .collect();
        assert!(tellers.last().is_some_and(|teller| teller.had_no_room));
    }
}
