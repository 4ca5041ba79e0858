//! A host for the recorder: as `sluicebox serve`, but that its journal makes checkpoints after little work, that it listens on a port of its own
//! choice, which it prints, and that it stops when its standard input ends.

use std::{env, io::Read, thread};

use anyhow::Context;
use sluicebox::{Host, config::Config};
use tokio::{net::TcpListener, sync::oneshot};
use tracing_subscriber::{EnvFilter, fmt};

/// Small enough for several checkpoints in a run, large enough for several commits between two.
const CHECKPOINT_PAGES: u32 = 24;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    fmt().with_env_filter(EnvFilter::new("info")).with_writer(std::io::stderr).with_ansi(false).init();
    let mut config = Config::at(env::args_os().nth(1).context("which folder?")?);
    config.net.allow_networks = vec!["127.0.0.0/8".parse()?];
    config.journal.checkpoint_pages = CHECKPOINT_PAGES;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let host = Host::open(config).await?;
    println!("http://{address}");
    let (stop, stopped) = oneshot::channel::<()>();
    thread::spawn(move || {
        // Nothing is ever sent: its end is what is waited for.
        drop(std::io::stdin().read(&mut [0]));
        drop(stop);
    });
    host.serve(listener, async move { drop(stopped.await) }).await
}
