//! Addresses, names and networks.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::{IpNet, Ipv4Net};
use serde_json::{Value as Json, json};
use url::{Host, Url};

use super::value::{Cx, Raw, Value, Wrong, one_line};

/// The most letters of a host name (RFC 1035, 2.3.4).
const NAME: usize = 253;

/// A network of proxies with more addresses than a site has is a mistake: shorter prefixes are refused.
const SHORTEST_V4: u8 = 8;

/// The same for IPv6, outside of the addresses for local use.
const SHORTEST_V6: u8 = 16;

impl Value for SocketAddr {
    const FORM: &'static str = "an address with its port such as \"0.0.0.0:8443\" or \"[::]:8443\"";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let text = raw.text().ok_or_else(|| raw.other_than(Self::FORM))?;
        text.parse().map_err(|_| {
            let help = match text.strip_prefix("localhost:").or(text.strip_prefix(':')) {
                Some(port) if text.starts_with('l') => format!("write \"127.0.0.1:{port}\""),
                Some(port) => format!("write \"0.0.0.0:{port}\" for every address of this machine"),
                None => format!("write {}", Self::FORM),
            };
            vec![raw.wrong(format!("is \"{}\", no address with a port", text.escape_debug()), help)]
        })
    }

    fn shown(&self) -> Json {
        json!(self.to_string())
    }
}

/// Where metrics are served: on the loopback, or nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricsListen(Option<SocketAddr>);

impl MetricsListen {
    /// The address; none when metrics are off.
    pub fn get(self) -> Option<SocketAddr> {
        self.0
    }
}

impl Value for MetricsListen {
    const FORM: &'static str = "an address of the loopback such as \"127.0.0.1:9443\", or \"off\"";

    fn read(raw: &Raw, cx: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        if raw.text() == Some("off") {
            return Ok(Self(None));
        }
        let address = SocketAddr::read(raw, cx)?;
        if !address.ip().to_canonical().is_loopback() {
            return Err(vec![raw.wrong(
                format!("is {address}, which other machines can reach"),
                format!(
                    "write \"127.0.0.1:{}\": metrics are served without a login; let the collector run on this machine",
                    address.port()
                ),
            )]);
        }
        Ok(Self(Some(address)))
    }

    fn shown(&self) -> Json {
        self.0.map_or_else(|| json!("off"), |address| json!(address.to_string()))
    }
}

impl Value for IpNet {
    const FORM: &'static str = "a network such as \"10.0.5.0/24\", or one address";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let text = raw.text().ok_or_else(|| raw.other_than(Self::FORM))?;
        let network = match (text.parse::<Self>(), text.parse::<IpAddr>()) {
            (Ok(network), _) => network,
            (_, Ok(address)) => Self::from(address),
            _ => {
                let what = format!("has \"{}\", which is no network", text.escape_debug());
                return Err(vec![raw.wrong(what, format!("write {}", Self::FORM))]);
            }
        };
        let network = without_mapping(network);
        if network.trunc() != network {
            let help = format!("write \"{}\", or \"{}\" for that address", network.trunc(), network.addr());
            return Err(vec![raw.wrong(format!("has {text}, an address within a network"), help)]);
        }
        let too_wide = match network {
            Self::V4(v4) => v4.prefix_len() < SHORTEST_V4,
            Self::V6(v6) => !v6.addr().is_unique_local() && v6.prefix_len() < SHORTEST_V6,
        };
        if too_wide {
            return Err(vec![raw.wrong(
                format!("has {text}: whoever is in that network could claim any client address and evade every block"),
                "name the addresses of your proxies only",
            )]);
        }
        Ok(network)
    }

    fn shown(&self) -> Json {
        json!(self.to_string())
    }
}

/// The IPv4 network that an IPv6 network of mapped addresses (`::ffff:0:0/96`) stands for.
fn without_mapping(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    mapped.and_then(|(v4, length)| Ipv4Net::new(v4, length).ok()).map_or(network, IpNet::V4)
}

/// A name or an address under which this machine is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostName {
    /// A name of DNS, in lower case.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl Value for HostName {
    const FORM: &'static str = "a host name such as \"palisade.example\", or an address";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let text = raw.text().ok_or_else(|| raw.other_than(Self::FORM))?;
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let label = |label: &str| {
            let fits = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            fits && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
        };
        if text.len() > NAME || !text.split('.').all(label) {
            let what = format!("has \"{}\", which is no host name", text.escape_debug());
            return Err(vec![raw.wrong(what, format!("write {}, without a scheme or a port", Self::FORM))]);
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }

    fn shown(&self) -> Json {
        json!(self.to_string())
    }
}

/// The address under which browsers reach the Management System: `https://palisade.example:8443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(Url);

