//! The tests of the whole. `cargo xtask test` builds what they need.

mod architecture;
mod authoring;
mod batching;
mod breaker;
mod capabilities;
mod command_line;
mod compile;
mod control;
mod crash;
mod delivery;
mod documents;
mod door;
mod fairness;
mod guests;
mod javascript;
mod kill;
mod official;
mod path;
mod python_plugins;
mod repeat;
mod shipped;
mod soak;
mod state;
mod story;
mod verifying;
mod versions;
