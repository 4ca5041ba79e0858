//! The networks that a source's requests may come from.
//!
//! An IPv4 address is the same however it is written: `::ffff:192.0.2.1`, as a socket of both families tells it, is `192.0.2.1`.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};

use crate::event::Invalid;

/// The most networks of a source: each request is compared with all of them.
const NETWORKS_MAX: usize = 1_000;

/// The bits of `::ffff:0:0/96`, within which the addresses of IPv4 lie (RFC 4291, section 2.5.5.2).
const MAPPED_BITS: u8 = 96;

/// The networks that a source's requests may come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AllowFrom(Vec<IpNet>);

impl AllowFrom {
    /// Those that the hub file names: networks, or single addresses.
    pub(super) fn named(networks: &[String]) -> Result<Self, Invalid> {
        if !(1..=NETWORKS_MAX).contains(&networks.len()) {
            let message = format!("{} networks; name 1 to {NETWORKS_MAX}, or remove this and anybody may send", networks.len());
            return Err(Invalid::at("/allow_from", message));
        }
        let network = |(at, text): (usize, &String)| {
            network(text).ok_or_else(|| {
                let message =
                    format!("`{text}` is no network; write it as in \"192.0.2.0/24\", \"2001:db8::/32\" or \"192.0.2.7\"");
                Invalid::at(format!("/allow_from/{at}"), message)
            })
        };
        networks.iter().enumerate().map(network).collect::<Result<_, _>>().map(Self)
    }

    /// Whether this address is in one of them.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

fn network(text: &str) -> Option<IpNet> {
    let network: IpNet = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    Some(canonical(network))
}

fn canonical(network: IpNet) -> IpNet {
    let mapped = |address: Ipv6Addr| address.to_ipv4_mapped();
    match network {
        IpNet::V6(v6) if v6.prefix_len() >= MAPPED_BITS => mapped(v6.addr())
            .and_then(|address| Ipv4Net::new(address, v6.prefix_len() - MAPPED_BITS).ok())
            .map_or(network, IpNet::V4),
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(networks: &[&str]) -> Result<AllowFrom, Invalid> {
        AllowFrom::named(&networks.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn an_address_is_in_a_network_or_not() {
        let networks =
            named(&["192.0.2.0/24", "2001:db8::/32", "198.51.100.7", "::ffff:203.0.113.0/120"]).expect("they are good");
        for inside in ["192.0.2.1", "192.0.2.255", "::ffff:192.0.2.1", "2001:db8:ffff::1", "198.51.100.7", "203.0.113.9"] {
            assert!(networks.has(inside.parse().expect("an address")), "{inside}");
        }
        for outside in ["192.0.3.1", "::192.0.2.1", "2001:db9::1", "198.51.100.8", "::1", "127.0.0.1", "::ffff:198.51.100.8"] {
            assert!(!networks.has(outside.parse().expect("an address")), "{outside}");
        }
    }

    #[test]
    fn all_of_ipv6_is_not_ipv4() {
        let v6 = named(&["::/0"]).expect("it is good");
        assert!(v6.has("2001:db8::1".parse().expect("an address")));
        assert!(!v6.has("::ffff:192.0.2.1".parse().expect("an address")));
    }

    #[test]
    fn what_is_refused_is_pointed_at() {
        for (networks, pointer) in [
            (&[][..], "/allow_from"),
            (&["192.0.2.0/24", "192.0.2.0/33"], "/allow_from/1"),
            (&["example.com"], "/allow_from/0"),
            (&["192.0.2"], "/allow_from/0"),
        ] {
            assert_eq!(named(networks).expect_err("it is refused").pointer, pointer, "{networks:?}");
        }
        assert_eq!(named(&vec!["::1"; NETWORKS_MAX + 1]).expect_err("too many").pointer, "/allow_from");
    }
}
