//! Settings of what comes in: limits, TLS, proxies.

use super::super::setting::{Setting, settings};

pub(super) const SETTINGS: &[Setting] = settings! { "ingest":
    /// The URL that this host is called by: some providers sign it, and destinations confirm below it. Empty: as the request, or a trusted
    /// proxy, tells it.
    public_url: optional_text(URL) => config.ingest.public_url;
    /// Events that one request may bring: a batch of CloudEvents, or of what is published by the API.
    events_per_request_max: number(EVENTS, 1..) => config.ingest.events_per_request_max, live;
    /// The largest body of a call that publishes by the API.
    publish_bytes_max: number(BYTES, 1..) => config.ingest.publish_bytes_max, live;
    /// Connections held at once.
    connections_max: number(COUNT, 1..) => config.ingest.connections_max;
    /// Connections held at once from one address (of IPv6, from one /64); those of `trusted_proxies` are not counted.
    connections_per_address_max: number(COUNT, 0..) => config.ingest.connections_per_address_max;
    /// How long a connection may take to send its first byte, the TLS handshake included.
    first_byte_timeout_ms: number(MS, 1..) => config.ingest.first_byte_timeout_ms, live;
    /// How long the headers of a request may take, from their first byte.
    header_timeout_ms: number(MS, 1..) => config.ingest.header_timeout_ms, live;
    /// How long a connection may be without a request.
    idle_timeout_ms: number(MS, 1..) => config.ingest.idle_timeout_ms, live;
    /// How long a body may take.
    body_timeout_ms: number(MS, 1..) => config.ingest.body_timeout_ms, live;
    /// How long a body may be slower than `body_bytes_per_second_min`.
    body_grace_ms: number(MS) => config.ingest.body_grace_ms, live;
    /// What a body has to come to on average after `body_grace_ms`; 0: any.
    body_bytes_per_second_min: number(BYTES) => config.ingest.body_bytes_per_second_min, live;
    /// How long a request may take, from the end of its headers to its answer.
    request_timeout_ms: number(MS, 1..) => config.ingest.request_timeout_ms, live;
    /// How long a plugin may take to verify a request, from the last byte of its body; longer is answered with 503.
    verify_timeout_ms: number(MS, 1..) => config.ingest.verify_timeout_ms, live;
    /// How long the journal may take to store what was verified; longer is answered with 503.
    append_timeout_ms: number(MS, 1..) => config.ingest.append_timeout_ms, live;
    /// The size of all headers of a request; on HTTP/1.1 at least 8192.
    header_bytes_max: number(BYTES, 1..) => config.ingest.header_bytes_max, live;
    /// The bodies of all requests that are not stored yet.
    body_bytes_in_flight_max: number(BYTES, 1..) => config.ingest.body_bytes_in_flight_max;
    /// A compressed body may come to so many times its size.
    decode_ratio_max: number(TIMES, 1..) => config.ingest.decode_ratio_max, live;
    /// Requests that wait for the journal at once.
    append_backlog_max: number(COUNT, 0..) => config.ingest.append_backlog_max, live;
    /// Requests under way at once on one HTTP/2 connection.
    http2_streams_max: number(COUNT, 1..) => config.ingest.http2_streams_max, live;
    /// Requests that one HTTP/2 connection may call off, where they are more than half of its requests.
    http2_resets_max: number(COUNT, 0..) => config.ingest.http2_resets_max, live;
    /// How often an HTTP/2 connection is pinged, to find out whether somebody is there.
    http2_ping_ms: number(MS, 1..) => config.ingest.http2_ping_ms, live;
    /// A certificate in PEM, followed by those that lead to its root: with it TLS is spoken, and nothing else. There may be several, each with
    /// its key; by the name that a client asks for, or else the first is shown. Read again when the file changes.
    tls_cert: list(FILE) => process.tls_cert;
    /// The keys of the certificates, in PEM, in the same order.
    tls_key: list(FILE) => process.tls_key;
    /// How often the files of certificates are looked at.
    tls_poll_ms: number(MS, 1..) => config.ingest.tls_poll_ms;
    /// Networks, as in 10.0.0.0/8, whose connections begin with a header of the PROXY protocol (version 1 or 2), and have to.
    proxy_protocol_from: list(NETWORK) => config.ingest.proxy_protocol_from;
    /// Networks, as in 10.0.0.0/8, of proxies whose word is taken for who sent a request.
    trusted_proxies: list(NETWORK) => config.ingest.trusted_proxies;
    /// The header in which they say it: `x-forwarded-for` or `forwarded`. The other one is not looked at.
    forwarded_header: text(HEADER) => config.ingest.forwarded_header, live;
};
