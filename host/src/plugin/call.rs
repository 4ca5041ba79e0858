//! One call of one export, in an instance that is made for it and thrown away with it: nothing is left from the call before.
//!
//! Deadline and fuel are set before there is an instance, since its initialisers are guest code too. Runs on a worker's thread.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use wasmtime::{Engine, Store, UpdateDeadline};

use super::{
    Bound, Fault,
    custom::{Owned, Teller, Told},
    exchange::{Answer, Lines, Settings, State},
    fault::{Cause, FaultKind, Ran},
    limits::{CHAIN_LOG_LINES_MAX, CHAIN_TIME_MAX, HANDLES_MAX, Limits},
    meter::Meter,
    metrics::Metrics,
    random::Random,
    state::{StateCall, View},
};
use crate::event::{Digest, Stage, Timestamp};

/// What a call that did not fail came to.
pub(super) struct Done<T> {
    pub(super) value: T,
    /// `keep`, `drop`, `emit`, `key` or `alone`.
    pub(super) result: &'static str,
    /// How many messages it left.
    pub(super) messages: usize,
}

/// Which function is called, and on what.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) export: &'static str,
    /// Of the event, of its piece, or of the batch.
    pub(super) id: &'a str,
    pub(super) input_bytes: usize,
}

/// The calls of one chain or fold: what they left for people, and what they may still use together.
pub(super) struct Session<'a> {
    engine: &'a Engine,
    metrics: &'a Metrics,
    started: Instant,
    now: Timestamp,
    log_lines_left: usize,
    /// What the chain sees of its plugins' state; with the call while there is one.
    pub(super) view: View,
    told: Told,
    /// One for each call so far.
    pub(super) stages: Vec<Stage>,
}

impl<'a> Session<'a> {
    pub(super) fn start(engine: &'a Engine, metrics: &'a Metrics, now: Timestamp) -> Self {
        let (started, view) = (Instant::now(), View::default());
        Self { engine, metrics, started, now, log_lines_left: CHAIN_LOG_LINES_MAX, view, told: Told::Seen, stages: Vec::new() }
    }

    /// Its plugins have state.
    pub(super) fn with_state(self, view: View) -> Self {
        Self { view, ..self }
    }

    /// Whether what its plugins count is seen.
    pub(super) fn telling(self, told: Told) -> Self {
        Self { told, ..self }
    }

    /// Calls a function of a plugin: `invoke` makes the instance and calls it, `accept` judges what it answered.
    ///
    /// # Errors
    ///
    /// Whatever made it fail, as the fault of this plugin; the stage is recorded all the same.
    pub(super) fn call<R, T>(
        &mut self,
        bound: &Bound,
        asked: Asked<'_>,
        invoke: impl FnOnce(&mut Store<State>) -> Answer<R>,
        accept: impl FnOnce(R) -> Result<Done<T>, Cause>,
    ) -> Result<T, Fault> {
        let begun = Instant::now();
        let (answer, used) = match self.within_time(bound) {
            Ok(()) => self.invoke(bound, asked, invoke),
            Err(cause) => (Err(cause), Used::default()),
        };
        let done = answer.and_then(accept);
        self.record(bound, asked.export, &done, used, begun.elapsed());
        done.map(|done| done.value).map_err(|cause| cause.into_fault(&bound.name))
    }

    /// A chain may be of many pieces and plugins, and a worker is shared: each call's own limit is not enough.
    fn within_time(&self, bound: &Bound) -> Result<(), Cause> {
        if self.started.elapsed().saturating_sub(self.view.waited()) < CHAIN_TIME_MAX {
            return Ok(());
        }
        let (plugin, limit) = (&bound.name, CHAIN_TIME_MAX.as_secs());
        let text =
            format!("the chain has run for {limit} s when it comes to plugin `{plugin}`: split less, or use fewer plugins");
        Err(Cause::new(FaultKind::ChainTime, "limit-time", text))
    }

