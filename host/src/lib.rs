//! Sluicebox, a webhook router that its users extend with WebAssembly.

pub mod deliver;
pub mod dispatch;
pub mod event;
pub mod hub;
pub mod ingest;
pub mod journal;
pub mod net;
pub mod plugin;
pub mod route;
pub mod sign;
pub mod verify;
