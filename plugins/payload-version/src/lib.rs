//! Brings JSON bodies from one version of their shape to another, up or down, by steps that the settings declare.

mod steps;

use sluicebox_sdk::json::{Node, Place};
use sluicebox_sdk::prelude::*;
use steps::{Step, Version};

/// Where the version is told, which one is wanted, and how to get there.
#[derive(Debug, Deserialize, Config)]
#[serde(try_from = "Raw")]
pub struct Settings {
    told: Told,
    target: Version,
    missing: Option<Version>,
    unknown: Unknown,
    steps: Vec<Step>,
}

/// Where the version is told.
#[derive(Debug)]
enum Told {
    Body(Place),
    Header(String),
}

/// The settings as they are written.
#[derive(Deserialize, Config)]
#[serde(deny_unknown_fields)]
#[config(part)]
struct Raw {
    /// The place of the version in the body.
    field: Option<Place>,
    /// Instead of `field`: the header that tells the version.
    header: Option<String>,
    /// The version that is wanted.
    target: Version,
    /// The version of bodies that tell none, or null.
    missing: Option<Version>,
    /// What becomes of bodies that no steps bring to the target.
    #[serde(default)]
    unknown: Unknown,
    /// Each goes one way.
    steps: Vec<Step>,
}

/// What becomes of bodies that no steps bring to the target.
#[derive(Clone, Copy, Debug, Default, Deserialize, Config)]
#[serde(rename_all = "lowercase")]
enum Unknown {
    #[default]
    Reject,
    Keep,
}

impl TryFrom<Raw> for Settings {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let Raw { field, header, target, missing, unknown, steps } = raw;
        let told = match (field, header) {
            (Some(place), None) => Told::Body(place),
            (None, Some(name)) => Told::Header(name),
            _ => return Err("either `field` or `header` is needed, to tell the version".to_owned()),
        };
        for (index, step) in steps.iter().enumerate() {
            if steps[..index].iter().any(|earlier| earlier.to_string() == step.to_string()) {
                return Err(format!("two steps lead {step}"));
            }
        }
        if !steps.iter().any(|step| step.to.to_string() == target.to_string()) {
            return Err(format!("no step leads to the target {target}"));
        }
        Ok(Self { told, target, missing, unknown, steps })
    }
}

/// A body of the target's version goes on untouched.
#[transform]
pub fn payload_version(event: Event, settings: Settings) -> Result<Outcome> {
    let mut document = Node::read(event.body())?;
    let version = match told(&event, &mut document, &settings.told)?.or_else(|| settings.missing.as_ref().map(Version::to_string))
    {
        Some(version) => version,
        None => return unknown(&settings, "no-version", "it tells no version"),
    };
    let target = settings.target.to_string();
    if version == target {
        return keep();
    }
    let Some(way) = steps::way(&settings.steps, &version, &target) else {
        return unknown(&settings, "unknown-version", &format!("no steps lead from {version:?} to {target:?}"));
    };
    for step in way {
        for edits in &step.edits {
            edits
                .apply(&mut document)
                .map_err(|error| Error::reject(error.code(), format_args!("{step}: {}", error.failure().message)))?;
        }
    }
    finish(document, &settings)
}

fn unknown(settings: &Settings, code: &str, why: &str) -> Result<Outcome> {
    match settings.unknown {
        Unknown::Reject => reject(code, why),
        Unknown::Keep => keep(),
    }
}

/// A text as it is, a number as it is written; null is none.
fn told(event: &Event, document: &mut Node<'_>, told: &Told) -> Result<Option<String>> {
    let place = match told {
        Told::Header(name) => return Ok(event.header(name).map(str::to_owned)),
        Told::Body(place) => place,
    };
    let Some(found) = document.find(place.path())?.into_iter().next() else { return Ok(None) };
    match found.kind() {
        "null" => Ok(None),
        "a text" => Event::new("", "").with_body(found.to_text()).json().map(Some),
        _ => Ok(Some(found.to_text())),
    }
}

/// The version is written where it was told, as the settings write the target.
fn finish(mut document: Node<'_>, settings: &Settings) -> Result<Outcome> {
    match &settings.told {
        Told::Body(place) => {
            document.put(place, Node::new(settings.target.value()))?;
            emit(Message::bytes(document.to_text()))
        }
        Told::Header(name) => emit(Message::bytes(document.to_text()).with_header(name, settings.target.to_string())),
    }
}

#[cfg(test)]
mod tests;
