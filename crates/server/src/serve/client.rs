//! Who a request comes from: the address of the peer, or what a trusted proxy says of it. Nobody else is believed.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header::FORWARDED};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Addresses looked at in one chain: more proxies than anybody has.
const MAX_HOPS: usize = 32;

/// The address of who made a request; an extension of every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(IpAddr);

impl ClientAddress {
    /// IPv4 in IPv6 clothes becomes IPv4: one client must not be two.
    pub(crate) fn new(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }

    pub(crate) fn ip(self) -> IpAddr {
        self.0
    }

    /// What counts as one client beside a user name, and among connections: the address, of IPv6 the /64 that every customer has.
    pub(crate) fn pair_key(self) -> IpNet {
        self.network(64)
    }

    /// What counts as one address by itself: of IPv6 the /56 that a household or a virtual machine is commonly given.
    pub(crate) fn ip_key(self) -> IpNet {
        self.network(56)
    }

    fn network(self, bits: u8) -> IpNet {
        match self.0 {
            IpAddr::V4(four) => Ipv4Net::from(four).into(),
            // A prefix of 128 bits at most cannot fail; the whole address is the narrower key.
            IpAddr::V6(six) => {
                Ipv6Net::new(six, bits).map_or_else(|_| Ipv6Net::from(six), |net| net.trunc()).into()
            }
        }
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// In which header the proxies write who asked. Only that one is read: a proxy that writes one passes on what a client put into
/// the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ForwardedBy {
    /// `X-Forwarded-For: 192.0.2.7, 198.51.100.1`
    #[default]
    XForwardedFor,
    /// `Forwarded: for=192.0.2.7;proto=https` (RFC 7239)
    Forwarded,
}

/// Networks whose word on the client's address is taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct TrustedProxies {
    networks: Vec<IpNet>,
    by: ForwardedBy,
}

