//! Whose request it is: the peer's address, or the one that a trusted proxy names.

use std::net::{IpAddr, Ipv6Addr};

/// The address of the client, as the gate counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl ClientAddress {
    /// The address, or the /64 of IPv6.
    pub(crate) fn pair_key(&self) -> String {
        self.network(64)
    }

    /// The address, or the /56 of IPv6.
    pub(crate) fn ip_key(&self) -> String {
        self.network(56)
    }

    fn network(self, bits: u32) -> String {
        match self.0 {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => {
                format!("{}/{bits}", Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits))))
            }
        }
    }
}

impl std::fmt::Display for ClientAddress {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}
