//! The accept loop: hyper's connection builder under a router, because `axum::serve` bounds neither headers nor connections.
//!
//! A connection holds a permit, so the number of connections is bounded; further ones wait in the kernel's queue. When the host
//! stops, no connection is accepted any more, idle ones are closed and those with a request under way may finish it.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};

use super::Options;

/// Serves until `shutdown` becomes true, and then until requests under way have been answered, or `drain_ms` are over.
pub async fn serve(listener: TcpListener, router: Router, options: &Options, mut shutdown: watch::Receiver<bool>) {
    let builder = builder(options);
    let service = TowerToHyperService::new(router);
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(options.connections_max));
    let mut stopped = pin!(shutdown.wait_for(|stop| *stop));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &permits) => accepted,
            _ = &mut stopped => break,
        };
        let Some((stream, permit)) = accepted else { continue };
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service.clone()).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "connection ended early");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(Duration::from_millis(options.drain_ms), graceful.shutdown()).await.is_err() {
        tracing::warn!(drain_ms = options.drain_ms, "requests were still under way when the host stopped");
    }
}

type Permit = tokio::sync::OwnedSemaphorePermit;

/// The next connection, or `None` after a pause where the system has none to give (descriptors may have run out).
async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> Option<(TcpStream, Permit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Answers are small and should not wait for a full segment.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "no TCP_NODELAY");
            }
            Some((stream, permit))
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
        .max_concurrent_streams(128)
        .keep_alive_interval(Duration::from_millis(options.header_timeout_ms));
    builder
}
