//! `sluicebox serve`: runs a host until it is told to stop.

use std::{
    env,
    io::IsTerminal,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use tokio::net::{TcpListener, TcpSocket};
use tracing_subscriber::{prelude::*, reload};

use super::{
    core_dumps, descriptors, main_key, observed,
    reload::{Hangups, Reloads},
    service_manager,
    settings::Flags,
    stop::Stop,
};
use crate::{Host, Listeners};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    flags: Flags,
    #[arg(skip)]
    environment: main_key::Environment,
}

impl Arguments {
    /// Takes what is secret out of this process's environment. Before any thread is started.
    pub(super) fn take_environment(&mut self) {
        self.environment.take();
    }
}

pub(super) async fn run(Arguments { flags, environment }: Arguments) -> anyhow::Result<()> {
    let (given, mut settings) = flags.read()?;
    observed::from_opentelemetry(&mut settings, &given, |name| env::var(name).ok())?;
    let (filter, log) = reload::Layer::new(settings.process.log.filter());
    tracing_subscriber::registry().with(filter).with(observed::lines(settings.process.log_format)).init();
    core_dumps::forbid();
    #[cfg(debug_assertions)]
    crate::failpoint::arm(env::var(crate::failpoint::VARIABLE).ok().as_deref())?;
    // Before anything is opened, so that an early signal ends the host in order as well.
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    let hangups = Hangups::listen().context("cannot listen for SIGHUP")?;
    let mut config = settings.refined();
    config.main_key = environment.options(&given, &settings.process);
    descriptors::raise(config.ingest.connections_max);
    config.plugin.compiler = Some(this_program()?);
    if let Some(file) = flags.file() {
        tracing::info!(file = %file.display(), "settings");
    }
    let senders = listen(settings.process.listen)?;
    let operators = settings.process.admin_listen.map(listen).transpose()?;
    tracing::info!(address = %senders.local_addr()?, data = %config.data.display(), "listening");
    if let Some(operators) = &operators {
        tracing::info!(address = %operators.local_addr()?, "listening for operators alone");
    }
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
    tokio::spawn(Reloads { flags, given, host: host.reloader(), log }.on(hangups));
    service_manager::ready();
    let told = async {
        stop.told().await;
        service_manager::stopping();
    };
    host.serve(Listeners { senders, operators }, told).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Connections that the kernel has taken and the host not yet: as many as may come in one burst. The system's own limit
/// (`net.core.somaxconn`) holds besides.
const LISTEN_BACKLOG: u32 = 4_096;

fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let socket = if address.is_ipv6() { TcpSocket::new_v6() } else { TcpSocket::new_v4() }?;
    // As tokio and std do it, so that a restart finds the port free.
    socket.set_reuseaddr(true)?;
    let bound = socket.bind(address).and_then(|()| socket.listen(LISTEN_BACKLOG));
    bound.with_context(|| format!("cannot listen on {address}"))
}

/// Shows the new admin key to the person who started the host, this once; where nobody watches, only where it is: logs hold no secrets.
fn tell_admin_key(file: &Path) -> anyhow::Result<()> {
    if std::io::stdout().is_terminal() {
        let key = std::fs::read_to_string(file).context("the new admin key")?;
        outln!("admin key, shown this once: {}", key.trim());
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
