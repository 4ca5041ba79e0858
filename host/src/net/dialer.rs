//! The dialer: from a URL to a TCP connection whose other end has been vetted.
//!
//! Looking up and connecting are one step here, so that no second lookup can answer otherwise in between (DNS rebinding). One forbidden
//! address among those of a name refuses the name as a whole: a name that points inside and outside is either a mistake or an attack.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio::{net::TcpStream, time::timeout};
use tower_service::Service;

use super::{
    Options, UrlError,
    address::{Refused, vet},
    connect::{Connect, Connected, Direct, Proxied},
    resolver::Resolver,
    target::{Host, Target, target},
};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type BoxFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// How many of a name's addresses are tried; they share the connect timeout evenly, so that a dead one leaves time for the next.
const ADDRESSES_TRIED_MAX: usize = 4;

/// Why there is no connection. [`super::error`] finds it in the client's error by its type.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    /// The URL cannot be dialled.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The port is closed.
    #[error("port {0} is closed to deliveries; if it is meant, name it in `allow_ports` (`--allow-port`)")]
    Port(u16),
    /// The name did not resolve.
    #[error("`{host}` did not resolve")]
    Lookup { host: String, source: Arc<io::Error> },
    /// It resolved to nothing.
    #[error("`{host}` has no address")]
    NoAddress { host: String },
    /// An address of it is closed.
    #[error("`{host}` is refused")]
    Forbidden { host: String, source: Refused },
    /// No address of it answered; the source is the last one's.
    #[error("no connection to {address}")]
    Connect { address: SocketAddr, source: io::Error },
    /// Lookup, connection and TLS together took too long.
    #[error("no connection to `{host}` within {timeout_ms} ms")]
    TimedOut { host: String, timeout_ms: u64 },
}

/// Connects to vetted addresses only.
#[derive(Clone, Debug)]
pub(super) struct Dialer {
    resolver: Resolver,
    connect: Arc<dyn Connect>,
    networks: Arc<[IpNet]>,
    ports: Arc<[RangeInclusive<u16>]>,
    timeout: Duration,
}

impl Dialer {
    pub(super) fn new(options: &Options) -> Self {
        let connect: Arc<dyn Connect> = match &options.proxy {
            Some(proxy) => Arc::new(Proxied::new(proxy, &options.allow_networks)),
            None => Arc::new(Direct),
        };
        Self::through(connect, options)
    }

    /// A dialer whose connections are made by `connect`.
    pub(super) fn through(connect: Arc<dyn Connect>, options: &Options) -> Self {
        Self {
            resolver: Resolver::new(&options.dns_servers),
            connect,
            networks: options.allow_networks.as_slice().into(),
            ports: options.allow_ports.as_slice().into(),
            timeout: Duration::from_millis(options.connect_timeout_ms),
        }
    }

    pub(super) async fn dial(self, uri: Uri) -> Result<TcpStream, DialError> {
        let Target { host, port } = target(&uri)?;
        if !self.ports.iter().any(|range| range.contains(&port)) {
            return Err(DialError::Port(port));
        }
        let (host, addresses) = match host {
            Host::Address(address) => (address.to_string(), Arc::from([address])),
            Host::Name(name) => {
                let found = self.resolver.lookup(name).await;
                (name.to_owned(), found.map_err(|source| DialError::Lookup { host: name.to_owned(), source })?)
            }
        };
        for &address in addresses.iter() {
            self.vet(&host, address)?;
        }
        self.connect(&host, &addresses, port).await
    }

    /// Why a URL is not dialled, where it names an address, a port that is closed, or this machine.
    pub(super) fn closed(&self, uri: &Uri) -> Option<String> {
        let Target { host, port } = target(uri).ok()?;
        if !self.ports.iter().any(|range| range.contains(&port)) {
            return Some(DialError::Port(port).to_string());
        }
        let address = match host {
            Host::Address(address) => address,
            // RFC 6761, section 6.3.
            Host::Name(name) if name == "localhost" || name.ends_with(".localhost") => Ipv4Addr::LOCALHOST.into(),
            Host::Name(_) => return None,
        };
        vet(address, &self.networks).err().map(|refused| refused.to_string())
    }

    fn vet(&self, host: &str, address: IpAddr) -> Result<(), DialError> {
        vet(address, &self.networks).map_err(|source| DialError::Forbidden { host: host.to_owned(), source })
    }

