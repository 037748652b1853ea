//! What the server is called by those who connect to it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use rustls::pki_types::DnsName;

use super::PkiError;

/// The names and addresses of the server, without repetition, in the order of their weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    dns: Vec<String>,
    addresses: Vec<IpAddr>,
    given: Vec<String>,
    port: u16,
}

impl Names {
    /// Names that the operator `given`, the machine's `host` name, the addresses that it is `listening` on, and loopback.
    ///
    /// A host name that no certificate can hold is left out; a given one is an error.
    pub(crate) fn new(
        given: &[String],
        host: Option<&str>,
        listening: &[IpAddr],
        port: u16,
    ) -> Result<Self, PkiError> {
        let mut names = Self { dns: Vec::new(), addresses: Vec::new(), given: Vec::new(), port };
        for name in given {
            let clean =
                name.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
            if let Ok(address) = clean.parse::<IpAddr>() {
                names.add_address(address);
            } else if is_dns(&clean) {
                names.add_dns(&clean);
            } else {
                return Err(PkiError::Name(report::printable(name).into_owned()));
            }
            names.given.push(clean);
        }
        if let Some(host) = host.map(|name| name.trim_end_matches('.').to_ascii_lowercase())
            && is_dns(&host)
        {
            names.add_dns(&host);
        }
        names.add_dns("localhost");
        for address in listening {
            names.add_address(*address);
        }
        names.add_address(Ipv4Addr::LOCALHOST.into());
        names.add_address(Ipv6Addr::LOCALHOST.into());
        Ok(names)
    }

    /// Host names, lower case.
    pub(crate) fn dns(&self) -> &[String] {
        &self.dns
    }

    /// Addresses, none of them unspecified or IPv4 in IPv6 clothes.
    pub(crate) fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// What the operator gave, host names and addresses as they are compared.
    pub(super) fn given(&self) -> &[String] {
        &self.given
    }

    /// The address of the server as a person types it: the first given name, else the host name.
    pub(crate) fn origin(&self) -> String {
        let name = self.given.first().or(self.dns.first()).map_or("localhost", String::as_str);
        let name = if name.contains(':') { format!("[{name}]") } else { name.to_owned() };
        match self.port {
            443 => format!("https://{name}"),
            port => format!("https://{name}:{port}"),
        }
    }

    /// The same without the names that `keep` refuses.
    pub(super) fn only(&self, dns: impl Fn(&str) -> bool, address: impl Fn(IpAddr) -> bool) -> Self {
        Self {
            dns: self.dns.iter().filter(|name| dns(name)).cloned().collect(),
            addresses: self.addresses.iter().copied().filter(|found| address(*found)).collect(),
            given: self.given.clone(),
            port: self.port,
        }
    }

    fn add_dns(&mut self, name: &str) {
        if !self.dns.iter().any(|known| known == name) {
            self.dns.push(name.to_owned());
        }
    }

    fn add_address(&mut self, address: IpAddr) {
        let address = address.to_canonical();
        if !address.is_unspecified() && !self.addresses.contains(&address) {
            self.addresses.push(address);
        }
    }
}

fn is_dns(name: &str) -> bool {
    // A name of digits and dots alone is an address that somebody mistyped.
    DnsName::try_from(name).is_ok() && name.chars().any(|c| c.is_ascii_alphabetic())
}

/// The addresses under which a server listening on `bound` is reached.
///
/// An unspecified address stands for every address of the machine; the one that leads outwards is found by asking the kernel
/// for a route, for which nothing is sent.
pub(crate) fn own_addresses(bound: IpAddr) -> Vec<IpAddr> {
    if !bound.is_unspecified() {
        return vec![bound];
    }
    let outward = |from: IpAddr, to: IpAddr| {
        let socket = UdpSocket::bind((from, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    // Addresses of documentation: on no machine, so the route is the default route.
    let four = outward(Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into());
    let six = bound
        .is_ipv6()
        .then(|| outward(Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()))
        .flatten();
    [four, six].into_iter().flatten().filter(|address| !address.is_unspecified()).collect()
}
