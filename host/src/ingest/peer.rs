//! Who is at the other end of a request's connection: an extension of each request.

use std::net::IpAddr;

/// The sender's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer(pub(super) IpAddr);