    /// Connects to the first of the vetted `addresses` that answers.
    async fn connect(&self, host: &str, addresses: &[IpAddr], port: u16) -> Result<TcpStream, DialError> {
        let tried = &addresses[..addresses.len().min(ADDRESSES_TRIED_MAX)];
        let mut failure = DialError::NoAddress { host: host.to_owned() };
        for &ip in tried {
            let address = SocketAddr::new(ip, port);
            let share = self.timeout / u32::try_from(tried.len()).unwrap_or(1);
            match timeout(share, self.connect.connect(address)).await {
                Ok(Ok(connected)) => return self.checked(host, address, connected),
                Ok(Err(source)) => failure = DialError::Connect { address, source },
                Err(_) => failure = DialError::Connect { address, source: io::ErrorKind::TimedOut.into() },
            }
        }
        Err(failure)
    }

    /// Makes sure that the other end is what was dialled: some addresses stand for others (`0.0.0.0` for loopback).
    fn checked(&self, host: &str, address: SocketAddr, connected: Connected) -> Result<TcpStream, DialError> {
        let Connected { stream, peer } = connected;
        if let Some(peer) = peer {
            self.vet(host, peer)?;
        }
        // Requests are written whole; waiting to fill a packet only delays them.
        stream.set_nodelay(true).map_err(|source| DialError::Connect { address, source })?;
        Ok(stream)
    }
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = DialError;
    type Future = BoxFuture<Self::Response, DialError>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let dialer = self.clone();
        Box::pin(async move { dialer.dial(uri).await.map(TokioIo::new) })
    }
}

/// A connector that has to be done in time. Around the TLS connector, since a peer can also fall silent within the handshake, and the
/// client's pool finishes a handshake that nobody waits for any more.
#[derive(Clone, Debug)]
pub(super) struct InTime<C> {
    pub(super) connector: C,
    pub(super) timeout_ms: u64,
}

impl<C> Service<Uri> for InTime<C>
where
    C: Service<Uri>,
    C::Error: Into<BoxError>,
    C::Response: 'static,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = BoxFuture<C::Response, BoxError>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.connector.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let timeout_ms = self.timeout_ms;
        let host = uri.host().unwrap_or_default().to_owned();
        let connecting = self.connector.call(uri);
        Box::pin(async move {
            match timeout(Duration::from_millis(timeout_ms), connecting).await {
                Ok(connected) => connected.map_err(Into::into),
                Err(_) => Err(DialError::TimedOut { host, timeout_ms }.into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    fn dialer(allowed: &[&str]) -> Dialer {
        let allow_networks = allowed.iter().map(|net| net.parse().expect("a network")).collect();
        Dialer::new(&Options { allow_networks, ..Options::default() })
    }

    async fn dial(dialer: Dialer, url: &str) -> Result<TcpStream, DialError> {
        dialer.dial(url.parse().expect("a URL")).await
    }

    #[tokio::test]
    async fn the_inside_is_refused() {
        for url in [
            "http://127.0.0.1/",
            "http://0.0.0.0/",
            "http://[::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::ffff:7f00:1]/",
            "http://localhost/",
            "http://169.254.169.254/latest/meta-data",
        ] {
            let refused = dial(dialer(&[]), url).await;
            assert!(matches!(refused, Err(DialError::Forbidden { .. })), "{url}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn a_user_name_is_refused_before_anything_is_looked_up() {
        let refused = dial(dialer(&[]), "http://example.com@127.0.0.1/").await;
        assert!(matches!(refused, Err(DialError::Url(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn an_allowed_network_is_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let stream = dial(dialer(&["127.0.0.0/8"]), &format!("http://{address}/")).await.expect("loopback is allowed");
        assert_eq!(stream.peer_addr().expect("it is connected"), address);
    }

    #[tokio::test]
    async fn a_port_that_is_not_of_the_web_is_closed() {
        for url in ["http://9.9.9.9:22/", "https://9.9.9.9:25/", "http://9.9.9.9:1023/"] {
            let refused = dial(dialer(&[]), url).await;
            assert!(matches!(refused, Err(DialError::Port(_))), "{url}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn the_other_end_is_vetted_once_more() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let elsewhere = Elsewhere(listener.local_addr().expect("it is bound"));
        let refused = dial(Dialer::through(Arc::new(elsewhere), &Options::default()), "http://9.9.9.9/").await;
        assert!(matches!(refused, Err(DialError::Forbidden { .. })), "{refused:?}");
    }

    /// Whatever it is asked for, it connects to this.
    #[derive(Debug)]
    struct Elsewhere(SocketAddr);

    impl Connect for Elsewhere {
        fn connect(&self, _: SocketAddr) -> BoxFuture<Connected, io::Error> {
            Direct.connect(self.0)
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_a_failed_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        drop(listener);
        let failed = dial(dialer(&["127.0.0.0/8"]), &format!("http://{address}/")).await;
        assert!(matches!(failed, Err(DialError::Connect { .. })), "{failed:?}");
    }
}
