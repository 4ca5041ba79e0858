//! `sluicebox serve`: runs a host until it is told to stop.

use std::{
    env,
    io::IsTerminal,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use tokio::{net::TcpListener, signal::unix};
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use crate::{
    Host,
    config::Config,
    plugin::{self, CompileLimits},
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder that holds everything that is kept; made where it is not there.
    #[arg(long, env = "SLUICEBOX_DATA", default_value = "sluicebox-data")]
    data: PathBuf,
    /// Where to listen, for senders and operators alike.
    #[arg(long, env = "SLUICEBOX_LISTEN", default_value = "127.0.0.1:8484")]
    listen: SocketAddr,
    /// A network to deliver to although it is private or special, as in 127.0.0.0/8. May be given several times.
    #[arg(long, value_name = "NETWORK")]
    allow_network: Vec<ipnet::IpNet>,
    /// The URL that senders call this host by; some providers sign it.
    #[arg(long, env = "SLUICEBOX_PUBLIC_URL")]
    public_url: Option<String>,
    /// The largest plugin, in bytes, up to 67108864.
    #[arg(long, default_value_t = plugin::Options::default().component_bytes_max)]
    component_bytes_max: usize,
    #[command(flatten)]
    compile: Compile,
    /// What to log: `error`, `warn`, `info`, `debug`, or a filter such as `sluicebox::deliver=debug`.
    #[arg(long, env = "SLUICEBOX_LOG", default_value = "info")]
    log: String,
}

/// What compiling one plugin may use.
#[derive(Debug, clap::Args)]
struct Compile {
    /// Memory that compiling one plugin may use.
    #[arg(long = "compile-memory-bytes", default_value_t = CompileLimits::default().memory_bytes)]
    memory_bytes: u64,
    /// Processor time that compiling one plugin may use.
    #[arg(long = "compile-cpu-seconds", default_value_t = CompileLimits::default().cpu_seconds)]
    cpu_seconds: u64,
    /// Time that compiling one plugin may take.
    #[arg(long = "compile-wall-ms", default_value_t = CompileLimits::default().wall_ms)]
    wall_ms: u64,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&arguments.log).context("--log")?;
    tracing_subscriber::registry()
        .with(filter)
        .with(fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()))
        .init();
    let mut config = Config::at(arguments.data);
    config.net.allow_networks = arguments.allow_network;
    config.ingest.public_url = arguments.public_url;
    let Compile { memory_bytes, cpu_seconds, wall_ms } = arguments.compile;
    config.plugin.compile = CompileLimits { memory_bytes, cpu_seconds, wall_ms, ..config.plugin.compile };
    config.plugin.component_bytes_max = arguments.component_bytes_max;
    config.plugin.compiler = Some(this_program()?);
    let listener = TcpListener::bind(arguments.listen).await.with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let address = listener.local_addr().context("cannot tell the address")?;
    tracing::info!(%address, data = %config.data.display(), "listening");
    // Handlers are installed before anything is opened, so that an early signal ends the host in order as well.
    let (mut term, mut interrupt) = (unix::signal(unix::SignalKind::terminate())?, unix::signal(unix::SignalKind::interrupt())?);
    let told_to_stop = async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    };
    let host = Host::open(config).await?;
    if let Some(file) = host.new_admin_key() {
        tell_admin_key(&file)?;
    }
    host.serve(listener, told_to_stop).await
}

/// Shows the new admin key to the person who started the host, this once; where nobody watches, only where it is: logs hold no secrets.
fn tell_admin_key(file: &Path) -> anyhow::Result<()> {
    if std::io::stdout().is_terminal() {
        let key = std::fs::read_to_string(file).context("the new admin key")?;
        println!("admin key, shown this once: {}", key.trim());
    }
    tracing::info!(file = %file.display(), "an admin key was made");
    Ok(())
}

/// The program that is running, also where an upgrade has put another in its place: native code is only good for the engine that
/// compiled it.
fn this_program() -> anyhow::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() { Ok(running.to_owned()) } else { env::current_exe().context("cannot tell which program this is") }
}
