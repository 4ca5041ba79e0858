//! A plugin on trial: the engine of a host, the limits of a host, and one plugin on this machine, without a host.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context, bail, ensure};
use prometheus_client::registry::Registry;

use super::{fixture::Given, memory::Memory};
use crate::{
    cli::hub_file::component,
    event::{BatchId, Digest, Event, Message, Name, Stage, StateEntry, Timestamp},
    plugin::{
        Bound, Call, Decision, Ended, Exports, Fault, Fold, FoldReason, Judged, Options, Piece, Plugins, Report, Spec, StateStore,
    },
};

/// The engine with one component in it.
pub(super) struct Bench {
    plugins: Arc<Plugins>,
    name: Name,
    digest: Digest,
    exports: Exports,
}

/// What a plugin did with what it was given.
#[derive(Debug)]
pub(super) struct Trial {
    /// One for each call.
    pub(super) stages: Vec<Stage>,
    /// The batch that the event joins, or whose events were folded.
    pub(super) key: Option<String>,
    pub(super) became: Became,
    /// All that is stored after it, by key.
    pub(super) state: BTreeMap<String, StateEntry>,
}

#[derive(Debug)]
pub(super) enum Became {
    /// The event goes on to the byte.
    Kept,
    Dropped(String),
    /// Their bodies are there, also where the plugin left the event's as it was.
    Messages(Vec<Message>),
    /// Of a request.
    Judged(Decision),
    Failed(Fault),
}

impl Bench {
    /// Starts the engine and loads what is in a file.
    pub(super) async fn start(file: &Path) -> anyhow::Result<Self> {
        let bytes = component(file)?;
        // One worker: calls are made one after the other.
        let plugins = Plugins::start(&Options { workers: 1, ..Options::default() }, &mut Registry::default())?;
        let (digest, exports) = plugins.load(&file.display().to_string(), bytes).await?;
        let stem = file.file_stem().map(|stem| stem.to_string_lossy().to_lowercase()).unwrap_or_default();
        let name = stem.parse().or_else(|_| "plugin".parse())?;
        Ok(Self { plugins, name, digest, exports })
    }

    /// Calls the plugin with what a fixture gives: one event, or those of a batch.
    pub(super) async fn run(&self, given: &Given) -> anyhow::Result<Trial> {
        self.call(self.ready(given).await?, given).await
    }

    /// The plugin with the settings that a fixture gives, which it has checked.
    pub(super) async fn ready(&self, given: &Given) -> anyhow::Result<Arc<Bound>> {
        let plugin = self.bind(given)?;
        if let Some(wrong) = self.plugins.check_settings(Arc::clone(&plugin)).await.first() {
            bail!("{}: {}", wrong.pointer, wrong.message);
        }
        Ok(plugin)
    }

    /// Calls it once more.
    pub(super) async fn call(&self, plugin: Arc<Bound>, given: &Given) -> anyhow::Result<Trial> {
        if let Some(request) = &given.request {
            ensure!(
                self.exports.verify,
                "a [request] is for a plugin that exports verify; this one does not, so give an [event]"
            );
            let Judged { stages, result } = self.plugins.verify(plugin, request.clone()).await?;
            return Ok(Trial::of(stages, None, result.map_or_else(Became::Failed, Became::Judged)));
        }
        ensure!(self.exports.takes_events(), "this plugin only verifies requests, so give a [request]");
        let memory = Arc::new(Memory::of(given.state.clone()));
        let trial = match given.events.as_slice() {
            [event] if !given.is_batch => self.event(plugin, event, given.attempt, &memory).await,
            events => self.batch(plugin, events, given.attempt, &memory).await?,
        };
        Ok(Trial { state: memory.entries(), ..trial })
    }

    fn bind(&self, given: &Given) -> anyhow::Result<Arc<Bound>> {
        let (config, limits, grants) = (given.config.clone(), given.limits.clone(), given.grants.clone());
        let spec = Spec { digest: self.digest.to_string(), config, grants, limits, ..Spec::default() };
        self.plugins
            .bind(&Name::default_workspace(), self.name.clone(), &spec)
            .map_err(|invalid| anyhow::anyhow!("{}: {}", invalid.pointer, invalid.message))
    }

    async fn event(&self, plugin: Arc<Bound>, event: &Arc<Event>, attempt: u32, memory: &Arc<Memory>) -> Trial {
        let Report { stages, state, result } = self.plugins.run([plugin].into(), call(event, attempt, memory)).await;
        if result.is_ok() {
            memory.store(state);
        }
        let (key, became) = match result {
            Err(fault) => (None, Became::Failed(fault)),
            Ok(Ended::Dropped { reason }) => (None, Became::Dropped(reason)),
            Ok(Ended::Messages(pieces)) => {
                let key = pieces.first().and_then(|piece| piece.batch_key.clone());
                (key, kept_or_changed(pieces, event))
            }
        };
        Trial::of(stages, key, became)
    }

