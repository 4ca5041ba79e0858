//! The other sides of `cargo xtask bench path`, each a process of its own, so that what they cost is told apart: who sends (`load`), who
//! receives (`sink`), and the least code that could do the hub's work (`ceiling`).
//!
//! They speak with the benchmark by lines: the address first, then an answer to each command.

mod ceiling;
mod load;
mod log;
mod request;
mod sink;
mod wire;

use anyhow::{Context, bail};

/// As the host's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let role = arguments.next().context("which role?")?;
    let arguments: Vec<String> = arguments.collect();
    match role.as_str() {
        "load" => one_thread()?.block_on(load::run(&arguments)),
        "sink" => one_thread()?.block_on(sink::run()),
        "ceiling" => tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(ceiling::run(&arguments)),
        other => bail!("there is no role `{other}`"),
    }
}

fn one_thread() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
