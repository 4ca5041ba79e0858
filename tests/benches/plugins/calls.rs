//! One plugin, called again and again: by one worker for what a call costs, by one and by two for what a second core brings.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use prometheus_client::registry::Registry;
use serde_json::json;
use sluicebox::{
    event::Name,
    plugin::{Bound, Call, Options, Plugins},
};
use sluicebox_tests::bench::{Figures, Spread, Table, Target, percentile};
use tokio::task::JoinSet;

use crate::{ROUNDS, cases::Case, median};

/// What a fresh call of a Rust plugin with 1 KiB of JSON may cost.
const BUDGET_US: Target = Target::AtMost(30.0);
/// Calls that are under way or wait for a worker, where as many are made as can be.
const IN_FLIGHT: usize = 64;
/// How long calls are counted for, each time.
const COUNTED: Duration = Duration::from_millis(500);

/// Calls one after the other. Instance and call apart, and what lies around them.
pub(crate) async fn one_at_a_time(cases: &[Case], figures: &mut Figures) -> Table {
    let mut table = Table::new(
        "A call in a fresh instance, one after the other: microseconds, medians",
        &["plugin", "instance", "call", "together", "p99", "natively", "times native", "fuel", "memory KiB"],
    );
    let mut bound = Vec::new();
    for case in cases {
        bound.push(Ready::make(case, 1).await);
    }
    let mut rounds: Vec<Vec<Round>> = cases.iter().map(|_| Vec::new()).collect();
    for _ in 0..ROUNDS {
        for ((case, ready), rounds) in cases.iter().zip(&bound).zip(&mut rounds) {
            rounds.push(Round::of(case, ready).await);
        }
    }
    for (case, rounds) in cases.iter().zip(&rounds) {
        let mut row = |what: &str, field: fn(&Round) -> f64| {
            let spread = Spread::picked(rounds, field);
            figures.row(&format!("{}.{what}", case.id), "us", spread);
            spread.median
        };
        let (instance, together) = (row("instance", |round| round.instantiate), row("fresh_call", |round| round.together));
        let (p99, native) = (row("fresh_call_p99", |round| round.p99), row("native_call", |round| round.native));
        let natively = |text: String| if case.native.is_some() { text } else { "-".to_owned() };
        table.row(vec![
            case.name.to_owned(),
            format!("{instance:.0}"),
            format!("{:.0}", together - instance),
            format!("{together:.0}"),
            format!("{p99:.0}"),
            natively(format!("{native:.1}")),
            natively(format!("{:.1}", together / native)),
            rounds[0].fuel.to_string(),
            (rounds[0].memory_bytes / 1024).to_string(),
        ]);
        if case.id == "rust_1k" {
            table.note(figures.judge("rust_1k_fresh_us", together, BUDGET_US));
            table.note(format!(
                "Making the instance is {instance:.0} us of it; the rest is serde_json at work in the sandbox, under fuel, as guests are \
                 built: for size. The row beside it is the same plugin built for speed."
            ));
        }
    }
    table.note("natively: the same function of the same crate, called in this process; the ceiling for any sandbox.");
    table
}

/// As many calls as can be, by one worker and by two.
pub(crate) async fn scaling(cases: &[Case], figures: &mut Figures) -> Table {
    let mut table = Table::new(
        "Calls a second with one worker and with two: medians",
        &["plugin", "1 worker", "2 workers", "2 to 1 (median of rounds)", "us/event, 1 worker", "us/event, 2 workers"],
    );
    for case in cases {
        let (one, two) = (Ready::make(case, 1).await, Ready::make(case, 2).await);
        let (mut ones, mut twos) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            ones.push(one.calls_a_second(case).await);
            twos.push(two.calls_a_second(case).await);
        }
        let ratios: Vec<f64> = ones.iter().zip(&twos).map(|(one, two)| two / one).collect();
        let one = figures.measured(&format!("{}.one_worker", case.id), "1/s", &ones).median;
        let two = figures.measured(&format!("{}.two_workers", case.id), "1/s", &twos).median;
        if case.id == "rust_1k" {
            figures.ratio("rust_1k_two_workers_to_one", median(&ratios));
        }
        table.row(vec![
            case.name.to_owned(),
            format!("{one:.0}"),
            format!("{two:.0}"),
            format!("{:.2}", median(&ratios)),
            format!("{:.0}", 1e6 / one),
            format!("{:.0}", 1e6 / two),
        ]);
    }
    table.note("Both cores also run this bench itself, which hands the calls over: 2.0 is out of reach here.");
    table
}

