//! What trusted proxies tell of a request: who sent it, and by what URL. Pure.
//!
//! Each proxy appends whom it got the request from, so the list is walked from its right end: what a trusted proxy wrote is believed, and the
//! first address that is no trusted proxy's is the sender. What stands left of it is the sender's own word, and worth nothing.

use std::{net::IpAddr, str::FromStr};

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

use super::peer::{Origin, Peer};

/// The header in which trusted proxies tell whom a request is from. One of them alone, because proxies pass the other on as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, with `X-Forwarded-Proto` and `X-Forwarded-Host`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl FromStr for ForwardedHeader {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        match text {
            "x-forwarded-for" => Ok(Self::XForwardedFor),
            "forwarded" => Ok(Self::Forwarded),
            _ => Err("write x-forwarded-for or forwarded"),
        }
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// One proxy's word.
#[derive(Debug, Default)]
struct Hop<'a> {
    from: Option<IpAddr>,
    proto: Option<&'a str>,
    host: Option<&'a str>,
}

/// Whether one of these networks has the address, which may be an IPv4 one written as IPv6.
pub(super) fn within(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

/// Who sent a request that came from `connected`, and what it was called by.
pub(super) fn told(
    connected: IpAddr,
    https: bool,
    headers: &HeaderMap,
    trusted: &[IpNet],
    by: ForwardedHeader,
) -> (Peer, Origin) {
    let (mut peer, mut origin) = (connected.to_canonical(), Origin { https, host: None });
    if !within(trusted, peer) {
        return (Peer(peer), origin);
    }
    let mut hops = match by {
        ForwardedHeader::Forwarded => forwarded(headers),
        ForwardedHeader::XForwardedFor => x_forwarded(headers),
    };
    while let Some(hop) = hops.pop().filter(|_| within(trusted, peer)) {
        if let Some(proto) = hop.proto {
            origin.https = proto.eq_ignore_ascii_case("https");
        }
        if let Some(host) = hop.host {
            origin.host = Some(host.to_owned());
        }
        // Who does not tell an address leaves us with the proxy's own.
        let Some(from) = hop.from else { break };
        peer = from.to_canonical();
    }
    (Peer(peer), origin)
}

/// The addresses of the list; scheme and name, of which there is one each, are what the nearest proxy says.
fn x_forwarded(headers: &HeaderMap) -> Vec<Hop<'_>> {
    let last = |name| list(headers, name).pop();
    let mut hops: Vec<Hop<'_>> =
        list(headers, &X_FORWARDED_FOR).into_iter().map(|text| Hop { from: address(text), ..Hop::default() }).collect();
    if hops.is_empty() {
        hops.push(Hop::default());
    }
    if let Some(nearest) = hops.last_mut() {
        (nearest.proto, nearest.host) = (last(&X_FORWARDED_PROTO), last(&X_FORWARDED_HOST));
    }
    hops
}

fn forwarded(headers: &HeaderMap) -> Vec<Hop<'_>> {
    list(headers, &header::FORWARDED).into_iter().map(element).collect()
}

/// `for=192.0.2.7;proto=https;host=example.com` (RFC 7239, section 4).
fn element(text: &str) -> Hop<'_> {
    let mut hop = Hop::default();
    for (name, value) in text.split(';').filter_map(|pair| pair.split_once('=')) {
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => hop.from = address(value),
            "proto" => hop.proto = Some(value),
            "host" => hop.host = Some(value),
            _ => {}
        }
    }
    hop
}

/// All values of a list header, in their order.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?"));
    lines.flat_map(|line| line.split(',')).map(str::trim).collect()
}

