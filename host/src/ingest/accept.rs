//! The accept loop: hyper's connection builder under a router, because `axum::serve` bounds neither headers nor connections.
//!
//! A connection holds a permit, so the number of connections is bounded; further ones wait in the kernel's queue. None keeps it by doing
//! nothing: see `idle`. When the host stops, no connection is accepted any more, idle ones are closed and those with a request under way
//! may finish it.

use std::{error::Error, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use http::Request;
use hyper::{
    body::Incoming,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::timeout,
};

use super::{
    Options,
    idle::{UnderWay, version_is_told},
    peer::Peer,
};

/// Serves until `shutdown` becomes true, and then until requests under way have been answered, or `drain_ms` are over.
pub async fn serve(listener: TcpListener, router: Router, options: &Options, shutdown: watch::Receiver<bool>) {
    let connections_max = u32::try_from(options.connections_max).unwrap_or(u32::MAX);
    let permits = Arc::new(Semaphore::new(connections_max as usize));
    let door = Arc::new(Door::new(router, options));
    let mut stop = pin!(stopped(shutdown.clone()));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            () = &mut stop => break,
        };
        let Some((stream, peer, permit)) = accepted else { continue };
        let (door, shutdown) = (Arc::clone(&door), shutdown.clone());
        tokio::spawn(async move {
            if let Err(error) = door.serve(stream, peer, shutdown).await {
                tracing::debug!(error, "connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    // All permits are back when all connections have ended.
    if timeout(Duration::from_millis(options.drain_ms), permits.acquire_many(connections_max)).await.is_err() {
        tracing::warn!(drain_ms = options.drain_ms, "requests were still under way when the host stopped");
    }
}

/// Ready when the host stops, or whoever would say so is gone.
async fn stopped(mut shutdown: watch::Receiver<bool>) {
    drop(shutdown.wait_for(|stop| *stop).await);
}

/// What all connections have in common.
struct Door {
    builder: auto::Builder<TokioExecutor>,
    service: TowerToHyperService<Router>,
    header_timeout: Duration,
    idle_timeout: Duration,
}

impl Door {
    fn new(router: Router, options: &Options) -> Self {
        Self {
            builder: builder(options),
            service: TowerToHyperService::new(router),
            header_timeout: Duration::from_millis(options.header_timeout_ms),
            idle_timeout: Duration::from_millis(options.idle_timeout_ms),
        }
    }

    /// Serves one connection to its end.
    async fn serve(&self, stream: TcpStream, peer: Peer, shutdown: watch::Receiver<bool>) -> Result<(), Failed> {
        let told = tokio::select! {
            told = timeout(self.header_timeout, version_is_told(&stream)) => told??,
            () = stopped(shutdown.clone()) => false,
        };
        if told { self.answer(stream, peer, shutdown).await } else { Ok(()) }
    }

    /// Answers requests until there are no more, or the connection has been idle, or the host stops.
    async fn answer(&self, stream: TcpStream, peer: Peer, shutdown: watch::Receiver<bool>) -> Result<(), Failed> {
        let under_way = UnderWay::none();
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(under_way.clone());
            let (one, answer) = (under_way.one(), self.service.call(request));
            async move {
                let answer = answer.await;
                drop(one);
                answer
            }
        });
        let mut connection = pin!(self.builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = under_way.quiet_for(self.idle_timeout) => {}
            () = stopped(shutdown) => {}
        }
        connection.as_mut().graceful_shutdown();
        // Where no request comes any more, what is left is an answer that nobody reads.
        tokio::select! {
            ended = connection => ended,
            () = under_way.quiet_for(self.idle_timeout) => Err("the last answer was not read".into()),
        }
    }
}

/// Why a connection ended early, as hyper tells it.
type Failed = Box<dyn Error + Send + Sync>;

type Permit = tokio::sync::OwnedSemaphorePermit;

/// The next connection, or `None` after a pause where the system has none to give (descriptors may have run out).
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> Option<(TcpStream, Peer, Permit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => {
            // Answers are small and should not wait for a full segment.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "no TCP_NODELAY");
            }
            Some((stream, Peer(address.ip()), permit))
        }
        Err(error) => {
            tracing::warn!(%error, "no connection could be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// Accepting fails at once and again while descriptors are short; without a pause that would be a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

fn builder(options: &Options) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(options.header_timeout_ms))
        // hyper's least is 8 KiB.
        .max_buf_size(options.header_bytes_max.max(8 * 1024));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(options.header_bytes_max).unwrap_or(u32::MAX))
        .max_concurrent_streams(options.http2_streams_max)
        .keep_alive_interval(Duration::from_millis(options.header_timeout_ms));
    builder
}
