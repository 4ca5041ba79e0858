//! Power cuts and failing disks. A recorder before a real host notes each change of the data folder ([`recorded`], [`log`]); from its log
//! the disk is followed ([`disk`], [`tail`]).
//!
//! - [`cuts`]: at many places in the log of a [`story`] the power is cut ([`cut`]): the image that is left has to open with all that was
//!   acknowledged ([`check`]), and a host has to go on with it.
//! - [`faults`]: the recorder refuses a write or a sync: nothing is acknowledged that is not stored, the refusal is told, and when the disk
//!   is well again so is the host.
//! - [`aimed`]: it refuses at chosen files only: at each change of a revision's record, and twice in a row while the main key is changed.
//!
//! Images are known by their seed and place in the log of one story; the story itself is not the same twice, since hosts have threads. So
//! what is wrong is kept in `target/power/`: the image, the log, and what the host said.

mod aimed;
mod check;
mod cut;
mod cuts;
mod disk;
mod faults;
mod folder;
mod log;
#[path = "../../recorder/src/record.rs"]
mod record;
mod recorded;
mod sink;
mod story;
mod tail;

pub use aimed::{records, rekeys};
pub use cuts::{Plan, Tally, images};
pub use faults::{FaultPlan, FaultTally, faults};

/// The seed where none is named.
pub const SEED: u64 = 20_261_122;
