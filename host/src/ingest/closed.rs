//! Why connections end, counted.

use std::error::Error;

use prometheus_client::{encoding::EncodeLabelSet, metrics::counter::Counter, metrics::family::Family, registry::Registry};

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// As HTTP has it, by either side.
    Ended,
    /// Its first bytes did not come in time, or the TLS handshake or the PROXY protocol's header did not end in time.
    FirstByteTimeout,
    /// The headers of a request did not end in time.
    HeaderTimeout,
    /// It had no request for a while.
    IdleTimeout,
    /// Its last answer was not read.
    AnswerUnread,
    /// There were too many from its address.
    PerAddress,
    /// It waited for a request when there were too many in all.
    MadeRoom,
    /// It did not begin with a header of the PROXY protocol, where it had to.
    ProxyProtocol,
    /// The TLS handshake failed.
    Tls,
    /// It called off its requests, or otherwise made more work than a client does.
    ResetFlood,
    /// The headers of a request were too large.
    HeadersTooLarge,
    /// What came was no HTTP, or it broke off.
    Broken,
    /// The host stops.
    HostStops,
}

impl Closed {
    fn reason(self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::FirstByteTimeout => "first-byte-timeout",
            Self::HeaderTimeout => "header-timeout",
            Self::IdleTimeout => "idle-timeout",
            Self::AnswerUnread => "answer-unread",
            Self::PerAddress => "per-address",
            Self::MadeRoom => "made-room",
            Self::ProxyProtocol => "proxy-protocol",
            Self::Tls => "tls",
            Self::ResetFlood => "reset-flood",
            Self::HeadersTooLarge => "headers-too-large",
            Self::Broken => "broken",
            Self::HostStops => "host-stops",
        }
    }

    /// What hyper's error says.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large) {
                return Self::HeadersTooLarge;
            }
            // What h2 says to a client that exhausts one of its limits (RFC 9113, section 7).
            let reason = error.downcast_ref::<h2::Error>().and_then(h2::Error::reason);
            if reason == Some(h2::Reason::ENHANCE_YOUR_CALM) {
                return Self::ResetFlood;
            }
            next = error.source();
        }
        Self::Broken
    }
}

/// How many connections ended, by why.
#[derive(Clone, Debug)]
pub(super) struct Endings(Family<Labels, Counter>);

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    reason: &'static str,
}

impl Endings {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let family = Family::default();
        registry.register("sluicebox_ingest_connections_closed", "Connections that ended, by why", Family::clone(&family));
        Self(family)
    }

    pub(super) fn count(&self, closed: Closed) {
        self.0.get_or_create(&Labels { reason: closed.reason() }).inc();
    }
}