    /// As a host does it: each event runs alone and joins by its key, then the batch is folded.
    async fn batch(
        &self,
        plugin: Arc<Bound>,
        events: &[Arc<Event>],
        attempt: u32,
        memory: &Arc<Memory>,
    ) -> anyhow::Result<Trial> {
        ensure!(self.exports.batch, "[[events]] are for a plugin that exports batch; this one does not, so give one [event]");
        let (mut stages, mut members, mut key, mut reason) = (Vec::new(), Vec::new(), None, String::new());
        for (index, event) in events.iter().enumerate() {
            let report = self.plugins.run([Arc::clone(&plugin)].into(), call(event, attempt, memory)).await;
            stages.extend(report.stages);
            if report.result.is_ok() {
                memory.store(report.state);
            }
            match report.result {
                Err(fault) => return Ok(Trial::of(stages, key, Became::Failed(fault))),
                Ok(Ended::Dropped { reason: why }) => reason = why,
                Ok(Ended::Messages(pieces)) => {
                    for piece in pieces {
                        join(&mut key, piece.batch_key).with_context(|| format!("events[{index}]"))?;
                        members.push((Arc::clone(event), piece.message));
                    }
                }
            }
        }
        let Some(key) = key else { return Ok(Trial::of(stages, key, Became::Dropped(reason))) };
        let fold = Fold { state: Some(store(memory)), ..self.closed(key.clone(), members, attempt) };
        let report = self.plugins.fold(plugin, fold).await;
        stages.extend(report.stages);
        if report.result.is_ok() {
            memory.store(report.state);
        }
        let became = match report.result {
            Err(fault) => Became::Failed(fault),
            Ok(Ended::Dropped { reason }) => Became::Dropped(reason),
            Ok(Ended::Messages(pieces)) => Became::Messages(pieces.into_iter().map(|piece| piece.message).collect()),
        };
        Ok(Trial::of(stages, Some(key), became))
    }

    /// The batch with an id that is the same each time.
    fn closed(&self, key: String, members: Vec<(Arc<Event>, Message)>, attempt: u32) -> Fold {
        let id = BatchId::of(&Name::default_workspace(), &self.name, &key, 1, members.len() as u64);
        let opened_at = members.first().map_or(Timestamp(0), |(event, _)| event.received_at);
        let now = members.last().map_or(opened_at, |(event, _)| event.received_at);
        Fold { id, key, reason: FoldReason::Size, opened_at, attempt, now, state: None, members }
    }
}

/// The time is that of the event, so that each trial sees the same.
fn call(event: &Arc<Event>, attempt: u32, memory: &Arc<Memory>) -> Call {
    Call { event: Arc::clone(event), attempt, now: event.received_at, state: Some(store(memory)) }
}

fn store(memory: &Arc<Memory>) -> Arc<dyn StateStore> {
    Arc::<Memory>::clone(memory)
}

/// One fixture is one batch.
fn join(key: &mut Option<String>, of_event: Option<String>) -> anyhow::Result<()> {
    let Some(of_event) = of_event else { bail!("the plugin gives it no key, so it joins no batch") };
    match key {
        Some(key) if *key != of_event => {
            bail!("its key is `{of_event}`, that of the events before is `{key}`: a fixture is one batch")
        }
        _ => *key = Some(of_event),
    }
    Ok(())
}

fn kept_or_changed(pieces: Vec<Piece>, event: &Event) -> Became {
    let mut messages: Vec<Message> = pieces.into_iter().map(|piece| piece.message).collect();
    if messages == [Message::of(event)] {
        return Became::Kept;
    }
    for message in &mut messages {
        message.body.get_or_insert_with(|| event.body.clone());
    }
    Became::Messages(messages)
}

impl Trial {
    pub(super) fn of(stages: Vec<Stage>, key: Option<String>, became: Became) -> Self {
        Self { stages, key, became, state: BTreeMap::new() }
    }

    pub(super) fn fuel(&self) -> u64 {
        self.stages.iter().map(|stage| stage.fuel).sum()
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        self.stages.iter().map(|stage| stage.memory_bytes).max().unwrap_or(0)
    }

    pub(super) fn elapsed_us(&self) -> u64 {
        self.stages.iter().map(|stage| stage.elapsed_us).sum()
    }

    pub(super) fn logs(&self) -> impl Iterator<Item = &str> {
        self.stages.iter().flat_map(|stage| &stage.logs).map(String::as_str)
    }

    /// All of it that has to be the same the next time: everything but the clock.
    pub(super) fn repeatable(mut self) -> String {
        for stage in &mut self.stages {
            (stage.elapsed_us, stage.instantiate_us) = (0, 0);
        }
        format!("{self:#?}")
    }
}
