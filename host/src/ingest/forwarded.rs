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
    /// `None`: it cannot be read.
    from: Option<IpAddr>,
    /// Its list of addresses is not there at all.
    is_silent: bool,
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
) -> (Option<Peer>, Origin) {
    let (mut peer, mut origin) = (Some(connected.to_canonical()), Origin { https, host: None });
    let is_trusted = |peer: Option<IpAddr>| peer.is_some_and(|peer| within(trusted, peer));
    let mut hops = match by {
        ForwardedHeader::Forwarded => forwarded(headers),
        ForwardedHeader::XForwardedFor => x_forwarded(headers),
    };
    while let Some(hop) = hops.pop().filter(|_| is_trusted(peer)) {
        if let Some(proto) = hop.proto {
            origin.https = proto.eq_ignore_ascii_case("https");
        }
        if let Some(host) = hop.host {
            origin.host = Some(host.to_owned());
        }
        // A proxy that tells nothing sends for itself. One whose word cannot be read sends for somebody, and nobody knows for whom.
        if hop.is_silent {
            break;
        }
        peer = hop.from.map(|from| from.to_canonical());
    }
    (peer.map(Peer), origin)
}

/// The addresses of the list; scheme and name, of which there is one each, are what the nearest proxy says.
fn x_forwarded(headers: &HeaderMap) -> Vec<Hop<'_>> {
    let last = |name| list(headers, name).pop();
    let mut hops: Vec<Hop<'_>> =
        list(headers, &X_FORWARDED_FOR).into_iter().map(|text| Hop { from: address(text), ..Hop::default() }).collect();
    if hops.is_empty() {
        hops.push(Hop { is_silent: true, ..Hop::default() });
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
    // Each by itself: what a sender wrote before must not make what a proxy wrote behind it unreadable.
    let entries = headers.get_all(name).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    entries.map(|entry| std::str::from_utf8(entry).unwrap_or("?").trim()).collect()
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
        let (peer, origin) = told(connected.parse().expect("an address"), false, &headers, &trusted, by);
        (peer.map_or("nobody".to_owned(), |Peer(peer)| peer.to_string()), origin)
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
        for list in ["192.0.2.7, unknown, 10.0.0.2", "", "192.0.2.7,"] {
            assert_eq!(peer("10.0.0.1", list), "nobody", "{list}: it is not the proxy itself");
        }
        assert_eq!(ask("10.0.0.1", ForwardedHeader::XForwardedFor, &[]).0, "10.0.0.1");
    }

    #[test]
    fn what_a_sender_wrote_does_not_hide_what_a_proxy_wrote() {
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_bytes(b"\xff, 203.0.113.9").expect("a value"));
        let trusted = TRUSTED.map(|network| network.parse().expect("a network"));
        let connected = "10.0.0.5".parse().expect("an address");
        let (peer, _) = told(connected, false, &headers, &trusted, ForwardedHeader::XForwardedFor);
        assert_eq!(peer, Some(Peer("203.0.113.9".parse().expect("an address"))));
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
        assert_eq!(ask("10.0.0.1", ForwardedHeader::Forwarded, &[("forwarded", "for=_hidden")]).0, "nobody");
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
