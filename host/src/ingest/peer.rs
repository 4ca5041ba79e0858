//! Who is at the other end of a request, and what it was called by: extensions of each request.

use std::net::IpAddr;

/// The sender's address: that of the connection, or what the PROXY protocol or a trusted proxy tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// What the sender called this host by, as far as the request's `Host` does not say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// By `https`.
    pub(super) https: bool,
    /// By this name, which a trusted proxy tells.
    pub(super) host: Option<String>,
}
