//! The versions of one plugin as their file has them: a field may be added, none may change its meaning.

use serde::{Deserialize, Serialize};

use super::{Flaw, Line, Place, State, Version};
use crate::{
    event::{Digest, Name, Timestamp},
    hub::Note,
    plugin::Exports,
};

#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    workspace: Name,
    plugin: Name,
    active: Option<String>,
    before: Option<String>,
    versions: Vec<Written>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    digest: String,
    bytes: u64,
    /// In milliseconds since the Unix epoch, as all times here.
    uploaded_at: u64,
    state: WrittenState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    problem: Option<WrittenFlaw>,
    #[serde(default)]
    exports: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    activate: Option<Note>,
    #[serde(default)]
    idle_since: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenState {
    /// Being compiled too: a restart begins again.
    Queued,
    Ready,
    Failed,
}

#[derive(Serialize, Deserialize)]
struct WrittenFlaw {
    code: String,
    message: String,
}

impl Record {
    pub(super) fn of((workspace, plugin): &Place, line: &Line) -> Self {
        Self {
            workspace: workspace.clone(),
            plugin: plugin.clone(),
            active: line.active.map(|digest| digest.to_string()),
            before: line.before.map(|digest| digest.to_string()),
            versions: line.versions.iter().map(written).collect(),
        }
    }

    /// `None`: a digest is none.
    pub(super) fn read(self) -> Option<(Place, Line)> {
        let digest =
            |text: Option<String>| text.map(|text| text.parse::<Digest>().ok()).map_or(Some(None), |read| read.map(Some));
        let line = Line {
            active: digest(self.active)?,
            before: digest(self.before)?,
            versions: self.versions.into_iter().map(read).collect::<Option<_>>()?,
        };
        Some(((self.workspace, self.plugin), line))
    }
}

fn written(version: &Version) -> Written {
    let (state, exports) = match &version.state {
        State::Queued | State::Compiling => (WrittenState::Queued, Vec::new()),
        State::Ready(exports) => (WrittenState::Ready, exports.names()),
        State::Failed => (WrittenState::Failed, Vec::new()),
    };
    let flaw = |flaw: &Flaw| WrittenFlaw { code: flaw.code.clone(), message: flaw.message.clone() };
    Written {
        digest: version.digest.to_string(),
        bytes: version.bytes,
        uploaded_at: version.uploaded_at.0,
        state,
        problem: version.problem.as_ref().map(flaw),
        exports: exports.into_iter().map(str::to_owned).collect(),
        activate: version.activate.clone(),
        idle_since: version.idle_since.map(|at| at.0),
    }
}

fn read(written: Written) -> Option<Version> {
    Some(Version {
        digest: written.digest.parse().ok()?,
        bytes: written.bytes,
        uploaded_at: Timestamp(written.uploaded_at),
        state: match written.state {
            WrittenState::Queued => State::Queued,
            WrittenState::Ready => State::Ready(Exports::named(written.exports.iter().map(String::as_str))),
            WrittenState::Failed => State::Failed,
        },
        problem: written.problem.map(|flaw| Flaw { code: flaw.code, message: flaw.message }),
        activate: written.activate,
        idle_since: written.idle_since.map(Timestamp),
    })
}