/// A case with an engine of its own.
struct Ready {
    plugins: Arc<Plugins>,
    /// The same plugin under two names: what belongs to one name never has all workers.
    chains: [Arc<[Arc<Bound>]>; 2],
}

impl Ready {
    async fn make(case: &Case, workers: usize) -> Self {
        let options = Options { workers, ..Options::default() };
        let plugins = Plugins::start(&options, &mut Registry::default()).expect("the engine starts");
        let (digest, _) = plugins.load(case.name, case.component.clone()).await.expect("a plugin");
        // The interpreters of other languages have a start of their own to pay for.
        let limits = json!({ "fuel": 1_000_000_000, "time_ms": 5_000 });
        let spec = serde_json::from_value(json!({ "digest": digest.to_string(), "limits": limits })).expect("a spec");
        let chain =
            |name: &str| [plugins.bind(&Name::default_workspace(), name.parse().expect("a name"), &spec).expect("binds")].into();
        Self { chains: [chain("one"), chain("two")], plugins }
    }

    async fn call(&self, case: &Case) -> sluicebox::plugin::Report {
        let call = Call { event: Arc::clone(&case.event), attempt: 1, now: case.event.received_at, state: None };
        let report = self.plugins.run(Arc::clone(&self.chains[0]), call).await;
        assert!(report.result.is_ok(), "{}: {:?}", case.name, report.result);
        report
    }

    async fn calls_a_second(&self, case: &Case) -> f64 {
        let (begun, mut calls, mut under_way) = (Instant::now(), 0, JoinSet::new());
        let mut turn = self.chains.iter().cycle();
        let mut start = || {
            let chain = Arc::clone(turn.next().expect("a cycle has no end"));
            let (plugins, event) = (Arc::clone(&self.plugins), Arc::clone(&case.event));
            async move { plugins.run(chain, Call { now: event.received_at, event, attempt: 1, state: None }).await }
        };
        (0..IN_FLIGHT).for_each(|_| drop(under_way.spawn(start())));
        while begun.elapsed() < COUNTED {
            let report = under_way.join_next().await.expect("one is under way").expect("no panic");
            assert!(report.result.is_ok(), "{}: {:?}", case.name, report.result);
            calls += 1;
            under_way.spawn(start());
        }
        let a_second = f64::from(calls) / begun.elapsed().as_secs_f64();
        while under_way.join_next().await.is_some() {}
        a_second
    }
}

/// One turn of one case.
struct Round {
    instantiate: f64,
    together: f64,
    p99: f64,
    native: f64,
    fuel: u64,
    memory_bytes: u64,
}

impl Round {
    async fn of(case: &Case, ready: &Ready) -> Self {
        let (mut instantiate, mut together, mut last) = (Vec::new(), Vec::new(), None);
        for _ in 0..case.calls {
            let stage = ready.call(case).await.stages.pop().expect("a stage");
            instantiate.push(stage.instantiate_us as f64);
            together.push(stage.elapsed_us as f64);
            last = Some(stage);
        }
        let last = last.expect("at least one call");
        Self {
            instantiate: median(&instantiate),
            together: median(&together),
            p99: percentile(&together, 99.0),
            native: case.native.map_or(f64::NAN, |native| natively(case, native)),
            fuel: last.fuel,
            memory_bytes: last.memory_bytes,
        }
    }
}

/// Microseconds of one native call.
fn natively(case: &Case, native: fn(&sluicebox::event::Event)) -> f64 {
    let begun = Instant::now();
    (0..case.calls).for_each(|_| native(&case.event));
    begun.elapsed().as_secs_f64() * 1e6 / case.calls as f64
}
