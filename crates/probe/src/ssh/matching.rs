//! The criteria of `Match` blocks, and connections that meet them.

use std::net::IpAddr;

use crate::ssh::config::keyword_and_rest;
use crate::ssh::glob;

/// A connection as criteria see it. What nobody knows is empty and meets nothing but `*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connection {
    pub(crate) user: String,
    /// Groups of the user.
    pub(crate) groups: Vec<String>,
    pub(crate) host: String,
    pub(crate) address: String,
    pub(crate) local_address: String,
    pub(crate) local_port: String,
}

/// One criterion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Criterion {
    All,
    User(String),
    Group(String),
    Host(String),
    Address(String),
    LocalAddress(String),
    LocalPort(String),
    /// One this version does not know: `rdomain`, those of later releases. Never met.
    Unknown,
}

/// A user and an address that stand for "none of those somebody named". The address is kept for documentation.
const NEUTRAL: [&str; 5] = ["palisade-nobody", "nowhere.invalid", "192.0.2.1", "192.0.2.2", "22"];

/// Entries of one list from which a name is made; whoever writes more names nobody with the first ones.
const MAX_TRIED: usize = 100;

/// The criteria of a `Match` line, the keyword taken off.
pub(crate) fn criteria(text: &str) -> Vec<Criterion> {
    let mut criteria = Vec::new();
    let mut rest = text;
    while let Some((name, after)) = keyword_and_rest(rest) {
        let name = name.to_ascii_lowercase();
        if name == "all" {
            criteria.push(Criterion::All);
            rest = after;
            continue;
        }
        let Some((value, after)) = keyword_and_rest(after) else {
            criteria.push(Criterion::Unknown);
            break;
        };
        let value = value.to_owned();
        criteria.push(match name.as_str() {
            "user" => Criterion::User(value),
            "group" => Criterion::Group(value),
            "host" => Criterion::Host(value.to_ascii_lowercase()),
            "address" => Criterion::Address(value),
            "localaddress" => Criterion::LocalAddress(value),
            "localport" => Criterion::LocalPort(value),
            _ => Criterion::Unknown,
        });
        rest = after;
    }
    criteria
}

impl Criterion {
    /// Whether the connection meets it. Without a connection only `all` is met, as when sshd starts.
    pub(crate) fn is_met(&self, connection: Option<&Connection>) -> bool {
        let Some(connection) = connection else { return *self == Self::All };
        match self {
            Self::All => true,
            Self::User(list) => in_list(list, &connection.user, glob_or_equal),
            Self::Group(list) => groups_fit(list, &connection.groups),
            Self::Host(list) => in_list(list, &connection.host, glob_or_equal),
            Self::Address(list) => in_list(list, &connection.address, address_fits),
            Self::LocalAddress(list) => in_list(list, &connection.local_address, address_fits),
            Self::LocalPort(list) => in_list(list, &connection.local_port, glob_or_equal),
            Self::Unknown => false,
        }
    }
}

impl Connection {
    /// A connection that nobody's criteria name.
    pub(crate) fn neutral() -> Self {
        let [user, host, address, local_address, local_port] = NEUTRAL.map(str::to_owned);
        Self { user, groups: Vec::new(), host, address, local_address, local_port }
    }

    /// A connection that meets all criteria, others as neutral as can be; none when none was found.
    /// `members` gives a user for a list of group patterns.
    pub(crate) fn meeting(
        criteria: &[&Criterion],
        members: impl Fn(&dyn Fn(&str) -> bool) -> Option<(String, Vec<String>)>,
    ) -> Option<Self> {
        let mut connection = Self::neutral();
        for criterion in criteria {
            match criterion {
                Criterion::All => {}
                Criterion::User(list) => connection.user = sample(list)?,
                Criterion::Host(list) => connection.host = sample(list)?,
                Criterion::Address(list) => connection.address = sample_address(list)?,
                Criterion::LocalAddress(list) => connection.local_address = sample_address(list)?,
                Criterion::LocalPort(list) => connection.local_port = sample(list)?,
                Criterion::Group(list) => {
                    let (user, groups) = members(&|group| in_list(list, group, glob_or_equal))?;
                    connection.user = user;
                    connection.groups = groups;
                }
                Criterion::Unknown => return None,
            }
        }
        criteria.iter().all(|criterion| criterion.is_met(Some(&connection))).then_some(connection)
    }

