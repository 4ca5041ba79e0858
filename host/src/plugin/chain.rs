//! A chain: the plugins of a rule, in order, on one event. It is one unit: it ends with all that goes on, or with the first fault.
//!
//! An event may be split: from then on every piece goes its own way through the plugins behind, under an id that the host derives
//! (`evt_...-0`, `evt_...-0-2`), so that a repeat sees the same. All filters and transforms come before the batch plugin is asked
//! for keys, wherever it stands: what it is shown is what joins the batch.

use std::{collections::VecDeque, sync::Arc};

use wasmtime::Engine;

use super::{
    Bound, Call, Ended, Fault, Fold, Piece, Report, accept,
    call::{Asked, Done, Session},
    custom::Told,
    exchange::{Outcome, Shown, Verdict},
    fault::Cause,
    metrics::Metrics,
    room::{self, Room},
    state::View,
    text::one_line,
};
use crate::event::Message;

/// Runs a chain.
pub(super) fn run(engine: &Engine, metrics: &Metrics, plugins: &[Arc<Bound>], call: &Call, told: Told) -> Report {
    let view = View::of(call.state.clone(), &call.event.id.to_string(), call.attempt, call.now);
    let session = Session::start(engine, metrics, call.now).with_state(view).telling(told);
    let mut chain = Chain::start(session, call);
    let result = chain.run(plugins);
    Report { stages: chain.session.stages, state: chain.session.view.into_uses(), result }
}

/// Folds a batch.
pub(super) fn fold(engine: &Engine, metrics: &Metrics, plugin: &Bound, fold: &Fold) -> Report {
    let view = View::of(fold.state.clone(), &fold.id.to_string(), fold.attempt, fold.now);
    let mut session = Session::start(engine, metrics, fold.now).with_state(view);
    let was = in_common(fold);
    let result = session.call(
        plugin,
        Asked { export: "fold", id: &fold.id.to_string(), input_bytes: fold_bytes(fold) },
        |store| plugin.loaded.guest.fold(store, fold),
        |emitted| Ok(emit(accept::messages(emitted, &was, &plugin.name, &plugin.limits, Room::WHOLE)?)),
    );
    let pieces = result.map(|messages| messages.into_iter().map(|message| Piece { message, batch_key: None }).collect());
    let result = pieces.map(|pieces| ended(pieces, "the fold left no message"));
    Report { stages: session.stages, state: session.view.into_uses(), result }
}

/// A message on its way through the chain.
struct Passing {
    /// What plugins know it by.
    id: String,
    message: Message,
}

struct Chain<'a> {
    session: Session<'a>,
    call: &'a Call,
    pieces: Vec<Passing>,
    /// Why the last piece that was dropped was.
    reason: String,
}

impl<'a> Chain<'a> {
    fn start(session: Session<'a>, call: &'a Call) -> Self {
        let whole = Passing { id: call.event.id.to_string(), message: Message::of(&call.event) };
        Self { session, call, pieces: vec![whole], reason: String::new() }
    }

    fn run(&mut self, plugins: &[Arc<Bound>]) -> Result<Ended, Fault> {
        for plugin in plugins {
            if plugin.exports.filter {
                self.filter(plugin)?;
            }
            if plugin.exports.transform {
                self.transform(plugin)?;
            }
        }
        let batch = plugins.iter().rfind(|plugin| plugin.exports.batch);
        let mut pieces = Vec::with_capacity(self.pieces.len());
        for Passing { id, message } in std::mem::take(&mut self.pieces) {
            let batch_key = batch.map_or(Ok(None), |plugin| self.key(plugin, &id, &message))?;
            pieces.push(Piece { message, batch_key });
        }
        Ok(ended(pieces, &self.reason))
    }

    fn filter(&mut self, plugin: &Bound) -> Result<(), Fault> {
        for piece in std::mem::take(&mut self.pieces) {
            let shown = shown(self.call, &piece.id, &piece.message);
            let verdict = self.session.call(
                plugin,
                asked("filter", &shown),
                |store| plugin.loaded.guest.filter(store, &shown),
                |verdict| {
                    let (result, messages) = if matches!(verdict, Verdict::Keep) { ("keep", 1) } else { ("drop", 0) };
                    Ok(Done { value: verdict, result, messages })
                },
            )?;
            match verdict {
                Verdict::Keep => self.pieces.push(piece),
                Verdict::Drop(reason) => self.reason = one_line(&reason),
            }
        }
        Ok(())
    }

