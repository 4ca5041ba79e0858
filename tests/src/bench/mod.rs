//! What all benchmarks share: turns of a load through a host to a sink, the spread of what was measured, and how it is told: a table for people,
//! `target/bench/NAME.json` for programs, and charts.
//!
//! Machines are shared and noisy, so no figure stands alone: what is compared takes turns in the same run, and what is judged is a ratio.

mod chart;
mod document;
mod figures;
mod peers;
mod place;
mod spread;
mod table;
mod turn;

pub mod page;

pub use chart::{Bars, Curves};
pub use document::{Document, Row};
pub use figures::{Figures, Target};
pub use peers::{Came, Load, Peer};
pub use place::{folder, scratch};
pub use spread::{Spread, percentile};
pub use table::Table;
pub use turn::{Hub, Sent, Turn};
