//! Which addresses are on the public internet. Pure: an address and the operator's exceptions in, a verdict out.
//!
//! What is refused follows the IANA special-purpose address registries (RFC 6890) and, for IPv6, everything outside global unicast
//! (2000::/3). An address that only wraps an IPv4 address (mapped, NAT64, 6to4) is judged as what it wraps, because that is where its
//! packets go. Names never come here: a name is vetted by all the addresses it resolves to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// An address that is not public and that the operator did not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} is closed to deliveries ({range}); if it is meant, add its network to `allow_networks` (`--allow-network`)")]
pub(super) struct Refused {
    address: IpAddr,
    range: &'static str,
}

/// Refuses `address` where it is special, unless one of the `allowed` networks holds it.
pub(super) fn vet(address: IpAddr, allowed: &[IpNet]) -> Result<(), Refused> {
    let target = unwrapped(address);
    match special_range(target) {
        Some(range) if !allowed.iter().any(|net| net.contains(&address) || net.contains(&target)) => {
            Err(Refused { address, range })
        }
        _ => Ok(()),
    }
}

/// The IPv4 address that an IPv6 address wraps, or the address itself.
fn unwrapped(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let inner = match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] => (high, low),
        // NAT64, RFC 6052. The local-use prefix 64:ff9b:1::/48 stays in the table: where its IPv4 part sits is its operator's choice.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => (high, low),
        // 6to4, RFC 3056.
        [0x2002, high, low, ..] => (high, low),
        _ => return address,
    };
    Ipv4Addr::from_bits(u32::from(inner.0) << 16 | u32::from(inner.1)).into()
}

fn special_range(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => SPECIAL_V4.iter().find(|(net, _)| net.contains(&v4)).map(|(_, range)| *range),
        IpAddr::V6(v6) => SPECIAL_V6
            .iter()
            .find(|(net, _)| net.contains(&v6))
            .map(|(_, range)| *range)
            .or_else(|| (!GLOBAL_UNICAST.contains(&v6)).then_some("not global unicast")),
    }
}

const SPECIAL_V4: &[(Ipv4Net, &str)] = &[
    (v4([0, 0, 0, 0], 8), "this network"),
    (v4([10, 0, 0, 0], 8), "private network"),
    (v4([100, 64, 0, 0], 10), "shared address space of carriers"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    // Where clouds serve their credentials: 169.254.169.254.
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private network"),
    (v4([192, 0, 0, 0], 24), "protocol assignments"),
    (v4([192, 0, 2, 0], 24), "documentation"),
    // Global, but answered by whoever is nearest, and never by a receiver of webhooks: AS112 and AMT.
    (v4([192, 31, 196, 0], 24), "AS112"),
    (v4([192, 52, 193, 0], 24), "AMT relay"),
    (v4([192, 88, 99, 0], 24), "6to4 relay"),
    (v4([192, 168, 0, 0], 16), "private network"),
    (v4([192, 175, 48, 0], 24), "AS112"),
    (v4([198, 18, 0, 0], 15), "benchmarking"),
    (v4([198, 51, 100, 0], 24), "documentation"),
    (v4([203, 0, 113, 0], 24), "documentation"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([255, 255, 255, 255], 32), "broadcast"),
    (v4([240, 0, 0, 0], 4), "reserved"),
];

const SPECIAL_V6: &[(Ipv6Net, &str)] = &[
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 128), "unspecified"),
    (v6([0, 0, 0, 0, 0, 0, 0, 1], 128), "loopback"),
    (v6([0, 0, 0, 0, 0, 0, 0, 0], 96), "IPv4-compatible"),
    (v6([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48), "local NAT64"),
    (v6([0x100, 0, 0, 0, 0, 0, 0, 0], 64), "discard"),
    // Teredo (2001::/32), benchmarking (2001:2::/48), ORCHID (2001:10::/28, 2001:20::/28) and their neighbours.
    (v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), "protocol assignments"),
    (v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), "documentation"),
    (v6([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48), "AS112"),
    (v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), "documentation"),
    (v6([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16), "segment routing"),
    (v6([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7), "unique local"),
    (v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10), "link-local"),
    (v6([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10), "site-local"),
    (v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8), "multicast"),
];

