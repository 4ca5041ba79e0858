//! The connection itself: the one step that touches the network, behind a trait so that a test can see every address that is tried.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
};

use http::Uri;
use hyper_util::{
    client::legacy::connect::{HttpConnector, proxy::Tunnel},
    rt::TokioIo,
};
use ipnet::IpNet;
use tokio::net::TcpStream;
use tower_service::Service as _;

use super::{dialer::BoxFuture, proxy::Proxy};

/// Connects to an address that has been vetted.
pub(super) trait Connect: fmt::Debug + Send + Sync {
    fn connect(&self, address: SocketAddr) -> BoxFuture<Connected, io::Error>;
}

/// A connection, and what it ends at.
#[derive(Debug)]
pub(super) struct Connected {
    pub(super) stream: TcpStream,
    /// Where the stream itself ends at what was dialled, and not at a proxy: its other end, to be vetted once more.
    pub(super) peer: Option<IpAddr>,
}

/// Straight to the address.
#[derive(Debug)]
pub(super) struct Direct;

impl Connect for Direct {
    fn connect(&self, address: SocketAddr) -> BoxFuture<Connected, io::Error> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            let peer = Some(stream.peer_addr()?.ip());
            Ok(Connected { stream, peer })
        })
    }
}

/// Through a proxy (`CONNECT`, RFC 9110, section 9.3.6), which is told the vetted address, not the name: it cannot look up another one.
/// What the operator opened beside the public internet is near, and connected to directly.
#[derive(Debug)]
pub(super) struct Proxied {
    tunnel: Tunnel<HttpConnector>,
    near: Vec<IpNet>,
}

impl Proxied {
    pub(super) fn new(proxy: &Proxy, near: &[IpNet]) -> Self {
        let tunnel = Tunnel::new(proxy.url.clone(), HttpConnector::new());
        let tunnel = match &proxy.authorization {
            Some(authorization) => tunnel.with_auth(authorization.clone()),
            None => tunnel,
        };
        Self { tunnel, near: near.to_vec() }
    }
}

impl Connect for Proxied {
    fn connect(&self, address: SocketAddr) -> BoxFuture<Connected, io::Error> {
        if self.near.iter().any(|net| net.contains(&address.ip())) {
            return Direct.connect(address);
        }
        let mut tunnel = self.tunnel.clone();
        Box::pin(async move {
            let to: Uri = format!("http://{address}").parse().map_err(io::Error::other)?;
            let stream = tunnel.call(to).await.map_err(|error| io::Error::other(format!("the proxy: {error}")))?;
            Ok(Connected { stream: TokioIo::into_inner(stream), peer: None })
        })
    }
}
