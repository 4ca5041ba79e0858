//! In which of many blocks does an address lie? One look-up by hash for each length of prefix in use: 33 for IPv4, 129 for IPv6 at most.

use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
};

use ipnet::IpNet;

/// Blocks, each with a number.
#[derive(Debug, Default)]
pub(super) struct Nets {
    by_block: HashMap<IpNet, u32>,
    /// Whether of IPv4, and the length.
    lengths: BTreeSet<(bool, u8)>,
}

impl Nets {
    /// No two blocks are the same, and none has bits beyond its prefix.
    pub(super) fn new(nets: Vec<(IpNet, u32)>) -> Self {
        let lengths = nets.iter().map(|(net, _)| (net.addr().is_ipv4(), net.prefix_len())).collect();
        Self { by_block: nets.into_iter().collect(), lengths }
    }

    /// Calls back with the number of each block that holds the address, if the text is one.
    pub(super) fn find(&self, text: &str, mut found: impl FnMut(u32)) {
        if self.lengths.is_empty() {
            return;
        }
        let Ok(address) = text.parse::<IpAddr>() else { return };
        for &(_, length) in self.lengths.range((address.is_ipv4(), 0)..=(address.is_ipv4(), u8::MAX)) {
            let block = IpNet::new(address, length).ok().and_then(|block| self.by_block.get(&block.trunc()));
            block.into_iter().for_each(|number| found(*number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_in_all_its_blocks() {
        let blocks = ["10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "0.0.0.0/0", "10.2.0.0/16", "::/0", "2001:db8::/32"];
        let nets = Nets::new(blocks.iter().zip(0..).map(|(block, number)| (block.parse().expect("a block"), number)).collect());
        let found = |text: &str| {
            let mut found = Vec::new();
            nets.find(text, |number| found.push(number));
            found.sort_unstable();
            found
        };
        assert_eq!(found("10.1.2.3"), [0, 1, 2, 3]);
        assert_eq!(found("10.2.2.3"), [0, 3, 4]);
        assert_eq!(found("2001:DB8::1"), [5, 6]);
        assert_eq!(found("10.1.2.3/32"), [0; 0]);
        assert_eq!(found("ten"), [0; 0]);
    }
}
