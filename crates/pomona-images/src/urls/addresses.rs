//! [`Standing`]: which addresses a URL of a table may lead to.
//!
//! A table of URLs is data of strangers, and a node answers to itself what it answers to nobody else:
//! its metadata service has the credentials of its role. What a URL leads to is decided by the
//! address that is connected to and not by the name, since any name can have any address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is to the node that would connect to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Anybody's.
    Public,
    /// The node's own, or its network's: for hosts that a person names.
    Private,
    /// Nothing that an image is read from: metadata and credentials of the node, and what is no
    /// address of one host.
    Never,
}

impl Standing {
    /// The standing of an address, of the IPv4 address in it where it holds one.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => match embedded(address) {
                Some(inner) => of_v4(inner),
                None => of_v6(address),
            },
        }
    }
}

/// Networks of IPv4 and how many bits they fix, from the registry of special-purpose addresses (RFC
/// 6890) and the metadata services of clouds that are not link-local.
const NEVER_V4: [([u8; 4], u32); 12] = [
    ([0, 0, 0, 0], 8),
    // Link-local: the metadata of EC2, GCE and Azure, the credentials of ECS and EKS.
    ([169, 254, 0, 0], 16),
    // IETF protocol assignments, and 192.0.0.192 of Oracle's metadata.
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Azure's agent, Alibaba's metadata.
    ([168, 63, 129, 16], 32),
    ([100, 100, 100, 200], 32),
    // Multicast, reserved, broadcast.
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
    ([255, 255, 255, 255], 32),
];

const PRIVATE_V4: [([u8; 4], u32); 6] = [
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([172, 16, 0, 0], 12),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
];

fn of_v4(address: Ipv4Addr) -> Standing {
    let is_in = |&(network, bits): &([u8; 4], u32)| {
        let mask = u32::MAX << (32 - bits);
        address.to_bits() & mask == u32::from_be_bytes(network)
    };
    if NEVER_V4.iter().any(is_in) {
        Standing::Never
    } else if PRIVATE_V4.iter().any(is_in) {
        Standing::Private
    } else {
        Standing::Public
    }
}

fn of_v6(address: Ipv6Addr) -> Standing {
    let segments = address.segments();
    // Services of EC2 and GCE, metadata among them, have addresses that look private.
    let is_service = segments[..2] == [0xfd00, 0x0ec2] || segments[..2] == [0xfd20, 0x00ce];
    let is_unique_local = segments[0] & 0xfe00 == 0xfc00;
    let is_site_local = segments[0] & 0xffc0 == 0xfec0;
    let is_global = segments[0] & 0xe000 == 0x2000;
    // Protocol assignments, with the tunnels of Teredo, and documentation.
    let is_reserved = segments[0] == 0x2001 && (segments[1] < 0x0200 || segments[1] == 0x0db8)
        || segments[0] == 0x3fff;
    match () {
        () if is_service => Standing::Never,
        () if is_unique_local || is_site_local || address.is_loopback() => Standing::Private,
        () if is_global && !is_reserved => Standing::Public,
        () => Standing::Never,
    }
}

/// The IPv4 address that packets to an IPv6 address end at: mapped, compatible, translated (NAT64),
/// and tunnelled (6to4).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let at = |first: usize| {
        let bits = u32::from(segments[first]) << 16 | u32::from(segments[first + 1]);
        Some(Ipv4Addr::from_bits(bits))
    };
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] => at(6),
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] | [0x64, 0xff9b, 1, ..] => at(6),
        [0x2002, ..] => at(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(addresses: &[&str], standing: Standing) {
        for address in addresses {
            assert_eq!(
                Standing::of(address.parse().unwrap()),
                standing,
                "{address}"
            );
        }
    }

    #[test]
    fn metadata_and_credentials_are_never_read() {
        let never = [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fe80::1",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "2001::a9fe:a9fe",
        ];
        all(&never, Standing::Never);
    }

    #[test]
    fn addresses_of_no_host_are_never_read() {
        let never = [
            "0.0.0.0",
            "0.1.2.3",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
            "4000::1",
            "::ffff:0.0.0.0",
        ];
        all(&never, Standing::Never);
    }

    #[test]
    fn what_is_of_this_network_is_private() {
        let private = [
            "127.0.0.1",
            "127.255.0.9",
            "10.0.0.2",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "198.19.0.1",
            "::1",
            "fc00::1",
            "fdff::1",
            "fec0::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ];
        all(&private, Standing::Private);
    }

    #[test]
    fn the_rest_is_public() {
        let public = [
            "8.8.8.8",
            "172.32.0.1",
            "172.15.0.1",
            "169.253.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "2600:1f18::1",
            "2a00:1450:4007::200e",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ];
        all(&public, Standing::Public);
    }
}
