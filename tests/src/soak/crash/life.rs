//! One life of a host: it is started on what the one before it left, loaded, and killed.

use std::{
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::ExitStatus,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use sluicebox::failpoint::VARIABLE;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    hub,
    kill::{Deed, Kill, Place},
    kind::Kind,
    ledger::Shared,
    sink::Sink,
};
use crate::{Api, HostProcess, process::log_of};

/// How many post at once.
const SENDERS: usize = 3;
/// Events of one life: more would only have to be worked off in the end.
const EVENTS_MAX: u64 = 44;
/// Between two posts of a sender.
const PACE: Duration = Duration::from_millis(3);
/// How long a host that is told to stop has been loaded.
const LOADED_BEFORE_STOP: Duration = Duration::from_millis(100);
/// A host that has not come to its place after this long is killed where it is.
const PATIENCE: Duration = Duration::from_secs(15);
/// Its log's last lines, among which it says where it was.
const LAST_LINES: usize = 20;

/// What all lives on one folder share.
pub(super) struct World {
    pub(super) data: PathBuf,
    pub(super) sink: Sink,
    pub(super) ledger: Shared,
    /// The next event's number.
    pub(super) next: Arc<AtomicU64>,
}

/// Lives one. True: it was killed where it should be.
pub(super) async fn live(world: &World, kill: Kill) -> Result<bool, String> {
    let failpoint = kill.failpoint();
    let environment: Vec<(&str, &str)> = failpoint.iter().map(|failpoint| (VARIABLE, failpoint.as_str())).collect();
    let starting = HostProcess::try_start(&world.data, &["--log", "warn"], &environment);
    let patience = if kill.place == Place::Starting { Duration::from_millis(kill.nth) } else { crate::PATIENCE };
    if kill.place == Place::Unanswered {
        world.sink.hold_back(kill.nth);
    }
    let ended = match timeout(patience, starting).await {
        // A host that nobody waits for is killed.
        Err(_) => Ended::ByUs,
        Ok(Err(status)) => Ended::Itself(status),
        Ok(Ok(host)) => load(world, host, kill).await?,
    };
    world.sink.answer_all();
    match (ended, kill.place) {
        (Ended::ByUs, _) => Ok(true),
        (Ended::TooLate, _) => Ok(false),
        (Ended::Itself(status), Place::Step(step)) if status.signal() == Some(Signal::KILL.as_raw()) => {
            let log = log_of(&world.data);
            let told = format!("killed at the step {}", step.name());
            let is_told = log.lines().rev().take(LAST_LINES).any(|line| line == told);
            is_told.then_some(true).ok_or_else(|| "the host was killed, and not by us".to_owned())
        }
        (Ended::Itself(status), _) => Err(format!("the host ended by itself, with {status}")),
    }
}

enum Ended {
    ByUs,
    /// It never got to where it should be killed.
    TooLate,
    Itself(ExitStatus),
}

async fn load(world: &World, mut host: HostProcess, kill: Kill) -> Result<Ended, String> {
    check_registers(&host, world).await?;
    let mut tasks = JoinSet::new();
    let until = world.next.load(Ordering::Relaxed) + EVENTS_MAX;
    for sender in 0..SENDERS {
        tasks.spawn(send(sender, Api::clone(&host), world.ledger.clone(), Arc::clone(&world.next), until));
    }
    let deed = kill.place.deed();
    if matches!(deed, Deed::Apply | Deed::Upload) {
        tasks.spawn(change(Api::clone(&host), world.ledger.clone(), world.sink.url().to_owned(), deed == Deed::Upload));
    }
    let moment = async {
        match kill.place {
            Place::Starting | Place::Loaded => sleep(Duration::from_millis(kill.nth)).await,
            Place::Unanswered => world.sink.held().await,
            Place::Step(_) => std::future::pending().await,
        }
    };
    let stop = async {
        match deed {
            Deed::Stop => sleep(LOADED_BEFORE_STOP).await,
            Deed::Nothing | Deed::Apply | Deed::Upload => std::future::pending().await,
        }
    };
    let mut told_to_stop = false;
    let (mut moment, mut stop, mut late) = (std::pin::pin!(moment), std::pin::pin!(stop), std::pin::pin!(sleep(PATIENCE)));
    let ended = loop {
        tokio::select! {
            status = host.ended() => break Ended::Itself(status),
            () = &mut moment => break Ended::ByUs,
            () = &mut late => break Ended::TooLate,
            () = &mut stop, if !told_to_stop => {
                told_to_stop = true;
                host.signal(Signal::TERM);
            }
        }
    };
    host.kill();
    // What was answered before the kill counts, even where the answer is read after it.
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| error.to_string())??;
    }
    Ok(ended)
}

