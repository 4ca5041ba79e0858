//! The accept loop: hyper's connection builder under a router, because `axum::serve` bounds neither headers nor connections.
//!
//! Each connection has a seat among [`Connections`], a task of its own from its first byte on, and an [`Activity`] that tells when it has
//! had its time. When the host stops, no connection is accepted any more, idle ones are closed and those with a request under way may finish it.

use std::{error::Error, io, net::IpAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use http::{Request, Response};
use hyper::{
    body::Incoming,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use prometheus_client::registry::Registry;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, watch},
    time::{Instant, sleep, timeout},
};

use super::{
    Current, Options,
    activity::Limits,
    begin::{Begun, begin},
    closed::{Closed, Endings},
    connections::{Connections, Seat},
    exchange::{Answer, Taken},
    forwarded,
    tls::{Tls, TlsError},
    wire::Wire,
};

/// Where requests come in.
pub struct Door {
    options: Current,
    tls: Option<Tls>,
    /// Whether this one looks after the certificates.
    keeps_tls: bool,
    connections: Arc<Connections>,
    endings: Endings,
}

impl Door {
    /// Reads the certificates, where there are to be any.
    pub fn open(options: Current, registry: &mut Registry) -> Result<Self, TlsError> {
        let at_start = options.load();
        let (tls, connections) = (Tls::open(&at_start, registry)?, Connections::new(&at_start, registry));
        drop(at_start);
        Ok(Self { options, tls, keeps_tls: true, connections, endings: Endings::new(registry) })
    }

    /// Another door with the same certificates and limits. Its connections are counted with those of this one but have places of their own, so
    /// that who crowds one door shuts nobody out of the other.
    #[must_use]
    pub fn another(&self) -> Self {
        Self {
            options: Arc::clone(&self.options),
            tls: self.tls.clone(),
            keeps_tls: false,
            connections: self.connections.another(),
            endings: self.endings.clone(),
        }
    }

    /// Serves until `shutdown` becomes true, and then until requests under way have been answered, or `drain_ms` are over.
    pub async fn serve(self, listener: TcpListener, router: Router, shutdown: watch::Receiver<bool>) {
        let serving = Arc::new(Serving { service: TowerToHyperService::new(router), door: self });
        let door = &serving.door;
        let mut reloading = pin!(reload(door.tls.as_ref().filter(|_| door.keeps_tls)));
        let mut stop = pin!(stopped(shutdown.clone()));
        loop {
            let accepted = tokio::select! {
                accepted = accept(&listener, &door.connections) => accepted,
                () = reloading.as_mut() => continue,
                () = &mut stop => break,
            };
            let Some((stream, from, place)) = accepted else { continue };
            let seat = door.connections.seat(place, Instant::now());
            let (serving, shutdown) = (Arc::clone(&serving), shutdown.clone());
            tokio::spawn(async move {
                let closed = serving.connection(stream, from, &seat, shutdown).await;
                serving.door.endings.count(closed);
            });
        }
        drop(listener);
        let drain_ms = door.options.load().drain_ms;
        if timeout(Duration::from_millis(drain_ms), door.connections.ended()).await.is_err() {
            tracing::warn!(drain_ms, "requests were still under way when the host stopped");
        }
    }
}

/// Ready when the host stops, or whoever would say so is gone.
async fn stopped(mut shutdown: watch::Receiver<bool>) {
    drop(shutdown.wait_for(|stop| *stop).await);
}

async fn reload(tls: Option<&Tls>) {
    match tls {
        Some(tls) => tls.keep_reloading().await,
        None => std::future::pending().await,
    }
}

/// The next connection, or `None` after a pause where the system has none to give (descriptors may have run out).
async fn accept(listener: &TcpListener, connections: &Connections) -> Option<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
    // First a connection, then a place: nobody makes room for one that has not come.
    let (stream, address) = match listener.accept().await {
        Ok(accepted) => accepted,
        Err(error) => return pause(&error).await,
    };
    let place = connections.place().await?;
    // Answers are small and should not wait for a full segment.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    Some((stream, address.ip(), place))
}

/// Accepting fails at once and again while descriptors are short; without a pause that would be a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

async fn pause<T>(error: &io::Error) -> Option<T> {
    tracing::warn!(%error, "no connection could be accepted");
    sleep(ACCEPT_PAUSE).await;
    None
}

/// What all connections have in common.
struct Serving {
    door: Door,
    service: TowerToHyperService<Router>,
}

