//! How a connection begins: who is at its other end, TLS, and the version of HTTP.

use std::{io, net::IpAddr};

use tokio::{io::AsyncRead, net::TcpStream};

use super::{
    Options,
    closed::Closed,
    connections::Seat,
    forwarded::within,
    proxy_protocol::{self, Told},
    rewound::Rewound,
    tls::Tls,
    wire::Stream,
};

/// What an HTTP/2 connection begins with (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection whose first request is about to come.
pub(super) struct Begun {
    pub(super) stream: Box<dyn Stream>,
    /// Who opened it, or who a balancer says it was.
    pub(super) peer: IpAddr,
    pub(super) https: bool,
    pub(super) http2: bool,
}

/// Takes a connection to where its first request begins. It has no end of time of its own.
pub(super) async fn begin(
    stream: TcpStream,
    from: IpAddr,
    seat: &Seat,
    tls: Option<&Tls>,
    options: &Options,
) -> Result<Begun, Closed> {
    let mut stream = Rewound::new(stream);
    let mut peer = from;
    if within(&options.proxy_protocol_from, from) {
        peer = source(&mut stream).await?.unwrap_or(from);
    }
    if !seat.count(peer) {
        return Err(Closed::PerAddress);
    }
    let Some(tls) = tls else {
        let http2 = is_http2(&mut stream).await?;
        return Ok(Begun { stream: Box::new(stream), peer, https: false, http2 });
    };
    let mut stream = Rewound::new(tls.accept(stream).await.map_err(|error| {
        tracing::debug!(%peer, %error, "no TLS handshake");
        Closed::Tls
    })?);
    let http2 = is_http2(&mut stream).await?;
    Ok(Begun { stream: Box::new(stream), peer, https: true, http2 })
}

/// Whom a balancer has opened the connection for.
async fn source<S: AsyncRead + Unpin>(stream: &mut Rewound<S>) -> Result<Option<IpAddr>, Closed> {
    loop {
        match proxy_protocol::read(stream.seen()) {
            Told::Header(bytes, source) => {
                stream.skip(bytes);
                return Ok(source);
            }
            Told::Wrong => return Err(Closed::ProxyProtocol),
            Told::More => more(stream).await?,
        }
    }
}

/// Whether HTTP/2 begins here.
async fn is_http2<S: AsyncRead + Unpin>(stream: &mut Rewound<S>) -> Result<bool, Closed> {
    loop {
        let seen = stream.seen();
        if seen.iter().zip(PREFACE).any(|(seen, preface)| seen != preface) {
            return Ok(false);
        }
        if seen.len() >= PREFACE.len() {
            return Ok(true);
        }
        more(stream).await?;
    }
}

async fn more<S: AsyncRead + Unpin>(stream: &mut Rewound<S>) -> Result<(), Closed> {
    let told = |error: io::Error| {
        tracing::debug!(%error, "a connection broke before it began");
        Closed::Broken
    };
    if stream.look().await.map_err(told)? { Ok(()) } else { Err(Closed::Ended) }
}