    /// The argument of `sshd -C`.
    pub(crate) fn test_argument(&self) -> String {
        format!(
            "user={},host={},addr={},laddr={},lport={}",
            self.user, self.host, self.address, self.local_address, self.local_port
        )
    }
}

/// Whether `name` is in a list with commas, where an entry with `!` rules out.
pub(crate) fn in_list(list: &str, name: &str, fits: impl Fn(&str, &str) -> bool) -> bool {
    let mut found = false;
    for entry in list.split(',') {
        match entry.strip_prefix('!') {
            Some(entry) if fits(entry, name) => return false,
            Some(_) => {}
            None => found |= fits(entry, name),
        }
    }
    found
}

/// Whether one of the groups is in the list, and none is ruled out by it.
pub(crate) fn groups_fit(list: &str, groups: &[String]) -> bool {
    let ruled_out = list
        .split(',')
        .filter_map(|entry| entry.strip_prefix('!'))
        .any(|entry| groups.iter().any(|group| glob_or_equal(entry, group)));
    !ruled_out && groups.iter().any(|group| in_list(list, group, glob_or_equal))
}

/// Whether a name fits a pattern of sshd's: only `*` and `?` mean something.
pub(crate) fn glob_or_equal(pattern: &str, name: &str) -> bool {
    if pattern.contains('[') { pattern == name } else { glob::matches(pattern, name) }
}

/// Whether an address fits `address`, `network/length` or a pattern.
pub(crate) fn address_fits(entry: &str, address: &str) -> bool {
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    match parse_network(entry) {
        Some((network, length)) => same_prefix(network, address, length),
        None => glob_or_equal(entry, &address.to_string()),
    }
}

fn parse_network(entry: &str) -> Option<(IpAddr, u32)> {
    match entry.split_once('/') {
        Some((network, length)) => Some((network.parse().ok()?, length.parse().ok()?)),
        None => {
            let address: IpAddr = entry.parse().ok()?;
            Some((address, if address.is_ipv4() { 32 } else { 128 }))
        }
    }
}

fn same_prefix(network: IpAddr, address: IpAddr, length: u32) -> bool {
    match (network, address) {
        (IpAddr::V4(a), IpAddr::V4(b)) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            u32::from(a) & mask == u32::from(b) & mask
        }
        (IpAddr::V6(a), IpAddr::V6(b)) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            u128::from(a) & mask == u128::from(b) & mask
        }
        _ => false,
    }
}

/// A name that a list of patterns takes.
fn sample(list: &str) -> Option<String> {
    let made = list
        .split(',')
        .filter(|entry| !entry.starts_with('!') && !entry.is_empty())
        .take(MAX_TRIED)
        .map(|entry| entry.replace(['*', '?'], "x"));
    // A name of our own would let other blocks' patterns alone where this list is `*`.
    std::iter::once(NEUTRAL[0].to_owned())
        .chain(made)
        .find(|name| in_list(list, name, glob_or_equal) && !name.contains([',', '=']))
}

fn sample_address(list: &str) -> Option<String> {
    let entries = list.split(',').filter(|entry| !entry.starts_with('!')).take(MAX_TRIED);
    let made = entries.map(|entry| match parse_network(entry) {
        Some((network, _)) => network.to_string(),
        None => entry.replace(['*', '?'], "1"),
    });
    std::iter::once(NEUTRAL[2].to_owned()).chain(made).find(|address| in_list(list, address, address_fits))
}
