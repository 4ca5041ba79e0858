//! `sluicebox serve`: runs a host until it is told to stop.

use std::{
    env,
    io::IsTerminal,
    net::SocketAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use anyhow::Context;
use tokio::net::{TcpListener, TcpSocket};
use tracing_subscriber::{EnvFilter, fmt, prelude::*};

use super::{descriptors, door::Door, stop::Stop};
use crate::{
    Host, api,
    config::Config,
    deliver,
    event::Duration,
    journal::{self, Retention},
    net,
    plugin::{self, CompileLimits},
};

/// Nobody waits for a host for longer than that.
const DRAIN_SECONDS_MAX: u64 = 3600;

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
    /// How often an event, or what it came from, may be passed on by destinations of kind "hub"; then it is a dead letter.
    #[arg(long, default_value_t = deliver::Options::default().hops_max)]
    hops_max: u32,
    /// Events that one request may bring: a batch of CloudEvents, or of what is published by the API.
    #[arg(long, default_value_t = Config::at("").ingest.events_per_request_max, value_name = "EVENTS")]
    events_per_request_max: usize,
    /// The largest body of a call that publishes by the API, in bytes.
    #[arg(long, default_value_t = Config::at("").ingest.publish_bytes_max, value_name = "BYTES")]
    publish_bytes_max: usize,
    #[command(flatten)]
    door: Door,
    /// Polls of destinations of kind "pull" that may wait for messages at once; one more is answered with 429.
    #[arg(long, default_value_t = deliver::Options::default().pull_polls_max)]
    pull_polls_max: usize,
    /// Live tails of events (`sluicebox listen`) at once; one more is answered with 503.
    #[arg(long, default_value_t = api::Options::default().event_streams_max)]
    event_streams_max: usize,
    /// The largest plugin, in bytes, up to 67108864.
    #[arg(long, default_value_t = plugin::Options::default().component_bytes_max)]
    component_bytes_max: usize,
    #[command(flatten)]
    compile: Compile,
    #[command(flatten)]
    in_flight: InFlight,
    /// How long requests, runs of plugins and deliveries that are under way may take to end when the host is told to stop, all at the same time; what
    /// does not end is called off and repeated after the next start.
    #[arg(long, default_value_t = Config::at("").drain_ms() / 1000, value_parser = clap::value_parser!(u64).range(..=DRAIN_SECONDS_MAX))]
    drain_seconds: u64,
    #[command(flatten)]
    keep: Keep,
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

/// How many deliveries are under way at once, and how they are shared.
#[derive(Debug, clap::Args)]
struct InFlight {
    /// Deliveries under way at once, of all destinations together.
    #[arg(long = "in-flight-max", default_value_t = deliver::Options::default().in_flight_max)]
    max: usize,
    /// As many of these are only for destinations that answer promptly.
    #[arg(long = "in-flight-healthy-only", default_value_t = deliver::Options::default().in_flight_healthy_only)]
    healthy_only: usize,
    /// A delivery that takes longer makes its destination a slow one, until its next that does not.
    #[arg(long = "slow-ms", default_value_t = deliver::Options::default().slow_ms)]
    slow_ms: u64,
}

/// How long and in how much space the journal keeps what is settled.
#[derive(Debug, clap::Args)]
struct Keep {
    /// How long events are kept after their last delivery, as in `12h` or `7d`.
    #[arg(long = "retain", env = "SLUICEBOX_RETAIN", value_name = "TIME", default_value = "7d")]
    settled: Duration,
    /// How long events with a dead letter are kept after the last thing that happened to them.
    #[arg(long = "retain-dead", env = "SLUICEBOX_RETAIN_DEAD", value_name = "TIME", default_value = "30d")]
    dead: Duration,
    /// How long is kept what the plugins of a failed run were told, for `plugin run --event`.
    #[arg(long = "retain-saw", env = "SLUICEBOX_RETAIN_SAW", value_name = "TIME", default_value = "3d")]
    saw: Duration,
    /// The size of the journal at which new events are refused; before, what is settled is removed early. No limit unless given.
    #[arg(long, env = "SLUICEBOX_JOURNAL_BYTES_MAX", value_name = "BYTES", value_parser = clap::value_parser!(u64).range(JOURNAL_BYTES_MIN..))]
    journal_bytes_max: Option<u64>,
    /// New events are refused while the disk has less free than this; before, what is settled is removed early.
    #[arg(long, env = "SLUICEBOX_DISK_RESERVE_BYTES", value_name = "BYTES", default_value_t = journal::Options::default().disk_reserve_bytes)]
    disk_reserve_bytes: u64,
}

/// A journal without any event has half of it.
const JOURNAL_BYTES_MIN: u64 = 1 << 20;

impl Keep {
    fn set(self, config: &mut Config) {
        config.retention = Retention { settled_ms: self.settled.ms, dead_ms: self.dead.ms, saw_ms: self.saw.ms };
        config.journal.bytes_max = self.journal_bytes_max;
        config.journal.disk_reserve_bytes = self.disk_reserve_bytes;
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&arguments.log).context("--log")?;
    tracing_subscriber::registry()
        .with(filter)
        .with(fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal()))
        .init();
    #[cfg(debug_assertions)]
    crate::failpoint::arm(env::var(crate::failpoint::VARIABLE).ok().as_deref())?;
    // Before anything is opened, so that an early signal ends the host in order as well.
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    let mut config = Config::at(arguments.data);
    config.net.allow_networks = arguments.allow_network;
    if !arguments.allow_port.is_empty() {
        config.net.allow_ports = arguments.allow_port;
    }
    config.net.dns_servers = arguments.dns_server;
    config.net.proxy = arguments.proxy;
    config.ingest.public_url = arguments.public_url;
    config.ingest.events_per_request_max = arguments.events_per_request_max;
    config.ingest.publish_bytes_max = arguments.publish_bytes_max;
    arguments.door.set(&mut config.ingest)?;
    descriptors::raise(config.ingest.connections_max);
    config.set_drain_ms(arguments.drain_seconds * 1000);
    config.deliver.pull_polls_max = arguments.pull_polls_max;
    config.deliver.hops_max = arguments.hops_max;
    config.api.event_streams_max = arguments.event_streams_max;
    let Compile { memory_bytes, cpu_seconds, wall_ms } = arguments.compile;
    config.plugin.compile = CompileLimits { memory_bytes, cpu_seconds, wall_ms, ..config.plugin.compile };
    let InFlight { max, healthy_only, slow_ms } = arguments.in_flight;
    config.deliver = deliver::Options { in_flight_max: max, in_flight_healthy_only: healthy_only, slow_ms, ..config.deliver };
    config.plugin.component_bytes_max = arguments.component_bytes_max;
    config.plugin.compiler = Some(this_program()?);
    arguments.keep.set(&mut config);
    let listener = listen(arguments.listen).with_context(|| format!("cannot listen on {}", arguments.listen))?;
    let address = listener.local_addr().context("cannot tell the address")?;
    tracing::info!(%address, data = %config.data.display(), "listening");
    let host = tokio::select! {
        opened = Host::open(config) => opened?,
        // Opening changes nothing that a kill at any moment of it would not leave whole; so nobody waits for its end.
        () = stop.clone().told() => {
            tracing::info!("stopped before it had started");
            return Ok(());
        }
    };
    if let Some(file) = host.new_admin_key() {
        tell_admin_key(&file)?;
    }
    host.serve(listener, stop.told()).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Connections that the kernel has taken and the host not yet: as many as may come in one burst. The system's own limit
/// (`net.core.somaxconn`) holds besides.
const LISTEN_BACKLOG: u32 = 4_096;

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    // As tokio and std do it, so that a restart finds the port free.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
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
    use clap::Parser;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        keep: Keep,
    }

    #[test]
    fn ports_are_one_or_a_range() {
        assert_eq!((ports("443"), ports("9000-9100")), (Ok(443..=443), Ok(9000..=9100)));
        for bad in ["", "0", "65536", "9100-9000", "80-", "web"] {
            assert!(ports(bad).is_err(), "{bad}");
        }
    }

    fn set(arguments: &[&str]) -> Config {
        let mut config = Config::at("data");
        Line::try_parse_from([&["serve"], arguments].concat()).expect("a command line").keep.set(&mut config);
        config
    }

    #[test]
    fn without_settings_the_defaults_are_those_of_the_parts() {
        let (told, parts) = (set(&[]), Config::at("data"));
        assert_eq!(format!("{:?}", told.retention), format!("{:?}", parts.retention));
        assert_eq!(told.journal.bytes_max, parts.journal.bytes_max);
        assert_eq!(told.journal.disk_reserve_bytes, parts.journal.disk_reserve_bytes);
    }

    #[test]
    fn settings_are_lengths_of_time_and_bytes() {
        let config =
            set(&["--retain", "12h", "--retain-dead", "2d", "--journal-bytes-max", "4000000000", "--disk-reserve-bytes", "0"]);
        assert_eq!((config.retention.settled_ms, config.retention.dead_ms), (43_200_000, 172_800_000));
        assert_eq!((config.journal.bytes_max, config.journal.disk_reserve_bytes), (Some(4_000_000_000), 0));
        let wrong =
            |arguments: &[&str]| Line::try_parse_from([&["serve"], arguments].concat()).err().expect("refused").to_string();
        assert!(wrong(&["--retain", "7"]).contains("write it as in"), "{}", wrong(&["--retain", "7"]));
        assert!(wrong(&["--journal-bytes-max", "4"]).contains("1048576"));
    }
}
