//! The PROXY protocol, versions 1 and 2: how a balancer tells for whom it has opened a connection.
//!
//! Pure. Where a header ends is found here, so that no more is read than it has; what it says is read by `ppp`.

use std::net::IpAddr;

use ppp::{HeaderResult, v1, v2};

/// The longest line of version 1 (its specification, section 2.1), with its end.
const LINE_BYTES_MAX: usize = 107;
/// The most that a header of version 2 may say besides its first 16 bytes: addresses, and a few things more.
const REST_BYTES_MAX: usize = 4096;
const FIXED_BYTES: usize = 16;

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Not enough to say.
    More,
    /// A header of so many bytes. `None`: it names nobody (the balancer asks for itself, or does not know).
    Header(usize, Option<IpAddr>),
    /// No header.
    Wrong,
}

/// Reads a header from the first bytes of a connection.
pub(super) fn read(seen: &[u8]) -> Told {
    match length(seen) {
        Length::More => Told::More,
        Length::Wrong => Told::Wrong,
        Length::Known(bytes) => source(&seen[..bytes]).map_or(Told::Wrong, |source| Told::Header(bytes, source)),
    }
}

enum Length {
    More,
    Known(usize),
    Wrong,
}

fn length(seen: &[u8]) -> Length {
    let begins = |with: &[u8]| seen.iter().zip(with).all(|(seen, wanted)| seen == wanted);
    if begins(v2::PROTOCOL_PREFIX) {
        let Some(&[high, low]) = seen.get(FIXED_BYTES - 2..FIXED_BYTES) else { return Length::More };
        let rest = usize::from(u16::from_be_bytes([high, low]));
        return match rest {
            _ if rest > REST_BYTES_MAX => Length::Wrong,
            _ if seen.len() < FIXED_BYTES + rest => Length::More,
            _ => Length::Known(FIXED_BYTES + rest),
        };
    }
    if !begins(b"PROXY ") {
        return Length::Wrong;
    }
    match seen.windows(2).take(LINE_BYTES_MAX - 1).position(|two| two == b"\r\n") {
        Some(at) => Length::Known(at + 2),
        None if seen.len() < LINE_BYTES_MAX => Length::More,
        None => Length::Wrong,
    }
}

fn source(header: &[u8]) -> Option<Option<IpAddr>> {
    match HeaderResult::parse(header) {
        HeaderResult::V1(Ok(header)) => Some(match header.addresses {
            v1::Addresses::Tcp4(addresses) => Some(addresses.source_address.into()),
            v1::Addresses::Tcp6(addresses) => Some(addresses.source_address.into()),
            v1::Addresses::Unknown => None,
        }),
        HeaderResult::V2(Ok(header)) if header.command == v2::Command::Local => Some(None),
        HeaderResult::V2(Ok(header)) => Some(match header.addresses {
            v2::Addresses::IPv4(addresses) => Some(addresses.source_address.into()),
            v2::Addresses::IPv6(addresses) => Some(addresses.source_address.into()),
            v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
        }),
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short").to_be_bytes();
        [v2::PROTOCOL_PREFIX, &[command, family], &length, rest].concat()
    }

    /// A header followed by a request is read alone, and each beginning of it asks for more.
    fn check(header: &[u8], source: Option<&str>) {
        let source = source.map(|text| text.parse().expect("an address"));
        let whole = [header, b"GET / HTTP/1.1\r\n\r\n"].concat();
        assert_eq!(read(&whole), Told::Header(header.len(), source), "{}", header.escape_ascii());
        for end in 0..header.len() {
            assert_eq!(read(&header[..end]), Told::More, "{}", header[..end].escape_ascii());
        }
    }

    #[test]
    fn a_header_tells_the_source() {
        check(b"PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n", Some("192.0.2.7"));
        check(b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n", Some("2001:db8::7"));
        check(&second(0x21, 0x11, &[192, 0, 2, 7, 198, 51, 100, 1, 0, 80, 1, 187]), Some("192.0.2.7"));
        let tlv = [192, 0, 2, 7, 198, 51, 100, 1, 0, 80, 1, 187, 4, 0, 1, 42];
        check(&second(0x21, 0x11, &tlv), Some("192.0.2.7"));
        let mut six = [0; 36];
        six[..4].copy_from_slice(&[0x20, 0x01, 0x0d, 0xb8]);
        check(&second(0x21, 0x21, &six), Some("2001:db8::"));
    }

    #[test]
    fn a_header_may_name_nobody() {
        check(b"PROXY UNKNOWN\r\n", None);
        check(b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", None);
        check(&second(0x20, 0x00, &[]), None);
        check(&second(0x21, 0x31, &[0; 216]), None);
    }

    #[test]
    fn what_is_no_header_is_told_at_once() {
        let long = [b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat();
        for wrong in [
            b"GET / HTTP/1.1\r\n".as_slice(),
            b"PRI * HTTP/2.0\r\n",
            b"PROXY TCP4 nobody 198.51.100.1 4711 443\r\n",
            b"PROXY TCP4 192.0.2.7 198.51.100.1 4711\r\n",
            b"PROXY TCP9 192.0.2.7 198.51.100.1 4711 443\r\n",
            b"\x16\x03\x01",
            &long,
            &second(0x31, 0x11, &[0; 12]),
            &second(0x21, 0x11, &[0; 4]),
            &second(0x21, 0x11, &[0; 5000]),
        ] {
            assert_eq!(read(wrong), Told::Wrong, "{}", wrong[..wrong.len().min(60)].escape_ascii());
        }
    }
}
