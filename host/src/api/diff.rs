//! Stored events through two versions of a plugin: what differs, event by event. Nothing is stored.

use std::time::{Duration, Instant};

use axum::extract::State;
use http::StatusCode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Parts,
    access::Workspace,
    documents::hub_problem,
    openapi::{Document, Json, Path, Routes, post},
    parsed,
    paths::ByName,
    query::Cursor,
    store_problem,
    wire::{DiffTold, DifferenceTold, FuelMedian, Outcome, OutcomeTold, PieceBody},
};
use crate::{
    dispatch,
    event::{Event, Name},
    hub::{Scope, Trial, Tried},
    ingest::Problem,
    journal::EventFilter,
};

/// Events that are tried where no number is given.
const EVENTS_DEFAULT: usize = 100;
/// The most events of one request.
const EVENTS_MAX: usize = 1_000;
/// When no further event is begun.
const TIME_MAX: Duration = Duration::from_secs(60);
/// The most places that are told of one difference.
const PATHS_MAX: usize = 20;
/// The most differences that are shown; more are counted.
const SHOWN_MAX: usize = 100;
/// The most that the shown ones are together, in bytes of JSON.
const SHOWN_BYTES_MAX: usize = 4 << 20;
/// A longer body is left out of what is shown, in bytes of JSON.
const BODY_BYTES_MAX: usize = 16 << 10;

pub(super) fn routes() -> Routes {
    let diff = post("/v1/plugins/{name}/diff", Scope::Plugins, diff)
        .named("diffPlugin", "Compare two versions of a plugin on stored events")
        .told("Nothing is stored, and nothing is sent.")
        .refuses(&["query-too-slow", "storage-unavailable", "unknown-name", "unknown-version", "version-not-ready"]);
    Routes::tagged("Plugins").add(diff)
}

/// What `POST /v1/plugins/{name}/diff` takes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct DiffRequest {
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{12,64}$"))]
    digest: String,
    rule: Option<Name>,
    #[serde(default)]
    events: Filter,
}

/// As of `GET /v1/events`.
#[derive(Default, Deserialize, JsonSchema)]
#[schemars(rename = "EventFilter")]
#[serde(deny_unknown_fields)]
struct Filter {
    source: Option<Name>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    after: Option<Cursor>,
    #[schemars(range(min = 1, max = 1000))]
    limit: Option<usize>,
}

async fn diff(
    State(parts): State<Parts>,
    Workspace(workspace): Workspace,
    Path(ByName { name: plugin }): Path<ByName>,
    Document(request): Document<DiffRequest>,
) -> Result<Json<DiffTold>, Problem> {
    let pin = parsed("digest", &request.digest)?;
    let trial = parts.hub.trial(&workspace, &plugin, &pin, request.rule.as_ref()).await;
    let trial = trial.map_err(|error| hub_problem(&error))?;
    let (mut tally, state) = (Tally::default(), dispatch::stored_state(&parts.journal, &workspace));
    let begun = Instant::now();
    let events = chosen(&parts, &workspace, request.events).await?;
    for id in &events {
        if begun.elapsed() >= TIME_MAX {
            tally.out_of_time = true;
            break;
        }
        let found = parts.journal.event(workspace.clone(), *id).await.map_err(|error| store_problem(&error))?;
        // One that is gone meanwhile has nothing to be compared.
        let Some((record, ..)) = found else { continue };
        tally.out_of_time =
            trial.run(&record.event, &state, begun + TIME_MAX, |tried| tally.add(&trial, &record.event, &tried)).await;
        if tally.out_of_time {
            break;
        }
    }
    Ok(Json(tally.told(&trial, events.len())))
}

async fn chosen(parts: &Parts, workspace: &Name, filter: Filter) -> Result<Vec<crate::event::EventId>, Problem> {
    let Filter { source, event_type, after, limit } = filter;
    let limit = limit.unwrap_or(EVENTS_DEFAULT);
    if !(1..=EVENTS_MAX).contains(&limit) {
        let detail = format!("events.limit: {limit} is outside of 1 to {EVENTS_MAX}");
        return Err(Problem::new(StatusCode::BAD_REQUEST, "bad-document", detail));
    }
    let filter =
        EventFilter { source, event_type, before: after.map(u64::from), ..EventFilter::newest(workspace.clone(), limit) };
    let page = parts.journal.events(filter).await.map_err(|error| store_problem(&error))?;
    Ok(page.items.iter().map(|record| record.event.id).collect())
}

/// What has been compared so far.
#[derive(Default)]
struct Tally {
    same: usize,
    different: usize,
    /// Of those that differ, as many as are shown.
    differences: Vec<DifferenceTold>,
    shown_bytes: usize,
    fuel_active: Vec<u64>,
    fuel_other: Vec<u64>,
    out_of_time: bool,
}