/// `192.0.2.7`, `192.0.2.7:4711`, `2001:db8::7`, `[2001:db8::7]:4711`.
fn address(text: &str) -> Option<IpAddr> {
    if let Some((inner, _port)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return inner.parse().ok();
    }
    text.parse().ok().or_else(|| text.rsplit_once(':')?.0.parse().ok())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const TRUSTED: [&str; 2] = ["10.0.0.0/8", "2001:db8:1::/48"];

    fn ask(connected: &str, by: ForwardedHeader, lines: &[(&'static str, &'static str)]) -> (String, Origin) {
        let trusted = TRUSTED.map(|network| network.parse().expect("a network"));
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let (Peer(peer), origin) = told(connected.parse().expect("an address"), false, &headers, &trusted, by);
        (peer.to_string(), origin)
    }

    fn peer(connected: &str, list: &'static str) -> String {
        ask(connected, ForwardedHeader::XForwardedFor, &[("x-forwarded-for", list)]).0
    }

    #[test]
    fn the_first_address_from_the_right_that_is_no_trusted_proxys_is_the_sender() {
        assert_eq!(peer("10.0.0.1", "192.0.2.7"), "192.0.2.7");
        assert_eq!(peer("10.0.0.1", "198.51.100.9, 192.0.2.7, 10.0.0.2"), "192.0.2.7");
        assert_eq!(peer("2001:db8:1::1", "2001:db8::7"), "2001:db8::7");
        assert_eq!(peer("::ffff:10.0.0.1", "::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(peer("10.0.0.1", "10.0.0.3, 10.0.0.2"), "10.0.0.3", "all are trusted: the first");
    }

    #[test]
    fn nobody_else_is_believed() {
        assert_eq!(peer("203.0.113.5", "192.0.2.7"), "203.0.113.5");
        let line = ("x-forwarded-for", "192.0.2.7");
        assert_eq!(ask("10.0.0.1", ForwardedHeader::Forwarded, &[line]).0, "10.0.0.1");
        let line = ("forwarded", "for=192.0.2.7");
        assert_eq!(ask("10.0.0.1", ForwardedHeader::XForwardedFor, &[line]).0, "10.0.0.1");
    }

    #[test]
    fn what_is_no_address_ends_the_walk() {
        assert_eq!(peer("10.0.0.1", "192.0.2.7, unknown, 10.0.0.2"), "10.0.0.2");
        assert_eq!(peer("10.0.0.1", ""), "10.0.0.1");
        assert_eq!(peer("10.0.0.1", "192.0.2.7,"), "10.0.0.1");
    }

    #[test]
    fn lines_are_one_list_and_ports_are_left_out() {
        let lines = [("x-forwarded-for", "198.51.100.9"), ("x-forwarded-for", "192.0.2.7:4711")];
        assert_eq!(ask("10.0.0.1", ForwardedHeader::XForwardedFor, &lines).0, "192.0.2.7");
        assert_eq!(peer("10.0.0.1", "[2001:db8::7]:4711"), "2001:db8::7");
    }

    #[test]
    fn the_standard_header_is_read_by_its_parameters() {
        let line = ("forwarded", "for=198.51.100.9, For=\"[2001:db8::7]:4711\";proto=https;host=hooks.example.com");
        let https = Origin { https: true, host: Some("hooks.example.com".to_owned()) };
        assert_eq!(ask("10.0.0.1", ForwardedHeader::Forwarded, &[line]), ("2001:db8::7".to_owned(), https));
        assert_eq!(ask("10.0.0.1", ForwardedHeader::Forwarded, &[("forwarded", "for=_hidden")]).0, "10.0.0.1");
    }

    #[test]
    fn scheme_and_name_are_what_the_nearest_proxy_says() {
        let lines = [("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "https"), ("x-forwarded-host", "hooks.example.com")];
        let (_, origin) = ask("10.0.0.1", ForwardedHeader::XForwardedFor, &lines);
        assert_eq!(origin, Origin { https: true, host: Some("hooks.example.com".to_owned()) });
        let (_, origin) = ask("203.0.113.5", ForwardedHeader::XForwardedFor, &lines);
        assert_eq!(origin, Origin::default());
    }
}
