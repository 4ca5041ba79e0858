//! Settings of where deliveries may go.

use super::super::setting::{Setting, settings};

pub(super) const SETTINGS: &[Setting] = settings! { "network":
    /// Networks to deliver to although they are private or special, as in 127.0.0.0/8.
    allow_network: list(NETWORK) => config.net.allow_networks, live;
    /// Ports, or ranges as in 9000-9100, that may be delivered to; only these are open then.
    allow_port: list(PORT) => config.net.allow_ports, live;
    /// Name servers to ask, as in 192.0.2.53:53, instead of the system's resolver.
    dns_server: list(ADDRESS) => config.net.dns_servers, live;
    /// A proxy to deliver through: `http://host:port`, with `user:password@` before the host where it asks for them. Networks that `allow_network`
    /// opens are reached without it. No proxy is taken from HTTPS_PROXY and the like. Empty: none.
    proxy: optional_text(URL) => config.net.proxy, live, secret;
    /// How long a connection may take, from the first lookup to the end of the TLS handshake.
    connect_timeout_ms: number(MS, 1..) => config.net.connect_timeout_ms, live;
};