impl TrustedProxies {
    pub(crate) fn new(networks: Vec<IpNet>, by: ForwardedBy) -> Self {
        Self { networks, by }
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The client: the right-most address of the chain that is no trusted proxy. Each proxy adds to the right, so what stands left
    /// of that address is the client's own invention. Whatever cannot be read makes the peer the client.
    pub(crate) fn client(&self, peer: SocketAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = peer.ip().to_canonical();
        if !self.contains(peer) {
            return ClientAddress(peer);
        }
        let chain = match self.by {
            ForwardedBy::XForwardedFor => lines(headers, &X_FORWARDED_FOR).map(|text| x_forwarded_for(&text)),
            ForwardedBy::Forwarded => lines(headers, &FORWARDED).and_then(|text| forwarded(&text)),
        };
        let Some(chain) = chain else { return ClientAddress(peer) };
        let mut client = peer;
        for hop in chain.into_iter().rev().take(MAX_HOPS) {
            let Some(address) = hop else { return ClientAddress(peer) };
            client = address.to_canonical();
            if !self.contains(client) {
                break;
            }
        }
        ClientAddress(client)
    }
}

/// The values of a header that may come in several lines, as one list.
fn lines(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut all = String::new();
    for value in headers.get_all(name) {
        if !all.is_empty() {
            all.push(',');
        }
        all.push_str(value.to_str().ok()?);
    }
    (!all.is_empty()).then_some(all)
}

fn x_forwarded_for(text: &str) -> Vec<Option<IpAddr>> {
    text.split(',').map(|hop| node(hop.trim())).collect()
}

/// The `for` of each element of `Forwarded`; none at all when quotes do not pair.
fn forwarded(text: &str) -> Option<Vec<Option<IpAddr>>> {
    let elements = split_unquoted(text, ',')?;
    let mut hops = Vec::with_capacity(elements.len());
    for element in elements {
        let mut found = None;
        for pair in split_unquoted(element, ';')? {
            let Some((key, value)) = pair.split_once('=') else { continue };
            if key.trim().eq_ignore_ascii_case("for") {
                // Two in one element: whose is it?
                if found.is_some() {
                    return None;
                }
                let value = value.trim();
                let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
                found = Some(node(bare));
            }
        }
        hops.push(found.flatten());
    }
    Some(hops)
}

/// `text` at each `separator` outside quotes; none when a quote stays open. Escapes stand in no address, so none are taken.
fn split_unquoted(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut quoted, mut start) = (Vec::new(), false, 0);
    for (at, c) in text.char_indices() {
        match c {
            '\\' => return None,
            '"' => quoted = !quoted,
            c if c == separator && !quoted => {
                parts.push(text.get(start..at)?);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!quoted).then_some(parts)
}

/// An address, alone or with a port, IPv6 also in brackets.
fn node(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address);
    }
    if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().ok().map(IpAddr::from);
    }
    text.parse::<SocketAddr>().ok().map(|socket| socket.ip())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn proxies(by: ForwardedBy) -> TrustedProxies {
        TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()], by)
    }

    fn client(by: ForwardedBy, peer: &str, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        proxies(by).client(SocketAddr::new(peer.parse().unwrap(), 4711), &map).to_string()
    }

    #[test]
    fn the_right_most_address_that_is_no_proxy_is_the_client() {
        let xff = |peer, values: &[&str]| {
            let headers: Vec<_> = values.iter().map(|value| ("x-forwarded-for", *value)).collect();
            client(ForwardedBy::XForwardedFor, peer, &headers)
        };
        for (peer, values, expected) in [
            // Nobody trusted: nothing is believed.
            ("198.51.100.9", vec!["192.0.2.7"], "198.51.100.9"),
            ("198.51.100.9", vec!["10.0.0.1, 192.0.2.7"], "198.51.100.9"),
            ("::ffff:198.51.100.9", vec!["192.0.2.7"], "198.51.100.9"),
            // One proxy.
            ("10.0.0.1", vec!["192.0.2.7"], "192.0.2.7"),
            ("::ffff:10.0.0.1", vec!["192.0.2.7"], "192.0.2.7"),
            ("fd00::1", vec!["2001:db8::7"], "2001:db8::7"),
            // The client wrote something before the proxy did.
            ("10.0.0.1", vec!["203.0.113.1, 192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", vec!["10.0.0.2, 192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", vec!["junk, 192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", vec!["203.0.113.1", "192.0.2.7"], "192.0.2.7"),
            // Two proxies.
            ("10.0.0.1", vec!["203.0.113.1, 192.0.2.7, 10.0.0.2"], "192.0.2.7"),
            // All of them proxies: the first of them asked.
            ("10.0.0.1", vec!["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // Forms.
            ("10.0.0.1", vec!["192.0.2.7:5678"], "192.0.2.7"),
            ("10.0.0.1", vec!["[2001:db8::7]:5678"], "2001:db8::7"),
            ("10.0.0.1", vec!["[2001:db8::7]"], "2001:db8::7"),
            ("10.0.0.1", vec!["::ffff:192.0.2.7"], "192.0.2.7"),
            ("10.0.0.1", vec!["  192.0.2.7  "], "192.0.2.7"),
            // Junk.
            ("10.0.0.1", vec!["192.0.2.7, junk"], "10.0.0.1"),
            ("10.0.0.1", vec!["192.0.2.7,"], "10.0.0.1"),
            ("10.0.0.1", vec![""], "10.0.0.1"),
            ("10.0.0.1", vec!["192.0.2"], "10.0.0.1"),
            ("10.0.0.1", vec!["192.0.2.007"], "10.0.0.1"),
            ("10.0.0.1", vec!["unknown"], "10.0.0.1"),
            ("10.0.0.1", vec!["fe80::1%eth0"], "10.0.0.1"),
            ("10.0.0.1", vec!["192.0.2.7\u{a0}"], "10.0.0.1"),
            ("10.0.0.1", vec!["junk, 10.0.0.2"], "10.0.0.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
        ] {
            assert_eq!(xff(peer, &values), expected, "{peer} {values:?}");
        }
    }

    #[test]
    fn the_standard_header_is_read_when_it_is_the_configured_one() {
        let by = |value: &str| client(ForwardedBy::Forwarded, "10.0.0.1", &[("forwarded", value)]);
        for (value, expected) in [
            ("for=192.0.2.7", "192.0.2.7"),
            ("For=\"192.0.2.7:80\";proto=https;by=10.0.0.1", "192.0.2.7"),
            ("proto=https; for=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("for=203.0.113.1, for=192.0.2.7, for=10.0.0.2", "192.0.2.7"),
            ("for=\"203.0.113.1, for=10.9.9.9\", for=192.0.2.7", "192.0.2.7"),
            ("for=_hidden", "10.0.0.1"),
            ("for=unknown", "10.0.0.1"),
            ("for=192.0.2.7;for=203.0.113.1", "10.0.0.1"),
            ("for=\"192.0.2.7", "10.0.0.1"),
            ("for=\"192.0.2.7\\\"\"", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
        ] {
            assert_eq!(by(value), expected, "{value}");
        }
    }

    #[test]
    fn the_header_that_is_not_configured_is_never_read() {
        let both = [("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=203.0.113.1")];
        assert_eq!(client(ForwardedBy::XForwardedFor, "10.0.0.1", &both), "192.0.2.7");
        assert_eq!(client(ForwardedBy::Forwarded, "10.0.0.1", &both), "203.0.113.1");
        assert_eq!(client(ForwardedBy::Forwarded, "10.0.0.1", &both[..1]), "10.0.0.1");
    }

    #[test]
    fn keys_are_whole_ipv4_addresses_and_networks_of_ipv6() {
        let key = |text: &str| {
            let client = ClientAddress::new(text.parse().unwrap());
            (client.pair_key().to_string(), client.ip_key().to_string())
        };
        assert_eq!(key("192.0.2.7"), ("192.0.2.7/32".into(), "192.0.2.7/32".into()));
        assert_eq!(key("::ffff:192.0.2.7"), ("192.0.2.7/32".into(), "192.0.2.7/32".into()));
        assert_eq!(key("2001:db8:1:23ff::7"), ("2001:db8:1:23ff::/64".into(), "2001:db8:1:2300::/56".into()));
    }

    proptest! {
        #[test]
        fn no_header_changes_the_key_of_a_client_behind_no_proxy(
            peer in any::<[u8; 16]>(),
            values in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..80)), 0..6),
            by in prop_oneof![Just(ForwardedBy::XForwardedFor), Just(ForwardedBy::Forwarded)],
        ) {
            let peer = SocketAddr::new(peer.into(), 1);
            prop_assume!(!proxies(by).contains(peer.ip()));
            let mut headers = HeaderMap::new();
            for (which, value) in values {
                let Ok(value) = HeaderValue::from_bytes(&value) else { continue };
                headers.append(if which { "x-forwarded-for" } else { "forwarded" }, value);
            }
            let client = proxies(by).client(peer, &headers);
            prop_assert_eq!(client, ClientAddress::new(peer.ip()));
        }

        #[test]
        fn nothing_a_client_writes_changes_what_its_proxy_adds(
            written in "[ -~]{0,60}",
            real in any::<[u8; 4]>(),
        ) {
            let real = IpAddr::from(real);
            prop_assume!(!proxies(ForwardedBy::XForwardedFor).contains(real));
            let mut headers = HeaderMap::new();
            let Ok(value) = HeaderValue::from_str(&format!("{written}, {real}")) else { return Ok(()) };
            headers.append("x-forwarded-for", value);
            let client = proxies(ForwardedBy::XForwardedFor).client("10.0.0.1:1".parse().unwrap(), &headers);
            prop_assert_eq!(client, ClientAddress::new(real));
        }
    }
}