    fn invoke<R>(
        &mut self,
        bound: &Bound,
        asked: Asked<'_>,
        invoke: impl FnOnce(&mut Store<State>) -> Answer<R>,
    ) -> (Result<R, Cause>, Used) {
        let fuel = bound.limits.fuel_for(asked.input_bytes);
        let begun = Instant::now();
        let state = self.state(bound, asked);
        let mut store = match prepared(self.engine, state, &bound.limits, fuel) {
            Ok(store) => store,
            Err(error) => return (Err(Cause::host(format!("no call could be prepared: {error:#}"))), Used::default()),
        };
        let answer = invoke(&mut store);
        let fuel_left = store.get_fuel().unwrap_or(0);
        // The instance's memory is given back here, within the call's time.
        let mut state = store.into_data();
        self.metrics.state_refused(bound, &state.remembered.refused);
        self.view = std::mem::take(&mut state.remembered).into_view();
        let ran = Ran { plugin: &bound.name, limits: &bound.limits, fuel, last_error: state.log.last_error.as_deref() };
        let answer = match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(refusal)) => Err(Cause::of_refusal(refusal)),
            Err(error) => Err(ran.cause(&error)),
        };
        let reached = [(state.log.dropped, "log"), (state.custom.had_no_room, "metric-series")];
        let used = Used {
            fuel: fuel.saturating_sub(fuel_left),
            memory_bytes: state.meter.memory_bytes(),
            instantiate: state.instantiated.map_or(Duration::ZERO, |made| made - begun),
            logs: state.log.lines,
            reached: reached.into_iter().filter(|(reached, _)| *reached).map(|(_, limit)| limit).collect(),
        };
        (answer, used)
    }

    fn state(&mut self, bound: &Bound, asked: Asked<'_>) -> State {
        let view = std::mem::take(&mut self.view);
        let custom = bound.custom.as_ref().map(|owned| owned.for_call(self.told));
        State {
            settings: Arc::clone(&bound.settings),
            meter: Meter::new(bound.limits.memory_bytes),
            log: Lines::with_room(self.log_lines_left),
            now: self.now,
            random: Random::of(&bound.digest, asked.export, asked.id),
            grants: Arc::clone(&bound.grants),
            instantiated: None,
            remembered: StateCall::of(view, &bound.name, bound.grants.state, bound.limits.state_bytes),
            custom: Owned::teller(&bound.name, custom.as_ref(), bound.digest, bound.limits.metric_series_max),
        }
    }

    fn record<T>(&mut self, bound: &Bound, export: &'static str, done: &Result<Done<T>, Cause>, used: Used, elapsed: Duration) {
        let (label, result, messages) = match done {
            Ok(done) => (done.result, done.result, done.messages),
            Err(cause) => (cause.label, cause.failure.code.as_str(), 0),
        };
        self.metrics.called(bound, export, label, elapsed);
        used.reached.iter().for_each(|limit| self.metrics.reached(bound, limit));
        self.log_lines_left = self.log_lines_left.saturating_sub(used.logs.len());
        self.stages.push(Stage {
            plugin: bound.name.clone(),
            digest: bound.digest,
            export,
            result: result.to_owned(),
            messages: u32::try_from(messages).unwrap_or(u32::MAX),
            fuel: used.fuel,
            memory_bytes: used.memory_bytes as u64,
            elapsed_us: microseconds(elapsed),
            instantiate_us: microseconds(used.instantiate),
            logs: used.logs,
        });
    }
}

/// What a call took.
#[derive(Default)]
struct Used {
    fuel: u64,
    memory_bytes: usize,
    instantiate: Duration,
    logs: Vec<String>,
    /// Limits that it reached and that did not end it.
    reached: Vec<&'static str>,
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// A store for an instance that is only tried: it has neither an event nor a time.
pub(super) fn store(
    engine: &Engine,
    settings: Arc<Settings>,
    limits: &Limits,
    fuel: u64,
    log_lines: usize,
) -> wasmtime::Result<Store<State>> {
    let state = State {
        settings,
        meter: Meter::new(limits.memory_bytes),
        log: Lines::with_room(log_lines),
        now: Timestamp(0),
        random: Random::of(&Digest::of(b""), "", ""),
        grants: Arc::default(),
        instantiated: None,
        remembered: StateCall::default(),
        custom: Teller::nobody(),
    };
    prepared(engine, state, limits, fuel)
}

/// A store for one instance, under these limits.
fn prepared(engine: &Engine, state: State, limits: &Limits, fuel: u64) -> wasmtime::Result<Store<State>> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.meter);
    store.set_fuel(fuel)?;
    // A ticker that was held up makes up for it with several ticks at once; a call has the time that it was promised all the same.
    // What the host takes to read state is no time of the guest's.
    let waited_before = store.data().remembered.waited();
    let (begun, promised) = (Instant::now(), Duration::from_millis(limits.time_ms));
    store.epoch_deadline_callback(move |guest| {
        let waited = guest.data().remembered.waited().saturating_sub(waited_before);
        let left = promised.saturating_sub(begun.elapsed().saturating_sub(waited));
        let ticks = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        Ok(if left.is_zero() { UpdateDeadline::Interrupt } else { UpdateDeadline::Continue(ticks) })
    });
    store.set_epoch_deadline(limits.time_ms.saturating_add(1));
    store.set_hostcall_fuel(limits.output_bytes);
    store.set_max_component_handles(HANDLES_MAX);
    Ok(store)
}
