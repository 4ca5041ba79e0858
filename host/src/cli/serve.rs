//! `sluicebox serve`: runs a host until it is told to stop.

use std::{
    env,
    io::IsTerminal,
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use anyhow::Context;
use tokio::{net::TcpListener, signal::unix};
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use crate::{
    Host,
    config::Config,
    deliver, net,
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
    /// A port, or a range as in 9000-9100, that may be delivered to. May be given several times; only these are open then, else 80, 443 and
    /// all from 1024.
    #[arg(long, value_name = "PORT", value_parser = ports)]
    allow_port: Vec<RangeInclusive<u16>>,
    /// A name server to ask, as in 192.0.2.53:53, instead of the system's resolver. May be given several times.
    #[arg(long, value_name = "ADDRESS")]
    dns_server: Vec<SocketAddr>,
    /// A proxy to deliver through: http://host:port, with user:password@ before the host where it asks for them. Networks that
    /// `--allow-network` opens are reached without it. No proxy is taken from HTTPS_PROXY and the like.
    #[arg(long, env = "SLUICEBOX_PROXY", value_name = "URL", hide_env_values = true)]
    proxy: Option<net::Proxy>,
    /// The URL that this host is called by: some providers sign it, and destinations confirm below it.
    #[arg(long, env = "SLUICEBOX_PUBLIC_URL")]
    public_url: Option<String>,
    /// Polls of destinations of kind "pull" that may wait for messages at once; one more is answered with 429.
    #[arg(long, default_value_t = deliver::Options::default().pull_polls_max)]
    pull_polls_max: usize,
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
    if !arguments.allow_port.is_empty() {
        config.net.allow_ports = arguments.allow_port;
    }
    config.net.dns_servers = arguments.dns_server;
    config.net.proxy = arguments.proxy;
    config.ingest.public_url = arguments.public_url;
    config.deliver.pull_polls_max = arguments.pull_polls_max;
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

/// `443` or `9000-9100`.
fn ports(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.parse(), last.parse()) {
        (Ok(first @ 1..), Ok(last)) if first <= last => Ok(first..=last),
        _ => Err("write a port from 1 to 65535, or two with `-` between them, the smaller first".to_owned()),
    }
}

/// The program that is running, also where an upgrade has put another in its place: native code is only good for the engine that
/// compiled it.
fn this_program() -> anyhow::Result<PathBuf> {
    let running = Path::new("/proc/self/exe");
    if running.exists() { Ok(running.to_owned()) } else { env::current_exe().context("cannot tell which program this is") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_one_or_a_range() {
        assert_eq!((ports("443"), ports("9000-9100")), (Ok(443..=443), Ok(9000..=9100)));
        for bad in ["", "0", "65536", "9100-9000", "80-", "web"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }
}
