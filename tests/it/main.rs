//! The tests of the whole. `cargo xtask test` builds what they need.

mod architecture;
mod batching;
mod capabilities;
mod command_line;
mod control;
mod crash;
mod delivery;
mod documents;
mod guests;
mod official;
mod path;
mod story;
