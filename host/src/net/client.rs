//! The client of deliveries: one request out, one bounded response in.
//!
//! HTTP/1.1, or HTTP/2 where TLS negotiates it (ALPN). Connections are pooled by scheme, host and port; a pooled one was vetted when it was
//! made, and its other end cannot change. A request is written a second time only if the pool's connection had closed before a byte of it
//! was sent.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};

use super::{
    Options, SendError, Tls,
    dialer::{Dialer, InTime},
    echo::Credentials,
    tls,
};

/// Idle connections kept for one host, and for how long: as many as a destination may have deliveries under way, so that a busy one is not
/// connected to anew all the time.
const POOL_IDLE_PER_HOST_MAX: usize = 256;
const POOL_IDLE_MS: u64 = 30_000;

/// The head of a response, status line and headers together.
const RESPONSE_HEAD_BYTES_MAX: u32 = 64 * 1024;

/// An HTTP/2 connection carries many deliveries: one that died silently is found out by pings, not by all of them timing out.
const HTTP2_PING_INTERVAL_MS: u64 = 20_000;

/// Bounds of one request.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// From the first lookup to the end of the response's head, and of its body as far as it is kept.
    pub timeout_ms: u64,
    /// What is kept of the response's body; reading stops there.
    pub response_bytes_max: usize,
}

/// A response, its body cut at the bounds, or where it broke off: the status is what decides, and it is there. What it repeats of the request's
/// credentials is taken out.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: http::StatusCode,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The first bytes, as many as came.
    pub body: Bytes,
}

/// The client of deliveries: it connects to vetted addresses only, follows no redirect, and uses no proxy but the
/// operator's. Clones share its connections.
#[derive(Clone)]
pub struct Client {
    /// How is dialled now, of all clients that were made of one.
    dialling: Arc<ArcSwap<Dialling>>,
    pool: Arc<ArcSwap<Pool>>,
    tls: Arc<ClientConfig>,
}

/// How is dialled while some settings are in force.
#[derive(Debug)]
struct Dialling {
    dialer: Dialer,
    connect_timeout_ms: u64,
}

/// Connections that were dialled in one way. Other settings make a new pool: a network that was closed is not reached by a connection from
/// before.
#[derive(Clone)]
struct Pool {
    connections: legacy::Client<InTime<HttpsConnector<Dialer>>, Full<Bytes>>,
    dialling: Arc<Dialling>,
}

impl Client {
    /// A client that dials by these settings.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        Self::speaking(tls::client_config(), Arc::new(ArcSwap::from_pointee(Dialling::new(options))))
    }

    /// Dials by these settings from now on, like all clients that were made of this one; requests under way end as they began.
    pub fn set(&self, options: &Options) {
        self.dialling.store(Arc::new(Dialling::new(options)));
    }

    /// Why nothing is sent to this URL by the settings in force, where that can be told without looking its name up.
    #[must_use]
    pub fn closed(&self, url: &http::Uri) -> Option<String> {
        self.dialling.load().dialer.closed(url)
    }

    /// A client that dials by the same settings and speaks TLS as one destination wants it. Its connections are its own: none is shared
    /// with who presents another certificate, or none.
    #[must_use]
    pub fn with_tls(&self, tls: &Tls) -> Self {
        Self::speaking(tls.config(), Arc::clone(&self.dialling))
    }

    fn speaking(tls: ClientConfig, dialling: Arc<ArcSwap<Dialling>>) -> Self {
        let pool = Arc::new(ArcSwap::from_pointee(Pool::new(&tls, dialling.load_full())));
        Self { dialling, pool, tls: Arc::new(tls) }
    }

    /// The connections that may be used now.
    fn pool(&self) -> Arc<Pool> {
        let (pool, dialling) = (self.pool.load_full(), self.dialling.load_full());
        if Arc::ptr_eq(&pool.dialling, &dialling) {
            return pool;
        }
        // Where two come here at once, one pool serves a few requests and goes.
        let fresh = Arc::new(Pool::new(&self.tls, dialling));
        self.pool.store(Arc::clone(&fresh));
        fresh
    }

    /// Sends a request, whose URI is absolute, and reads the response up to the bounds.
    ///
    /// # Errors
    ///
    /// Where there is no head of a response within the time; a response of any status is none.
    pub async fn send(&self, request: http::Request<Bytes>, bounds: Bounds) -> Result<Response, SendError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let deadline = Instant::now() + Duration::from_millis(bounds.timeout_ms);
        let credentials = Credentials::of(request.headers());
        let sent = timeout_at(deadline, self.pool().connections.request(request.map(Full::new))).await;
        let sent = sent.map_err(|_| SendError::timed_out(&host, bounds.timeout_ms))?;
        let (mut head, body) = sent.map_err(|error| SendError::before_response(&host, error))?.into_parts();
        let body = credentials.out_of(read_until(deadline, body, bounds.response_bytes_max, &host).await);
        credentials.out_of_headers(&mut head.headers);
        Ok(Response { status: head.status, headers: head.headers, body })
    }
}