/// What was acknowledged before is in force.
async fn check_registers(host: &Api, world: &World) -> Result<(), String> {
    let Some(document) = document(host, &format!("/v1/destinations/{}", hub::MARKER)).await else { return Ok(()) };
    let url = document["url"].as_str().unwrap_or_default();
    let marker = url.rsplit('/').next().and_then(|value| value.parse().ok()).ok_or_else(|| format!("{url} is no marker"))?;
    let register = world.ledger.open().marker;
    register.check("the marker", marker)?;
    let Some(document) = self::document(host, &format!("/v1/plugins/{}", hub::COMPONENT)).await else { return Ok(()) };
    let Some(digest) = document["digest"].as_str() else {
        let register = world.ledger.open().component;
        return register.check("the plugin that is not there", 0);
    };
    let ledger = world.ledger.open();
    let asked = ledger.digests.get(digest).copied().ok_or_else(|| format!("{digest} was never asked for"))?;
    ledger.component.check("the plugin", asked)
}

/// `None`: nobody answers, since the host was killed. What is not there is an empty document.
async fn document(host: &Api, path: &str) -> Option<Value> {
    let answer = host.request(Method::GET, path).bearer_auth(host.key()).send().await.ok()?;
    answer.json().await.ok()
}

/// Posts until nobody answers any more, or there are enough.
async fn send(sender: usize, host: Api, ledger: Shared, next: Arc<AtomicU64>, until: u64) -> Result<(), String> {
    loop {
        // What may be posted again comes first, of this life or one before it.
        let again = ledger.open().again.pop_first();
        let number = again.unwrap_or_else(|| next.fetch_add(1, Ordering::Relaxed));
        if again.is_none() && number >= until {
            return Ok(());
        }
        let kind = Kind::of(number);
        ledger.open().posted.insert(number);
        let answered = post(sender, &host, &ledger, number).await?;
        if kind == Kind::Once && (again.is_none() || !answered) {
            ledger.open().again.insert(number);
        }
        if !answered {
            return Ok(());
        }
        sleep(PACE).await;
    }
}

/// False: nobody answers any more, or the host is stopping.
async fn post(sender: usize, host: &Api, ledger: &Shared, number: u64) -> Result<bool, String> {
    let (kind, key, sender) = (Kind::of(number), number.to_string(), sender.to_string());
    let mut headers = vec![("x-type", kind.name()), (hub::SENDER, sender.as_str())];
    if kind == Kind::Once {
        headers.push((hub::KEY, key.as_str()));
    }
    let Ok(answer) = host.try_post("open", &headers, kind.body(number)).await else { return Ok(false) };
    match (answer.status, answer.json["id"].as_str()) {
        (202, id) => {
            let mut ledger = ledger.open();
            ledger.promised.insert(number);
            // Where the answer broke off after its status, that is a promise too.
            ledger.acknowledged.extend(id.map(|id| (id.to_owned(), number)));
            Ok(true)
        }
        (503, _) => Ok(false),
        (status, _) => Err(format!("event {number} was answered with {status}: {}", answer.json)),
    }
}

/// Applies revisions until nobody answers any more: of the marker, and of the component.
async fn change(host: Api, ledger: Shared, sink: String, uploads: bool) -> Result<(), String> {
    loop {
        let value = {
            let mut ledger = ledger.open();
            ledger.marker.asked += 1;
            ledger.marker.asked
        };
        let marker = json!({ "url": hub::marker(&sink, value) });
        let Some(()) = put(&host, &format!("/v1/destinations/{}", hub::MARKER), &marker).await? else { return Ok(()) };
        ledger.open().marker.acknowledged = value;
        if uploads {
            let Some(()) = upload(&host, &ledger).await? else { return Ok(()) };
        }
    }
}

async fn upload(host: &Api, ledger: &Shared) -> Result<Option<()>, String> {
    let value = {
        let mut ledger = ledger.open();
        ledger.component.asked += 1;
        ledger.component.asked
    };
    let request = host.request(Method::POST, "/v1/components").bearer_auth(host.key()).body(hub::component(value));
    let Ok(answer) = request.send().await else { return Ok(None) };
    let Ok(answer) = answer.json::<Value>().await else { return Ok(None) };
    let Some(digest) = answer["digest"].as_str() else { return Err(format!("a component was refused: {answer}")) };
    ledger.open().digests.insert(digest.to_owned(), value);
    let Some(()) = put(host, &format!("/v1/plugins/{}", hub::COMPONENT), &json!({ "digest": digest })).await? else {
        return Ok(None);
    };
    ledger.open().component.acknowledged = value;
    Ok(Some(()))
}

/// `None`: nobody answers any more.
async fn put(host: &Api, path: &str, document: &Value) -> Result<Option<()>, String> {
    let request = host.request(Method::PUT, path).bearer_auth(host.key()).json(document);
    let Ok(answer) = request.send().await else { return Ok(None) };
    if answer.status().is_success() {
        return Ok(Some(()));
    }
    let status = answer.status();
    Err(format!("{path} was answered with {status}: {}", answer.text().await.unwrap_or_default()))
}