impl PublicUrl {
    /// Scheme, host and port, as browsers send it in `Origin`.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// The host: the name in the certificate, and the relying party of passkeys when it is a name.
    pub fn host(&self) -> HostName {
        match self.0.host() {
            Some(Host::Ipv4(address)) => HostName::Address(address.into()),
            Some(Host::Ipv6(address)) => HostName::Address(address.into()),
            Some(Host::Domain(name)) => HostName::Name(name.to_owned()),
            // A URL with the scheme https has a host.
            None => HostName::Name(String::new()),
        }
    }
}

impl Value for PublicUrl {
    const FORM: &'static str = "a URL such as \"https://palisade.example:8443\"";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let url = web(raw, Self::FORM)?;
        if url.scheme() != "https" {
            let what = "does not begin with https://, without which browsers keep neither cookies nor passkeys";
            return Err(vec![raw.wrong(what, format!("write {}", Self::FORM))]);
        }
        if url.path() != "/" || url.query().is_some() {
            let help = format!("write \"{}\"", url.origin().ascii_serialization());
            return Err(vec![raw.wrong("has a path; the Management System is at the root of its host", help)]);
        }
        Ok(Self(url))
    }

    fn shown(&self) -> Json {
        json!(self.origin())
    }
}

/// The address of an OpenID provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerUrl {
    /// As it was written: an issuer is compared letter by letter (OpenID Connect Discovery 1.0, 4.3).
    text: String,
    plain: bool,
}

impl IssuerUrl {
    /// The address, as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is reached without TLS, which only one on this machine may be.
    pub fn is_plain(&self) -> bool {
        self.plain
    }
}

impl Value for IssuerUrl {
    const FORM: &'static str = "a URL such as \"https://login.example/realms/plant\"";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let url = web(raw, Self::FORM)?;
        let plain = url.scheme() == "http";
        if plain && !is_this_machine(&url) {
            let what = "begins with http://: whoever is on the way could log in as anybody";
            return Err(vec![
                raw.wrong(what, "write https://; ca_file names the provider's CA when it is your own"),
            ]);
        }
        if url.query().is_some() {
            return Err(vec![raw.wrong("has a query", format!("write {}", Self::FORM))]);
        }
        Ok(Self { text: raw.text().unwrap_or_default().to_owned(), plain })
    }

    fn shown(&self) -> Json {
        json!(self.text)
    }
}

/// Whether a URL leads to this machine whatever the network says.
pub(super) fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// A URL of the web without credentials and fragment.
pub(super) fn web(raw: &Raw, form: &str) -> Result<Url, Vec<Wrong>> {
    let text = raw.text().ok_or_else(|| raw.other_than(form))?;
    one_line(raw, text)?;
    let url = Url::parse(text)
        .map_err(|error| vec![raw.wrong(format!("is no URL: {error}"), format!("write {form}"))])?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(vec![raw.wrong("is no address of the web", format!("write {form}"))]);
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(vec![raw.wrong("has a user name, a password or a fragment", format!("write {form}"))]);
    }
    Ok(url)
}

/// The address of a directory: `ldaps://`, or `ldap://`, which is upgraded by StartTLS before anything is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LdapUrl(Url);

impl LdapUrl {
    /// The address.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the connection begins plain and must be upgraded.
    pub fn is_starttls(&self) -> bool {
        self.0.scheme() == "ldap"
    }
}

impl Value for LdapUrl {
    const FORM: &'static str =
        "a URL such as \"ldaps://directory.example\", or \"ldap://...\", which StartTLS upgrades";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let text = raw.text().ok_or_else(|| raw.other_than(Self::FORM))?;
        one_line(raw, text)?;
        let refuse = |what: String| vec![raw.wrong(what, format!("write {}", Self::FORM))];
        let url = Url::parse(text).map_err(|error| refuse(format!("is no URL: {error}")))?;
        if !matches!(url.scheme(), "ldap" | "ldaps") || url.host_str().is_none_or(str::is_empty) {
            return Err(refuse("is no address of a directory".to_owned()));
        }
        let bare = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        if !bare || !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(refuse(
                "has more than a host and a port; base and bind_dn are parameters of their own".to_owned(),
            ));
        }
        Ok(Self(url))
    }

    fn shown(&self) -> Json {
        json!(self.0.as_str())
    }
}

/// A mail address without a name: `palisade@example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailAddress(String);

impl MailAddress {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for MailAddress {
    const FORM: &'static str = "a mail address such as \"palisade@example.com\"";

    fn read(raw: &Raw, cx: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let text = String::read(raw, cx)?;
        let plain = |c: char| {
            c.is_ascii_graphic() && !matches!(c, '<' | '>' | '"' | '(' | ')' | ',' | ';' | ':' | '\\')
        };
        let fits = text.split_once('@').is_some_and(|(user, host)| {
            !user.is_empty() && !host.is_empty() && !host.contains('@') && text.chars().all(plain)
        });
        if !fits {
            let what = format!("is \"{}\", no mail address", text.escape_debug());
            return Err(vec![raw.wrong(what, format!("write {}, without a name", Self::FORM))]);
        }
        Ok(Self(text))
    }

    fn shown(&self) -> Json {
        json!(self.0)
    }
}