impl Dialling {
    fn new(options: &Options) -> Self {
        Self { dialer: Dialer::new(options), connect_timeout_ms: options.connect_timeout_ms }
    }
}

impl Pool {
    fn new(tls: &ClientConfig, dialling: Arc<Dialling>) -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls.clone())
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(dialling.dialer.clone());
        let connections = legacy::Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_max_idle_per_host(POOL_IDLE_PER_HOST_MAX)
            .pool_idle_timeout(Duration::from_millis(POOL_IDLE_MS))
            .http1_max_buf_size(RESPONSE_HEAD_BYTES_MAX as usize)
            .http2_max_header_list_size(RESPONSE_HEAD_BYTES_MAX)
            .http2_keep_alive_interval(Duration::from_millis(HTTP2_PING_INTERVAL_MS))
            .build(InTime { connector, timeout_ms: dialling.connect_timeout_ms });
        Self { connections, dialling }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("dialling", &self.dialling).finish_non_exhaustive()
    }
}

/// Reads until `bytes_max` are there, the body ends or breaks off, or its time is over. What follows is never read: dropping the rest
/// closes the connection.
async fn read_until(deadline: Instant, mut body: Incoming, bytes_max: usize, host: &str) -> Bytes {
    let mut kept = BytesMut::new();
    while kept.len() < bytes_max {
        match timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => {
                let data = frame.into_data().unwrap_or_default();
                kept.extend_from_slice(&data[..data.len().min(bytes_max - kept.len())]);
            }
            Ok(None) => break,
            Ok(Some(Err(error))) => {
                tracing::debug!(host, error = &error as &dyn Error, "the body of a response broke off");
                break;
            }
            Err(_) => {
                tracing::debug!(host, "the body of a response took too long");
                break;
            }
        }
    }
    kept.freeze()
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;
    use crate::net::{Class, tests::name_server::NameServer};

    const BOUNDS: Bounds = Bounds { timeout_ms: 10_000, response_bytes_max: 100 };

    fn options() -> Options {
        Options { allow_networks: vec!["127.0.0.0/8".parse().expect("a network")], ..Options::default() }
    }

    /// A server that reads one request's first bytes, answers with `answer`, and then, if `silent`, keeps the connection open.
    async fn server(answer: Vec<u8>, silent: bool) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            stream.read_u8().await.expect("a request begins");
            // The client may have closed by now, which is what one test is about.
            let _ = stream.write_all(&answer).await;
            if silent {
                std::future::pending::<()>().await;
            }
        });
        address
    }

    async fn send(url: String, bounds: Bounds) -> Result<Response, SendError> {
        send_by(&options(), url, bounds).await
    }

    async fn send_by(options: &Options, url: String, bounds: Bounds) -> Result<Response, SendError> {
        Client::new(options).send(http::Request::post(url).body(Bytes::from_static(b"hello")).expect("a request"), bounds).await
    }

    async fn failure(url: String, bounds: Bounds) -> Class {
        send(url, bounds).await.expect_err("it fails").class
    }

    #[tokio::test]
    async fn a_response_comes_back_whatever_its_status() {
        let address = server(b"HTTP/1.1 503 No\r\ncontent-length: 4\r\nretry-after: 7\r\n\r\nbusy".to_vec(), true).await;
        let response = send(format!("http://{address}/x"), BOUNDS).await.expect("a response");
        assert_eq!((response.status.as_u16(), response.body.as_ref()), (503, b"busy".as_slice()));
        assert_eq!(response.headers["retry-after"], "7");
    }

    #[tokio::test]
    async fn what_is_closed_is_not_reached_by_a_connection_from_before() {
        let address = server(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec(), true).await;
        let client = Client::new(&options());
        // As `with_tls` makes one: with connections of its own.
        let another = Client::speaking(tls::client_config(), Arc::clone(&client.dialling));
        let ask = async |client: &Client| {
            let request = http::Request::post(format!("http://{address}/")).body(Bytes::new()).expect("a request");
            client.send(request, BOUNDS).await.map_err(|error| error.class)
        };
        assert!(ask(&client).await.is_ok());
        client.set(&Options::default());
        assert_eq!(ask(&client).await.err(), Some(Class::Forbidden));
        assert_eq!(ask(&another).await.err(), Some(Class::Forbidden));
    }

    #[tokio::test]
    async fn a_redirect_is_a_response_like_any_other() {
        let address = server(b"HTTP/1.1 302 Go\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\n\r\n".to_vec(), true).await;
        assert_eq!(send(format!("http://{address}/"), BOUNDS).await.expect("a response").status, 302);
    }

    #[tokio::test]
    async fn reading_stops_at_the_bound_though_the_body_never_ends() {
        let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        answer.extend([b'x'; 5000]);
        let address = server(answer, true).await;
        let response = send(format!("http://{address}/"), BOUNDS).await.expect("it does not wait for the end");
        assert_eq!(response.body.as_ref(), [b'x'; 100]);
    }

    #[tokio::test]
    async fn silence_is_a_timeout() {
        let address = server(Vec::new(), true).await;
        let bounds = Bounds { timeout_ms: 50, ..BOUNDS };
        assert_eq!(failure(format!("http://{address}/"), bounds).await, Class::Timeout);
    }

    #[tokio::test]
    async fn what_is_no_http_and_what_breaks_off_are_told_from_the_rest() {
        for answer in ["SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-"] {
            let address = server(answer.into(), false).await;
            assert_eq!(failure(format!("http://{address}/"), BOUNDS).await, Class::Protocol, "{answer}");
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_or_is_slow_does_not_undo_its_status() {
        for (silent, bounds) in [(false, BOUNDS), (true, Bounds { timeout_ms: 500, ..BOUNDS })] {
            let address = server(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf".to_vec(), silent).await;
            let response = send(format!("http://{address}/"), bounds).await.expect("there is a status");
            assert_eq!((response.status.as_u16(), response.body.as_ref()), (200, b"half".as_slice()), "silent: {silent}");
        }
    }

    #[tokio::test]
    async fn a_failed_handshake_is_of_tls() {
        let address = server(b"HTTP/1.1 400 No TLS here\r\n\r\n".to_vec(), false).await;
        assert_eq!(failure(format!("https://{address}/"), BOUNDS).await, Class::Tls);
    }

    #[tokio::test]
    async fn the_dialers_failures_keep_their_class() {
        let closed = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("it is bound");
        assert_eq!(failure(format!("http://{closed}/"), BOUNDS).await, Class::Connect);
        // It knows the name, and no address of it.
        let server = NameServer::start(|_| Vec::new()).await;
        let options = Options { dns_servers: vec![server.address], ..options() };
        let error = send_by(&options, "http://unknown.example/".into(), BOUNDS).await.expect_err("there is no address");
        assert_eq!((error.class, server.asked() > 0), (Class::Dns, true), "{error}");
        let error = send("https://10.0.0.1/secret".into(), BOUNDS).await.expect_err("a private address");
        assert_eq!(error.class, Class::Forbidden);
        assert!(error.message.contains("allow_networks") && !error.message.contains("secret"), "{error}");
    }

    #[tokio::test]
    async fn a_handshake_that_never_ends_is_a_timeout_of_the_connection() {
        let address = server(Vec::new(), true).await;
        let options = Options { connect_timeout_ms: 50, ..options() };
        let error = send_by(&options, format!("https://{address}/"), BOUNDS).await.expect_err("nobody answers");
        assert_eq!(error.class, Class::Timeout);
    }
}
