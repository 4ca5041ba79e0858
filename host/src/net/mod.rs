//! The way out: what connects to other machines, and the only part that names an HTTP client.
//!
//! Two clients, because two kinds of URL exist. [`Client`] sends to addresses that somebody wrote into a hub file: it looks the name up
//! itself, vets every address it finds (`address`), connects to a vetted one only, follows no redirect and uses no proxy, so that
//! nothing on the inside of the operator's network can be reached through it. [`side_client`] is for the command line's own calls to a
//! Sluicebox that its user named; it vets nothing, and must not be given a URL that a tenant chose.

mod address;
mod client;
mod dialer;
mod error;
mod resolver;
mod side;
mod tls;

pub use client::{Bounds, Client, Response};
pub use error::{Class, SendError};
pub use side::{SideClient, SideRequest, SideResponse, side_client};

/// Settings of what goes out.
#[derive(Clone, Debug)]
pub struct Options {
    /// Networks opened beside the public internet.
    pub allow_networks: Vec<ipnet::IpNet>,
    /// From the first lookup to the end of the TLS handshake.
    pub connect_timeout_ms: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { allow_networks: Vec::new(), connect_timeout_ms: 10_000 }
    }
}