const GLOBAL_UNICAST: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]), prefix)
}

const fn v6(s: [u16; 8], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range_of(address: &str) -> Option<&'static str> {
        vet(address.parse().expect("an address"), &[]).err().map(|refused| refused.range)
    }

    #[test]
    fn public_addresses_pass() {
        for public in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.88.98.255",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2001:200::1",
            "2001:db7:ffff::1",
            "2a00:1450::1",
            "::ffff:1.1.1.1",
            "64:ff9b::1.1.1.1",
            "2002:101:101::1",
        ] {
            assert_eq!(range_of(public), None, "{public}");
        }
    }

    #[test]
    fn special_addresses_are_refused_with_the_name_of_their_range() {
        for (special, range) in [
            ("0.0.0.0", "this network"),
            ("0.255.255.255", "this network"),
            ("10.0.0.1", "private network"),
            ("10.255.255.255", "private network"),
            ("100.64.0.1", "shared address space of carriers"),
            ("100.127.255.255", "shared address space of carriers"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("169.254.169.254", "link-local"),
            ("172.16.0.1", "private network"),
            ("172.31.255.255", "private network"),
            ("192.0.0.192", "protocol assignments"),
            ("192.0.2.1", "documentation"),
            ("192.31.196.1", "AS112"),
            ("192.52.193.1", "AMT relay"),
            ("192.88.99.1", "6to4 relay"),
            ("192.168.1.1", "private network"),
            ("192.175.48.6", "AS112"),
            ("198.18.0.1", "benchmarking"),
            ("198.19.255.255", "benchmarking"),
            ("198.51.100.7", "documentation"),
            ("203.0.113.7", "documentation"),
            ("224.0.0.1", "multicast"),
            ("239.255.255.255", "multicast"),
            ("240.0.0.1", "reserved"),
            ("255.255.255.255", "broadcast"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::127.0.0.1", "IPv4-compatible"),
            ("::ffff:0:127.0.0.1", "not global unicast"),
            ("64:ff9b:1::7f00:1", "local NAT64"),
            ("100::1", "discard"),
            ("100:0:0:1::1", "not global unicast"),
            ("2001::1", "protocol assignments"),
            ("2001:2::1", "protocol assignments"),
            ("2001:10::1", "protocol assignments"),
            ("2001:1ff:ffff::1", "protocol assignments"),
            ("2001:db8::1", "documentation"),
            ("2620:4f:8000::6", "AS112"),
            ("3fff::1", "documentation"),
            ("4000::1", "not global unicast"),
            ("5f00::1", "segment routing"),
            ("fc00::1", "unique local"),
            ("fd00:ec2::254", "unique local"),
            ("fe80::1", "link-local"),
            ("febf::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
        ] {
            assert_eq!(range_of(special), Some(range), "{special}");
        }
    }

    #[test]
    fn a_wrapped_ipv4_address_is_judged_as_itself() {
        for (wrapped, range) in [
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:169.254.169.254", "link-local"),
            ("64:ff9b::10.0.0.1", "private network"),
            ("64:ff9b::7f00:1", "loopback"),
            ("2002:7f00:1::1", "loopback"),
            ("2002:a9fe:a9fe::1", "link-local"),
        ] {
            assert_eq!(range_of(wrapped), Some(range), "{wrapped}");
        }
    }

    #[test]
    fn the_operator_opens_networks_and_nothing_beside_them() {
        let allowed: Vec<IpNet> = ["10.1.0.0/16", "fd00::/8"].map(|net| net.parse().expect("a network")).into();
        let passes = |address: &str| vet(address.parse().expect("an address"), &allowed).is_ok();
        assert!(passes("10.1.2.3") && passes("::ffff:10.1.2.3") && passes("fd12::1"));
        assert!(!passes("10.2.0.1") && !passes("127.0.0.1") && !passes("fc00::1"));
    }
}