impl Tally {
    fn add(&mut self, trial: &Trial, event: &Event, tried: &Tried) {
        self.fuel_active.push(trial.fuel(&tried.active));
        self.fuel_other.push(trial.fuel(&tried.other));
        let (active, other) = (Outcome::of(event, &tried.active), Outcome::of(event, &tried.other));
        if active == other {
            self.same += 1;
            return;
        }
        self.different += 1;
        if self.differences.len() >= SHOWN_MAX || self.shown_bytes >= SHOWN_BYTES_MAX {
            return;
        }
        let mut paths = Vec::new();
        differing("", &json!(active.shown), &json!(other.shown), &mut paths);
        if paths.is_empty() {
            // The same JSON in other bytes: they are what is signed and sent.
            paths.push("/messages".to_owned());
        }
        let [active, other] = [active, other].map(|outcome| without_long_bodies(outcome.shown));
        self.show(DifferenceTold { event: event.id, rule: tried.rule.clone(), paths, active, other });
    }

    fn show(&mut self, difference: DifferenceTold) {
        let bytes = json_bytes(&difference);
        if self.shown_bytes + bytes > SHOWN_BYTES_MAX {
            // No further one is tried: what is shown is the first of them.
            self.shown_bytes = SHOWN_BYTES_MAX;
            return;
        }
        self.shown_bytes += bytes;
        self.differences.push(difference);
    }

    fn told(self, trial: &Trial, events: usize) -> DiffTold {
        DiffTold {
            active: trial.active,
            other: trial.other,
            rules: trial.rules().cloned().collect(),
            events,
            compared: self.same + self.different,
            same: self.same,
            different: self.different,
            not_shown: self.different - self.differences.len(),
            out_of_time: self.out_of_time,
            fuel_median: FuelMedian { active: median(self.fuel_active), other: median(self.fuel_other) },
            differences: self.differences,
        }
    }
}

/// What came of a run, in which a long body is only told of.
fn without_long_bodies(mut shown: OutcomeTold) -> OutcomeTold {
    if let OutcomeTold::Messages { messages } = &mut shown {
        for message in messages {
            let omitted_bytes = json_bytes(&message.body);
            if omitted_bytes > BODY_BYTES_MAX {
                message.body = PieceBody::Omitted { omitted_bytes };
            }
        }
    }
    shown
}

/// How long it is as JSON.
fn json_bytes(told: &impl Serialize) -> usize {
    serde_json::to_string(told).map_or(0, |text| text.len())
}

fn median(mut numbers: Vec<u64>) -> Option<u64> {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied()
}

/// The places, as JSON pointers, where two values differ.
fn differing(at: &str, one: &Value, other: &Value, paths: &mut Vec<String>) {
    let below = |key: &str| format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
    if paths.len() >= PATHS_MAX {
        return;
    }
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let added = other.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(added) {
                let [one, other] = [one, other].map(|members| members.get(key).unwrap_or(&Value::Null));
                differing(&below(key), one, other, paths);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                differing(&below(&index.to_string()), one, other, paths);
            }
        }
        _ if one == other => {}
        _ => paths.push(at.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::Message,
        plugin::{Ended, Piece, Report},
    };

    #[test]
    fn so_much_is_shown_and_the_rest_is_counted() {
        let event = Event::bare("t", "");
        let outcome = |bytes: usize| {
            let message = Message { body: Some("x".repeat(bytes).into()), ..Message::of(&event) };
            let result = Ok(Ended::Messages(vec![Piece { message, batch_key: None }]));
            Outcome::of(&event, &Report { stages: Vec::new(), state: Vec::new(), result }).shown
        };
        assert_eq!(without_long_bodies(outcome(100)), outcome(100));
        let long = json!(without_long_bodies(outcome(BODY_BYTES_MAX)));
        assert!(long["messages"][0]["body"]["omitted_bytes"].as_u64() > Some(16 << 10), "{long}");
        let dropped = || OutcomeTold::Dropped { reason: "x".repeat(BODY_BYTES_MAX) };
        assert_eq!(without_long_bodies(dropped()), dropped());

        let difference = || {
            let (rule, paths) = ("all".parse().expect("a name"), Vec::new());
            DifferenceTold { event: event.id, rule, paths, active: outcome(1 << 20), other: dropped() }
        };
        let mut tally = Tally::default();
        (0..5).for_each(|_| tally.show(difference()));
        assert_eq!((tally.differences.len(), tally.shown_bytes), (3, SHOWN_BYTES_MAX));
    }

    #[test]
    fn the_places_are_told_where_two_values_differ() {
        let told = |one: Value, other: Value| {
            let mut paths = Vec::new();
            differing("", &one, &other, &mut paths);
            paths
        };
        let one = json!({ "a": 1, "b": { "c/d": [1, 2] }, "gone": true });
        assert_eq!(told(one.clone(), json!({ "a": 1, "b": { "c/d": [1, 3] }, "new": 1 })), ["/b/c~1d/1", "/gone", "/new"]);
        assert_eq!(told(one.clone(), json!({ "a": 1, "b": { "c/d": [1] }, "gone": true })), ["/b/c~1d"]);
        assert!(told(one.clone(), one).is_empty());
        assert_eq!(told(json!((0..50).collect::<Vec<_>>()), json!((1..51).collect::<Vec<_>>())).len(), PATHS_MAX);
        assert_eq!((median(vec![3, 1, 2]), median(vec![])), (Some(2), None));
    }
}
