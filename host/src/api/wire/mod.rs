//! The JSON shapes of the API: each answer is a type from here, which is what the OpenAPI document says of it. The command line reads the
//! ones it needs.

mod audit;
mod breaker;
mod chain;
mod content;
mod control;
mod counted;
mod dead;
mod deliveries;
mod diffed;
mod document;
mod events;
mod explained;
mod hub_file;
mod lane;
mod main_key;
mod message;
mod moment;
mod page;
mod problem;
mod published;
mod runs;
mod saw;
mod states;
mod taken_up;
mod tenancy;

pub use audit::{AuditOutcomeName, AuditPage, AuditTold};
pub use content::FailureTold;
pub use control::{Activate, Applied, ApplyRequest, Canary, ComponentStored, SpecProblem, VersionTold, VersionsTold};
pub use hub_file::{
    ChangeTold, DriftTold, DriftedTold, ExportTold, FieldTold, MissingTold, PlanTold, RevisionDiffTold, RevisionTold,
    RevisionsTold,
};
pub use main_key::{Rekeyed, RotateMainKey};
pub use moment::Moment;
pub use taken_up::{Replay, ReplayAll, Retry, RetryAll, TakenUp, Through};
pub use tenancy::{
    KeyChange, KeyShown, KeyState, KeyTold, KeysTold, NewKey, NewWorkspace, WorkspaceCounts, WorkspaceDeleted, WorkspaceDocument,
    WorkspaceTold, WorkspacesTold,
};

pub(super) use breaker::{PluginBreakerTold, PluginEnabled};
pub(super) use chain::{Outcome, OutcomeTold, PieceBody, RepeatedTold};
pub(super) use counted::{EventCount, TakenUpOrCounted};
pub(super) use dead::{KindName, LetterCount, LetterTold, place, place_of};
pub(super) use deliveries::{DeliveryTold, WholeDelivery};
pub(super) use diffed::{DiffTold, DifferenceTold, FuelMedian};
pub(super) use document::{
    BesideDestination, BesidePlugin, Declared, Destinations, Documented, Documents, Listed, Nothing, Plugins, Rules, Shown,
    Sources, capitalized,
};
pub(super) use events::{EventAsItCame, EventTold, WholeEvent};
pub(super) use explained::ExplanationTold;
pub(super) use lane::{DestinationEnabled, LaneTold};
pub(super) use message::{Acked, Extended, MessagesTold, Nacked};
pub(super) use page::PageTold;
pub(super) use published::{Publish, Published};
pub(super) use runs::{BatchTold, RunTold};
pub(super) use saw::SawTold;
pub(super) use states::{InState, StateName};

use content::{AttributesTold, BytesTold, HeadersTold, attributes, headers};
use deliveries::AttemptTold;
use problem::ProblemTold;
use runs::StageTold;
