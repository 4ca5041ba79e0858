//! The way out: what connects to other machines, and the only part that names an HTTP client.
//!
//! Two clients, because two kinds of URL exist. [`Client`] sends to addresses that somebody wrote into a hub file: it looks the name up
//! itself, vets every address it finds (`address`), connects to a vetted one only, follows no redirect and uses no proxy but the
//! operator's, so that nothing on the inside of the operator's network can be reached through it. [`side_client`] is for the command line's own calls to a
//! Sluicebox that its user named; it vets nothing, and must not be given a URL that a tenant chose.

mod address;
mod certificate;
mod client;
mod connect;
mod dialer;
mod echo;
mod error;
mod oauth;
mod proxy;
mod resolver;
mod shown;
mod side;
mod target;
#[cfg(test)]
mod tests;
mod tls;

pub use certificate::not_after;
pub use client::{Bounds, Client, Response};
pub use error::{Class, SendError};
pub use oauth::{ClientAuthentication, ClientCredentials, Token, TokenSource};
pub use proxy::{Proxy, ProxyError};
pub use shown::shown_certificate_ends;
pub use side::{SideClient, SideRequest, SideResponse, side_client};
pub use target::{UrlError, check_url};
pub use tls::{Identity, Tls, TlsError};

use std::{net::SocketAddr, ops::RangeInclusive};

/// Settings of what goes out.
#[derive(Clone, Debug)]
pub struct Options {
    /// Networks opened beside the public internet.
    pub allow_networks: Vec<ipnet::IpNet>,
    /// Ports that may be connected to. Those below 1024 but the web's are closed, since what listens there speaks other protocols (SSH,
    /// SMTP), and some of it can be made to take a request for its own.
    pub allow_ports: Vec<RangeInclusive<u16>>,
    /// Name servers to ask instead of the system's resolver.
    pub dns_servers: Vec<SocketAddr>,
    /// What deliveries are tunnelled through.
    pub proxy: Option<Proxy>,
    /// From the first lookup to the end of the TLS handshake.
    pub connect_timeout_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allow_networks: Vec::new(),
            allow_ports: vec![80..=80, 443..=443, 1024..=u16::MAX],
            dns_servers: Vec::new(),
            proxy: None,
            connect_timeout_ms: 10_000,
        }
    }
}
