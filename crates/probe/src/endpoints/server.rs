//! A server that somebody named: how it is written, and the way to it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use host::{Address, Door, Error};

/// The longest host name (RFC 1035, 2.3.4) and the longest path that is asked for.
const HOST: usize = 253;
const PATH: usize = 1000;

/// How long finding the addresses of a name may take.
const RESOLVE: Duration = Duration::from_secs(5);
/// How long one address may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// Addresses of a name that are tried.
const TRIED: usize = 4;

/// What a named server is asked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// HTTP over TLS.
    Https,
    /// HTTP.
    Http,
    /// TLS with whatever inside.
    Tls,
    /// SSH.
    SshServer,
    /// OPC UA over TCP.
    OpcTcp,
    /// MQTT.
    Mqtt,
    /// MQTT over TLS.
    Mqtts,
}

impl Scheme {
    /// All, in the order in which they are documented.
    pub const ALL: [Self; 7] =
        [Self::Https, Self::Http, Self::Tls, Self::SshServer, Self::OpcTcp, Self::Mqtt, Self::Mqtts];

    /// As it is written before `://`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
            Self::Tls => "tls",
            Self::SshServer => "ssh-server",
            Self::OpcTcp => "opc.tcp",
            Self::Mqtt => "mqtt",
            Self::Mqtts => "mqtts",
        }
    }

    /// The port that is meant when none is written.
    fn port(self) -> Option<u16> {
        match self {
            Self::Https => Some(443),
            Self::Http => Some(80),
            Self::Tls => None,
            Self::SshServer => Some(22),
            Self::OpcTcp => Some(4840),
            Self::Mqtt => Some(1883),
            Self::Mqtts => Some(8883),
        }
    }

    /// Whether a path says which of its pages or endpoints is meant.
    fn has_path(self) -> bool {
        matches!(self, Self::Https | Self::Http | Self::OpcTcp)
    }
}

/// A server as it is named: `https://plant.example:8443/login`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// What it is asked in.
    pub scheme: Scheme,
    /// Host name in lower case, or address without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Path with its leading slash; empty when none was written.
    pub path: String,
}

impl Server {
    /// Host and port: `plant.example:443`, `[2001:db8::1]:443`.
    pub fn authority(&self) -> String {
        let host = &self.host;
        if host.contains(':') { format!("[{host}]:{}", self.port) } else { format!("{host}:{}", self.port) }
    }

    /// Finds its addresses and the first of them that accepts a connection, which then is the one to ask.
    ///
    /// # Errors
    /// `NotFound` when nobody knows the name or nothing listens there, `TimedOut`, `Io`.
    pub fn reach(self, door: &Door) -> Result<Reached, Error> {
        let addresses = door.resolve(&self.host, RESOLVE)?;
        let mut first = None;
        for address in addresses.iter().take(TRIED) {
            let address = SocketAddr::new(*address, self.port);
            match door.connect(&Address::Tcp(address), CONNECT) {
                Ok(_) => return Ok(Reached { server: self, address, addresses }),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or_else(|| Error::NotFound(format!("an address of {}", self.host))))
    }
}

/// A named server that accepted a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The server.
    pub server: Server,
    /// The address that is asked.
    pub address: SocketAddr,
    /// Every address that its name stands for.
    pub addresses: Vec<IpAddr>,
}

/// Who may look at a broker's topics.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({}, ***)", self.user)
    }
}

/// A named server and what the audit of it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedServer {
    /// The server, and where it is.
    pub reached: Reached,
    /// Authorities to trust instead of those of this machine, PEM.
    pub authorities: Option<Vec<u8>>,
    /// Who may look at a broker's topics.
    pub login: Option<Login>,
}

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
        let scheme = Scheme::ALL
            .into_iter()
            .find(|known| known.name() == scheme)
            .ok_or_else(|| format!("`{scheme}` is no kind of server"))?;
        let name = scheme.name();
        if rest.contains(['?', '#']) {
            return Err(format!("`{name}://` takes no query and no fragment"));
        }
        let (authority, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        if authority.contains('@') {
            return Err(format!(
                "`{name}://` takes no user and password, which others could read; name a file of them by --credentials"
            ));
        }
        let path = match path {
            "/" => "",
            path if !path.is_empty() && !scheme.has_path() => {
                return Err(format!("`{name}://` takes no path"));
            }
            path => path,
        };
        if path.len() > PATH || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("the path is too long, or holds other characters than an address may".to_owned());
        }
        let (host, port) = host_and_port(authority)?;
        let port = match port {
            Some(port) => port,
            None => scheme.port().ok_or_else(|| format!("`{name}://` needs a port: {name}://{host}:443"))?,
        };
        Ok(Self { scheme, host, port, path: path.to_owned() })
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), String> {
    let number = |text: &str| match text.parse() {
        Ok(port) if port > 0 => Ok(Some(port)),
        _ => Err(format!("`{text}` is no port")),
    };
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, rest) = rest.split_once(']').ok_or("the address lacks its closing `]`")?;
        let address: std::net::Ipv6Addr =
            address.parse().map_err(|_| format!("`{address}` is no IPv6 address"))?;
        let port = match rest.strip_prefix(':') {
            Some(port) => number(port)?,
            None if rest.is_empty() => None,
            None => return Err(format!("`{rest}` follows the address where a port would stand")),
        };
        return Ok((address.to_string(), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((_, rest)) if rest.contains(':') => {
            return Err(format!("write an IPv6 address in brackets: [{authority}]"));
        }
        Some((host, port)) => (host, number(port)?),
        None => (authority, None),
    };
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.is_empty() {
        return Err("no host is named".to_owned());
    }
    if host.len() > HOST || !host.split('.').all(fits) {
        return Err(format!(
            "`{host}` is no host name; write one with other letters in its ASCII form (xn--...)"
        ));
    }
    Ok((host, port))
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.name();
        if self.scheme.port() == Some(self.port) {
            let host = &self.host;
            if host.contains(':') { write!(f, "{scheme}://[{host}]")? } else { write!(f, "{scheme}://{host}")? }
        } else {
            write!(f, "{scheme}://{}", self.authority())?;
        }
        f.write_str(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_as_they_are_written() {
        for text in [
            "https://plant.example",
            "https://plant.example:8443/login",
            "http://192.0.2.1",
            "tls://plant.example:636",
            "ssh-server://gateway_1",
            "opc.tcp://plant:4841/UA/Server",
            "mqtts://[2001:db8::1]",
            "mqtt://[2001:db8::1]:1884",
        ] {
            assert_eq!(text.parse::<Server>().unwrap().to_string(), text);
        }
        let server: Server = "https://Plant.Example./".parse().unwrap();
        assert_eq!((server.host.as_str(), server.port, server.path.as_str()), ("plant.example", 443, ""));
    }

    #[test]
    fn what_is_no_server_is_refused_with_a_reason() {
        for (text, reason) in [
            ("tls://plant.example", "needs a port"),
            ("https://", "no host"),
            ("https://user:secret@plant.example", "--credentials"),
            ("https://plant.example:0", "no port"),
            ("https://plant.example:99999", "no port"),
            ("https://2001:db8::1", "brackets"),
            ("https://[2001:db8::1", "closing"),
            ("https://[plant]", "IPv6"),
            ("https://plänt.example", "ASCII"),
            ("https://a..b", "host name"),
            ("https://plant.example/?q=1", "query"),
            ("https://plant.example/a b", "path"),
            ("mqtt://plant.example/topic", "path"),
            ("ftp://plant.example", "no kind"),
        ] {
            let error = text.parse::<Server>().unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
