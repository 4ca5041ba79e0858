//! What a URL says to connect to. Pure.
//!
//! A host is an address in its one usual spelling or a name, and nothing is guessed: `0177.0.0.1`, `2130706433` and `127.1` are addresses
//! to one library and names to the next, so they are neither here. What passes is looked up and vetted afterwards; this only makes sure
//! that everybody who reads the URL means the same host by it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{Uri, uri::Scheme};

/// Longest name, and longest label of one (RFC 1035, section 2.3.4).
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// What to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'u> {
    pub(super) host: Host<'u>,
    /// As written, or the scheme's.
    pub(super) port: u16,
}

/// Who is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Host<'u> {
    /// An address as it stands in the URL.
    Address(IpAddr),
    /// A name, to be looked up.
    Name(&'u str),
}

/// Why a URL names nothing to connect to. It does not repeat the URL, whose path may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the URL {0}")]
pub struct UrlError(&'static str);

/// Checks that a URL names a host in a way that nobody can read otherwise. It says nothing on whether the host may be connected to.
///
/// # Errors
///
/// What is wrong with it, and how to mend it.
pub fn check_url(url: &Uri) -> Result<(), UrlError> {
    target(url).map(|_| ())
}

/// What `url` says to connect to.
pub(super) fn target(url: &Uri) -> Result<Target<'_>, UrlError> {
    let authority = url.authority().ok_or(UrlError("has no host"))?;
    // `http://public.example@10.0.0.1/` shows another host than it means.
    if authority.as_str().contains('@') {
        return Err(UrlError("carries a user name or password; send credentials in a header"));
    }
    let by_scheme = if url.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let host = authority.host();
    let port = match authority.as_str().strip_prefix(host) {
        Some("") => by_scheme,
        Some(_) => authority.port_u16().filter(|port| *port > 0).ok_or(UrlError("has a port that is none; write 1 to 65535"))?,
        None => return Err(UrlError("has no host")),
    };
    Ok(Target { host: host_of(host)?, port })
}

fn host_of(text: &str) -> Result<Host<'_>, UrlError> {
    if let Some(rest) = text.strip_prefix('[') {
        return address_in_brackets(rest.strip_suffix(']').unwrap_or(rest));
    }
    // It takes four decimal numbers without leading zeros only.
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Address(address.into()));
    }
    check_name(text)?;
    Ok(Host::Name(text))
}

fn address_in_brackets(text: &str) -> Result<Host<'_>, UrlError> {
    if text.contains('%') {
        return Err(UrlError("holds an IPv6 zone, which means something on one machine only; write the address without `%`"));
    }
    let address = text.parse::<Ipv6Addr>().map_err(|_| UrlError("holds something in brackets that is no IPv6 address"))?;
    Ok(Host::Address(address.into()))
}

fn check_name(name: &str) -> Result<(), UrlError> {
    // With a dot at its end a name is complete, and means the same.
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return Err(UrlError("has no host"));
    }
    if name.len() > NAME_BYTES_MAX || name.split('.').any(|label| !(1..=LABEL_BYTES_MAX).contains(&label.len())) {
        return Err(UrlError("has a host that is no name: labels of 1 to 63 characters between dots, 253 together"));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err(UrlError("has a host with other characters than letters, digits, `-`, `_` and `.`"));
    }
    if name.rsplit('.').next().is_some_and(is_number) {
        return Err(UrlError("spells an IPv4 address in an unusual way; write four decimal numbers, as in 192.0.2.1"));
    }
    Ok(())
}

/// What C libraries take for a part of an IPv4 address: a decimal, octal or hexadecimal number. No top-level domain is one.
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    label.bytes().all(|byte| byte.is_ascii_digit())
        || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Uri {
        text.parse().expect("a URI")
    }

    #[test]
    fn a_host_is_an_address_or_a_name() {
        for (text, host, port) in [
            ("http://192.0.2.1/", Host::Address([192, 0, 2, 1].into()), 80),
            ("https://[2001:db8::1]:8443/", Host::Address("2001:db8::1".parse().expect("an address")), 8443),
            ("https://example.com", Host::Name("example.com"), 443),
            ("https://example.com.:9/", Host::Name("example.com."), 9),
            ("http://a_b.xn--p1ai/", Host::Name("a_b.xn--p1ai"), 80),
            ("http://localhost/", Host::Name("localhost"), 80),
            ("http://0x7f.example/", Host::Name("0x7f.example"), 80),
            ("http://1.2.3.4.example/", Host::Name("1.2.3.4.example"), 80),
        ] {
            assert_eq!(target(&url(text)), Ok(Target { host, port }), "{text}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        for text in [
            "http://127.1/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0x7f000001/",
            "http://0X7F.0.0.1./",
            "http://0177.0.0.1/",
            "http://127.0.0.01/",
            "http://127.0.0.1./",
            "http://example.0x/",
            "http://[fe80::1%25eth0]/",
            "http://[::1%251]/",
            "http://[v1.x]/",
            "http://public.example@127.0.0.1/",
            "http://a..b/",
            "http://example.com:0/",
            "http://example.com:/",
            "http://example.com:99999/",
        ] {
            // What `Uri` does not take never comes here.
            if let Ok(uri) = text.parse::<Uri>() {
                assert!(target(&uri).is_err(), "{text}");
            }
        }
    }

    #[test]
    fn names_have_bounds() {
        let label = "a".repeat(LABEL_BYTES_MAX);
        assert!(target(&url(&format!("http://{label}.example/"))).is_ok());
        assert!(target(&url(&format!("http://{label}a.example/"))).is_err());
        assert!(target(&url(&format!("http://{}example/", format!("{label}.").repeat(4)))).is_err());
    }
}
