//! A rule whose plugin is healthy, beside a rule whose plugin takes its whole time on every event: what the first one feels of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::response::IntoResponse;
use http::StatusCode;
use sluicebox_tests::{
    Host, Receiver,
    bench::{Figures, Spread, Table, Target, percentile},
    guests,
};

use crate::{ROUNDS, median};

/// How much later the healthy rule's slowest hundredth may come.
const GROWTH: Target = Target::AtMost(1.20);
/// Healthy events of a phase, and the time between them.
const EVENTS: usize = 300;
const EVERY: Duration = Duration::from_millis(10);
/// Events that are there for the one that spins whenever the phase looks: it is never without.
const BACKLOG: usize = 400;

type Arrivals = Arc<Mutex<HashMap<String, Instant>>>;

/// Phases without and with it in turns.
pub(crate) async fn beside_one_that_spins(figures: &mut Figures) -> Table {
    let arrivals = Arrivals::default();
    let seen = Arc::clone(&arrivals);
    let receiver = Receiver::answering(move |received| {
        let body = String::from_utf8_lossy(&received.body).into_owned();
        seen.lock().unwrap_or_else(PoisonError::into_inner).entry(body).or_insert_with(Instant::now);
        StatusCode::NO_CONTENT.into_response()
    })
    .await;
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        alone.push(phase(&receiver, &arrivals, round, false).await);
        beside.push(phase(&receiver, &arrivals, round, true).await);
    }
    let mut table = Table::new(
        "From the sender's request to the receiver's, healthy rule: milliseconds, medians of the rounds",
        &["", "median", "p99"],
    );
    for (id, name, phases) in [("alone", "alone", &alone), ("beside", "beside a plugin that spins", &beside)] {
        let (p50, p99) = (Spread::picked(phases, |phase| phase.0), Spread::picked(phases, |phase| phase.1));
        figures.row(&format!("neighbour_{id}.p50"), "ms", p50);
        figures.row(&format!("neighbour_{id}.p99"), "ms", p99);
        table.row(vec![name.to_owned(), format!("{:.1}", p50.median), format!("{:.1}", p99.median)]);
    }
    let ratios: Vec<f64> = alone.iter().zip(&beside).map(|(alone, beside)| beside.1 / alone.1).collect();
    table.note(figures.judge("neighbour_p99_beside_to_alone", median(&ratios), GROWTH));
    table
}

/// Median and 99th percentile of one phase, on a host of its own.
async fn phase(receiver: &Receiver, arrivals: &Arrivals, round: usize, spins: bool) -> (f64, f64) {
    let host = Host::start_with(|config| config.plugin.workers = 2).await;
    let digest = host.upload(guests::component("misbehave")).await.expect("a component");
    host.apply(&format!(
        "[sources.open]\nverify = {{ scheme = \"none\" }}\ntype = {{ header = \"x-type\" }}\n\
         [plugins.healthy]\ndigest = \"{digest}\"\nconfig = {{ mode = \"upper\" }}\n\
         [plugins.spins]\ndigest = \"{digest}\"\nconfig = {{ mode = \"toil\", rounds = 40000000 }}\nlimits = {{ fuel = 1000000000, time_ms = 5000 }}\n\
         [destinations.out]\nurl = \"{}/out\"\n\
         [rules.healthy]\nmatch.type = [\"healthy\"]\nplugins = [\"healthy\"]\ndestinations = [\"out\"]\n\
         [rules.spins]\nmatch.type = [\"spins\"]\nplugins = [\"spins\"]\ndestinations = [\"out\"]\n",
        receiver.url()
    ))
    .await;
    if spins {
        for _ in 0..BACKLOG {
            host.post("open", &[("x-type", "spins")], "").await;
        }
    }
    let mut sent = Vec::new();
    let mut due = Instant::now();
    for index in 0..EVENTS {
        due += EVERY;
        tokio::time::sleep_until(due.into()).await;
        let body = format!("{round}-{spins}-{index}");
        sent.push((body.to_uppercase(), Instant::now()));
        host.post("open", &[("x-type", "healthy")], body).await;
    }
    let arrived = |body: &String| arrivals.lock().unwrap_or_else(PoisonError::into_inner).get(body).copied();
    receiver
        .wait_until("all healthy events", Duration::from_secs(60), || sent.iter().all(|(body, _)| arrived(body).is_some()))
        .await;
    let waited: Vec<f64> =
        sent.iter().map(|(body, at)| arrived(body).expect("arrived").duration_since(*at).as_secs_f64() * 1e3).collect();
    host.stop().await;
    (median(&waited), percentile(&waited, 99.0))
}
