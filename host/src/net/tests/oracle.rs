//! Which addresses are forbidden, judged apart from the code that is tested: from the registries' own text (IANA special-purpose address
//! registries, with multicast), by plain arithmetic.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Draws;

pub(super) const IPV4: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

/// Beside what is outside of 2000::/3, and what wraps an IPv4 address.
pub(super) const IPV6: &[&str] = &[
    "::/128",
    "::1/128",
    "::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "100:0:0:1::/64",
    "2001::/23",
    "2001:db8::/32",
    "2620:4f:8000::/48",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
];

/// The network that forbids an address.
pub(super) fn forbidden(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => IPV4.iter().find(|net| holds(net, 32, v4.to_bits().into())).copied(),
        IpAddr::V6(v6) => match wrapped(v6) {
            Some(v4) => forbidden(v4.into()),
            None if v6.to_bits() >> 125 != 1 => Some("outside of 2000::/3"),
            None => IPV6.iter().find(|net| holds(net, 128, v6.to_bits())).copied(),
        },
    }
}

/// An address within a network, at random.
pub(super) fn within(net: &str, draws: &mut Draws) -> IpAddr {
    let (first, prefix) = net.split_once('/').expect("a prefix");
    let prefix: u32 = prefix.parse().expect("a number");
    let any = u128::from(draws.next()) << 64 | u128::from(draws.next());
    match first.parse().expect("an address") {
        IpAddr::V4(v4) => {
            let host = any as u32 & u32::MAX.checked_shr(prefix).unwrap_or(0);
            Ipv4Addr::from_bits(v4.to_bits() | host).into()
        }
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() | any & u128::MAX.checked_shr(prefix).unwrap_or(0)).into(),
    }
}

fn holds(net: &str, bits: u32, address: u128) -> bool {
    let (first, prefix) = net.split_once('/').expect("a prefix");
    let first = match first.parse().expect("an address") {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let free = bits - prefix.parse::<u32>().expect("a number");
    address.checked_shr(free) == first.checked_shr(free)
}

fn wrapped(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = v6.to_bits();
    let low = Ipv4Addr::from_bits(bits as u32);
    match (bits >> 32, bits >> 112) {
        (0xffff, _) | (0x0064_ff9b_0000_0000_0000_0000, _) => Some(low),
        (_, 0x2002) => Some(Ipv4Addr::from_bits((bits >> 80) as u32)),
        _ => None,
    }
}

#[test]
fn the_oracle_knows_both_sides() {
    for (address, is_forbidden) in [
        ("127.0.0.1", true),
        ("128.0.0.1", false),
        ("::ffff:10.0.0.1", true),
        ("::ffff:11.0.0.1", false),
        ("64:ff9b::7f00:1", true),
        ("64:ff9b::801:101", false),
        ("2002:a00:1::", true),
        ("2002:b00:1::", false),
        ("2a00::1", false),
        ("2001:db8::1", true),
        ("fd00::1", true),
    ] {
        assert_eq!(forbidden(address.parse().expect("an address")).is_some(), is_forbidden, "{address}");
    }
}
