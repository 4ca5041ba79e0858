//! Settings of what comes in.

use std::{path::PathBuf, sync::Arc};

use arc_swap::access::{Constant, DynAccess};
use ipnet::IpNet;

use super::forwarded::ForwardedHeader;

/// The settings of now. Most are found anew for each connection or request; those that something is made of at the start, as the places for
/// connections are, stay what they were then.
pub type Current = Arc<dyn DynAccess<Options> + Send + Sync>;

/// Settings of what comes in.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections held at once. For a further one, one that waits for a request is closed; where none does, it waits in the kernel's
    /// queue.
    pub connections_max: usize,
    /// Connections held at once from one address (of IPv6, from one /64); a further one is closed at once. Those of `trusted_proxies` are
    /// not counted.
    pub connections_per_address_max: usize,
    /// Requests under way at once on one HTTP/2 connection.
    pub http2_streams_max: u32,
    /// Requests that one HTTP/2 connection may call off before they are answered, where they are more than half of its requests.
    pub http2_resets_max: u32,
    /// From a connection's beginning to its first bytes; the PROXY protocol's header and the TLS handshake fall within it.
    pub first_byte_timeout_ms: u64,
    /// From the first bytes of a request to the end of its headers. On HTTP/2 of a connection's first request only; later ones fall under
    /// `idle_timeout_ms`.
    pub header_timeout_ms: u64,
    /// A connection without a request under way for so long is closed, whatever else it does. An answer that is not read by
    /// then has this time once more.
    pub idle_timeout_ms: u64,
    /// An HTTP/2 connection is pinged as often, to find out whether somebody is there.
    pub http2_ping_ms: u64,
    /// From the end of the headers to the last byte of the body.
    pub body_timeout_ms: u64,
    /// So long a body may be slower than `body_bytes_per_second_min`.
    pub body_grace_ms: u64,
    /// After the grace, what a body has to come to on average since the end of the headers.
    pub body_bytes_per_second_min: u64,
    /// From the end of the headers to the answer; longer is answered for with 503.
    pub request_timeout_ms: u64,
    /// The bodies of all requests that are not stored yet, by what has come of them: a share is at most twice that. Less than a source's
    /// largest body keeps that one out for good.
    pub body_bytes_in_flight_max: usize,
    /// A compressed body may come to so many times its size.
    pub decode_ratio_max: usize,
    /// Requests that wait for the journal at once; a further one is refused before its body is read.
    pub append_backlog_max: usize,
    /// Events of one request: a batch of CloudEvents, or of what is published.
    pub events_per_request_max: usize,
    /// The body of a call that publishes, whatever it holds.
    pub publish_bytes_max: usize,
    /// The size of all headers of a request.
    pub header_bytes_max: usize,
    /// From the last byte of the body until a plugin has verified the request, where one does; longer is answered for with 503.
    pub verify_timeout_ms: u64,
    /// From then to the answer; a journal that is slower is answered for with 503.
    pub append_timeout_ms: u64,
    /// How long requests under way may take to finish when the host stops.
    pub drain_ms: u64,
    /// `https://hooks.example.com`, as senders call this host; some schemes sign it. `None`: as the request, or a trusted proxy, tells it.
    pub public_url: Option<String>,
    /// The certificates that this host shows, the first where no other is for the name that a client asks for. None: no TLS.
    pub tls: Vec<CertificateFiles>,
    /// The files of certificates are looked at this often, and read again where they changed.
    pub tls_poll_ms: u64,
    /// Connections from these networks begin with a header of the PROXY protocol, and have to.
    pub proxy_protocol_from: Vec<IpNet>,
    /// What these networks tell of who sent a request is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The header they tell it in; what comes in any other is the sender's own word.
    pub forwarded_header: ForwardedHeader,
}

/// A certificate and its key, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, followed by those that lead to its root.
    pub certificate: PathBuf,
    /// Its key, not encrypted.
    pub key: PathBuf,
}

impl Options {
    /// These, whatever happens.
    #[must_use]
    pub fn fixed(self) -> Current {
        Arc::new(Constant(self))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            connections_per_address_max: 500,
            http2_streams_max: 128,
            http2_resets_max: 100,
            first_byte_timeout_ms: 5_000,
            header_timeout_ms: 5_000,
            idle_timeout_ms: 60_000,
            http2_ping_ms: 10_000,
            body_timeout_ms: 30_000,
            body_grace_ms: 5_000,
            body_bytes_per_second_min: 240,
            request_timeout_ms: 60_000,
            body_bytes_in_flight_max: 256 * 1024 * 1024,
            decode_ratio_max: 100,
            append_backlog_max: 20_000,
            events_per_request_max: 1_000,
            publish_bytes_max: 16 * 1024 * 1024,
            header_bytes_max: 32 * 1024,
            verify_timeout_ms: 10_000,
            append_timeout_ms: 10_000,
            drain_ms: 10_000,
            public_url: None,
            tls: Vec::new(),
            tls_poll_ms: 5_000,
            proxy_protocol_from: Vec::new(),
            trusted_proxies: Vec::new(),
            forwarded_header: ForwardedHeader::XForwardedFor,
        }
    }
}