impl Serving {
    /// Serves one connection to its end, and tells why that was.
    async fn connection(&self, stream: TcpStream, from: IpAddr, seat: &Seat, shutdown: watch::Receiver<bool>) -> Closed {
        // A connection keeps the settings that it began with.
        let options = Options::clone(&self.door.options.load());
        let limits = Limits::new(&options);
        let beginning = begin(stream, from, seat, self.door.tls.as_ref(), &options);
        let begun = tokio::select! {
            begun = beginning => begun,
            closed = seat.activity.overdue(&limits) => Err(closed),
            () = seat.has_to_leave() => Err(Closed::MadeRoom),
            () = stopped(shutdown.clone()) => Err(Closed::HostStops),
        };
        match begun {
            Ok(begun) => self.answer(begun, seat, &options, shutdown).await,
            Err(closed) => closed,
        }
    }

    /// Answers requests until there are no more, or the connection is overdue, or the host stops.
    async fn answer(&self, begun: Begun, seat: &Seat, options: &Options, shutdown: watch::Receiver<bool>) -> Closed {
        let Begun { stream, peer, https, http2 } = begun;
        let (activity, limits) = (&seat.activity, &Limits::new(options));
        activity.version_told(http2);
        let service = service_fn(|request: Request<Incoming>| {
            let (begun, activity) = (activity.request(), Arc::clone(activity));
            let request = refined(request.map(|body| Taken::new(body, Arc::clone(&activity))), options, peer, https);
            let answer = self.service.call(request);
            async move {
                let answer = answer.await;
                let busy = begun.answered();
                answer.map(|answer: Response<_>| answer.map(|body| Answer::new(body, busy, activity)))
            }
        });
        let wire = TokioIo::new(Wire::new(stream, Arc::clone(activity)));
        let builder = builder(options);
        let mut connection = pin!(builder.serve_connection_with_upgrades(wire, service));
        let closed = tokio::select! {
            ended = connection.as_mut() => return how(ended),
            () = seat.has_to_leave() => return Closed::MadeRoom,
            closed = activity.overdue(limits) => closed,
            () = stopped(shutdown) => Closed::HostStops,
        };
        if !matches!(closed, Closed::IdleTimeout | Closed::HostStops) {
            return closed;
        }
        connection.as_mut().graceful_shutdown();
        // Where no request comes any more, what is left is an answer that nobody reads.
        tokio::select! {
            ended = connection => if ended.is_ok() { closed } else { how(ended) },
            () = activity.quiet_for(limits.idle) => Closed::AnswerUnread,
        }
    }
}

/// With who sent it, and what this host was called by.
fn refined(mut request: Request<Taken>, options: &Options, peer: IpAddr, https: bool) -> Request<Taken> {
    let Options { trusted_proxies, forwarded_header, .. } = options;
    let (peer, origin) = forwarded::told(peer, https, request.headers(), trusted_proxies, *forwarded_header);
    if let Some(peer) = peer {
        request.extensions_mut().insert(peer);
    }
    request.extensions_mut().insert(origin);
    request
}

/// Why a connection ended that hyper saw the end of.
fn how(ended: Result<(), Box<dyn Error + Send + Sync>>) -> Closed {
    match ended {
        Ok(()) => Closed::Ended,
        Err(error) => {
            tracing::debug!(error, "connection ended early");
            Closed::of(&*error)
        }
    }
}

/// What one HTTP/2 stream may send before somebody reads it, and what all streams of a connection may: held outside of the budget of
/// bodies, so little.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
/// What is kept of answers that an HTTP/2 client does not read.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Streams that a client reset before they were looked at, and those that it made us reset by errors of its own; more of either ends
/// the connection.
const PENDING_RESETS_MAX: usize = 20;
const ERROR_RESETS_MAX: usize = 100;
/// hyper's least.
const HEAD_BYTES_MIN: usize = 8 * 1024;

/// The times of headers and of idleness are kept by [`Activity`](super::activity::Activity), not by hyper.
fn builder(options: &Options) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(options.header_bytes_max.max(HEAD_BYTES_MIN));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(options.header_bytes_max).unwrap_or(u32::MAX))
        .max_concurrent_streams(options.http2_streams_max)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX)
        .max_local_error_reset_streams(ERROR_RESETS_MAX)
        .keep_alive_interval(Duration::from_millis(options.http2_ping_ms));
    builder
}