    fn transform(&mut self, plugin: &Bound) -> Result<(), Fault> {
        let mut waiting: VecDeque<Passing> = std::mem::take(&mut self.pieces).into();
        while let Some(piece) = waiting.pop_front() {
            let room = self.room(&waiting);
            let shown = shown(self.call, &piece.id, &piece.message);
            let became = self.session.call(
                plugin,
                asked("transform", &shown),
                |store| plugin.loaded.guest.transform(store, &shown),
                |outcome| judge(outcome, &piece.message, plugin, room),
            )?;
            match became {
                Became::Itself => self.pieces.push(piece),
                Became::Nothing(reason) => self.reason = reason,
                Became::Messages(messages) => self.pieces.extend(split(&piece.id, messages)),
            }
        }
        Ok(())
    }

    fn key(&mut self, plugin: &Bound, id: &str, message: &Message) -> Result<Option<String>, Fault> {
        let shown = shown(self.call, id, message);
        self.session.call(
            plugin,
            asked("key", &shown),
            |store| plugin.loaded.guest.key(store, &shown),
            |key| {
                let value = accept::key(key, &plugin.name)?;
                let result = if value.is_some() { "key" } else { "alone" };
                Ok(Done { value, result, messages: 1 })
            },
        )
    }

    /// What the chain may still hold, beside the pieces that are through and those that wait for this plugin.
    fn room(&self, waiting: &VecDeque<Passing>) -> Room {
        let held: usize = self.pieces.iter().chain(waiting).map(|piece| room::bytes_of(&piece.message)).sum();
        Room {
            messages: Room::WHOLE.messages.saturating_sub(self.pieces.len() + waiting.len()),
            bytes: Room::WHOLE.bytes.saturating_sub(held),
        }
    }
}

/// What a transform made of a piece.
enum Became {
    Itself,
    Nothing(String),
    Messages(Vec<Message>),
}

fn judge(outcome: Outcome, was: &Message, plugin: &Bound, room: Room) -> Result<Done<Became>, Cause> {
    match outcome {
        Outcome::Keep => Ok(Done { value: Became::Itself, result: "keep", messages: 1 }),
        Outcome::Drop(reason) => Ok(Done { value: Became::Nothing(one_line(&reason)), result: "drop", messages: 0 }),
        Outcome::Emit(emitted) => {
            let done = emit(accept::messages(emitted, was, &plugin.name, &plugin.limits, room)?);
            let value = match done.value {
                messages if messages.is_empty() => Became::Nothing(format!("plugin `{}` emitted no message", plugin.name)),
                messages => Became::Messages(messages),
            };
            Ok(Done { value, result: done.result, messages: done.messages })
        }
    }
}

fn emit(messages: Vec<Message>) -> Done<Vec<Message>> {
    Done { result: "emit", messages: messages.len(), value: messages }
}

fn shown<'a>(call: &'a Call, id: &'a str, message: &'a Message) -> Shown<'a> {
    Shown { id, event: &call.event, message, attempt: call.attempt }
}

fn asked<'a>(export: &'static str, shown: &Shown<'a>) -> Asked<'a> {
    Asked { export, id: shown.id, input_bytes: shown.bytes() }
}

/// One message stays what its piece was; of several each gets an id of its own.
fn split(id: &str, messages: Vec<Message>) -> impl Iterator<Item = Passing> {
    let alone = messages.len() == 1;
    messages.into_iter().enumerate().map(move |(index, message)| {
        let id = if alone { id.to_owned() } else { format!("{id}-{index}") };
        Passing { id, message }
    })
}

fn ended(pieces: Vec<Piece>, reason: &str) -> Ended {
    if pieces.is_empty() { Ended::Dropped { reason: reason.to_owned() } } else { Ended::Messages(pieces) }
}

/// What a folded message inherits where the plugin leaves it open: of each field what all members share, else nothing.
fn in_common(fold: &Fold) -> Message {
    let mut messages = fold.members.iter().map(|(_, message)| message);
    let mut common = Message {
        event_type: String::new(),
        content_type: None,
        headers: Vec::new(),
        body: None,
        attributes: Vec::new(),
        route: None,
    };
    let Some(first) = messages.next() else { return common };
    let rest: Vec<&Message> = messages.collect();
    if rest.iter().all(|m| m.event_type == first.event_type) {
        common.event_type.clone_from(&first.event_type);
    }
    if rest.iter().all(|m| m.content_type == first.content_type) {
        common.content_type.clone_from(&first.content_type);
    }
    if rest.iter().all(|m| m.attributes == first.attributes) {
        common.attributes.clone_from(&first.attributes);
    }
    if rest.iter().all(|m| m.route == first.route) {
        common.route.clone_from(&first.route);
    }
    common
}

/// How much input a fold has.
fn fold_bytes(fold: &Fold) -> usize {
    fold.members.iter().map(|(event, message)| Shown { id: "", event, message, attempt: fold.attempt }.bytes()).sum()
}
