//! The harness: a whole host, a receiver that remembers, real payloads, and guests built from source.
//!
//! A test reads as a story: start a host, apply a hub file, post, assert what the receiver saw. Nothing here is a stand-in: hosts
//! listen on loopback, stores are folders, plugins are components that `cargo xtask test` has built.

pub mod answers;
mod api;
pub mod bench;
pub mod canary;
pub mod collector;
mod described;
mod detour;
pub mod fuzz;
pub mod github;
pub mod guests;
mod host;
pub mod hub_files;
pub mod lanes;
pub mod metrics;
pub mod patterns;
pub mod pending;
pub mod power;
pub mod process;
pub mod promql;
mod receiver;
pub mod signed;
pub mod soak;
pub mod tls;

pub use api::{Answer, Api};
pub use detour::Detour;
pub use host::Host;
pub use process::HostProcess;
pub use receiver::{Received, Receiver};

use std::time::{Duration, Instant};

/// How long anything may take here before a test calls it missing; generous, for machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Asks again and again until there is an answer; panics with `what` when [`PATIENCE`] is over.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
