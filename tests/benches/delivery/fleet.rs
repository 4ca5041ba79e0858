//! A thousand destinations, all of them well, against the same of which a tenth refuses and a tenth hangs until the timeout: from the
//! sender's request to the receiver's, of those that are well.

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
    lanes::{Fleet, Silent},
};

use crate::ROUNDS;

/// How much later the slowest hundredth may come.
const GROWTH: Target = Target::AtMost(1.20);
/// Each goes to a hundred destinations, of all kinds in proportion.
const EVENTS: usize = 100;
const EVERY: Duration = Duration::from_millis(100);
/// Longer than any phase takes.
const PHASE_MAX: Duration = Duration::from_secs(60);

const ALL_WELL: Fleet = Fleet { healthy: 1_000, refusing: 0, hanging: 0, timeout: "3s" };
const SOME_NOT: Fleet = Fleet { healthy: 800, refusing: 100, hanging: 100, timeout: "3s" };

/// When each path got each body first.
type Arrivals = Arc<Mutex<HashMap<(String, String), Instant>>>;

/// Phases with and without those that misbehave in turns.
pub(crate) async fn beside_some_that_hang(figures: &mut Figures) -> Table {
    let (mut well, mut beside) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        well.push(phase(round, ALL_WELL).await);
        beside.push(phase(round, SOME_NOT).await);
    }
    let mut table = Table::new(
        "From the sender's request to the receiver's, destinations that are well: milliseconds, medians of the rounds",
        &["1,000 destinations", "median", "p99"],
    );
    for (id, name, phases) in [("all_well", "all are well", &well), ("some_not", "100 refuse and 100 hang", &beside)] {
        let (p50, p99) = (Spread::picked(phases, |phase| phase.0), Spread::picked(phases, |phase| phase.1));
        figures.row(&format!("{id}.p50"), "ms", p50);
        figures.row(&format!("{id}.p99"), "ms", p99);
        table.row(vec![name.to_owned(), format!("{:.1}", p50.median), format!("{:.1}", p99.median)]);
    }
    let ratios: Vec<f64> = well.iter().zip(&beside).map(|(well, beside)| beside.1 / well.1).collect();
    table.note(figures.judge("p99_beside_to_all_well", percentile(&ratios, 50.0), GROWTH));
    table
}

/// Median and 99th percentile of one phase, on a host of its own, of the destinations that are well.
async fn phase(round: usize, fleet: Fleet) -> (f64, f64) {
    let arrivals = Arrivals::default();
    let seen = Arc::clone(&arrivals);
    let receiver = Receiver::answering(move |received| {
        let came = (received.path.clone(), String::from_utf8_lossy(&received.body).into_owned());
        seen.lock().unwrap_or_else(PoisonError::into_inner).entry(came).or_insert_with(Instant::now);
        StatusCode::NO_CONTENT.into_response()
    })
    .await;
    let (silent, host) = (Silent::start().await, Host::start().await);
    let of_type = |number: usize| format!("match.type = [\"t{number}\"]");
    let open = "[sources.open]\nverify = { scheme = \"none\" }\ntype = { header = \"x-type\" }\n";
    host.apply(&format!("{open}{}", fleet.hub(receiver.url(), &silent, of_type))).await;
    let post =
        async |number: usize, body: String| host.post("open", &[("x-type", &format!("t{}", number % fleet.rules()))], body).await;
    // One event to each destination, so that all lanes are known when the measuring begins.
    for number in 0..fleet.rules() {
        post(number, "warm-up".to_owned()).await;
    }
    let came = || arrivals.lock().unwrap_or_else(PoisonError::into_inner).len();
    receiver.wait_until("the warm-up", PHASE_MAX, || came() == fleet.healthy).await;
    let mut sent = HashMap::new();
    let mut due = Instant::now();
    for number in 0..EVENTS {
        due += EVERY;
        tokio::time::sleep_until(due.into()).await;
        let body = format!("{round}-{number}");
        sent.insert(body.clone(), Instant::now());
        post(number, body).await;
    }
    let measured = EVENTS * fleet.healthy / fleet.rules();
    receiver.wait_until("all that is measured", PHASE_MAX, || came() == fleet.healthy + measured).await;
    let arrivals = arrivals.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let waited: Vec<f64> =
        arrivals.iter().filter_map(|((_, body), at)| Some(at.duration_since(*sent.get(body)?).as_secs_f64() * 1e3)).collect();
    drop(silent);
    host.stop().await;
    (percentile(&waited, 50.0), percentile(&waited, 99.0))
}
