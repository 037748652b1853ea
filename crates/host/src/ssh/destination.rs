//! Where to log in: `user@host:port`.

use std::fmt;
use std::str::FromStr;

/// A host to log in to. Its parts are safe to stand on the command line of `ssh`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

impl Destination {
    /// The name to log in with; none leaves it to the user's own settings of `ssh`.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The host's name, address or alias in the user's own settings of `ssh`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port; none leaves it to the user's own settings of `ssh`.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The same host with a user's name, where it has none.
    ///
    /// # Errors
    /// When the name is none that may stand on a command line.
    pub fn or_user(self, user: Option<&str>) -> Result<Self, String> {
        let user = match (self.user, user) {
            (Some(own), _) => Some(own),
            (None, Some(name)) => Some(checked("the user's name", name)?.to_owned()),
            (None, None) => None,
        };
        Ok(Self { user, ..self })
    }

    /// The host as `known_hosts` names it: `host`, or `[host]:port`.
    pub(super) fn known_as(&self) -> String {
        match self.port {
            Some(port) if port != 22 => format!("[{}]:{port}", self.host),
            _ => self.host.clone(),
        }
    }
}

impl FromStr for Destination {
    type Err = String;

    /// Reads `[user@]host[:port]`; IPv6 addresses stand in brackets.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let (user, place) = match text.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, text),
        };
        if user.is_some_and(|user| user.contains(':')) {
            return Err(
                "a password cannot stand in a target's name, where others could read it; SSH targets take \
                        keys and agents only"
                    .to_owned(),
            );
        }
        let user = user.map(|user| checked("the user's name", user).map(str::to_owned)).transpose()?;
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or("the address has no closing bracket")?;
                if !after.is_empty() && !after.starts_with(':') {
                    return Err(format!("`{after}` after the address is no port"));
                }
                (host, after.strip_prefix(':'))
            }
            None => match place.split_once(':') {
                Some((_, port)) if port.contains(':') => {
                    return Err(format!("write the IPv6 address in brackets: [{place}]"));
                }
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let port = port
            .map(|port| {
                let number = port.parse::<u16>().ok().filter(|number| *number != 0);
                number.ok_or_else(|| format!("`{port}` is no port: 1 to 65535"))
            })
            .transpose()?;
        Ok(Self { user, host: checked("the host's name", host)?.to_owned(), port })
    }
}

/// Refuses what `ssh` could take for an option, or what a `ProxyCommand` could hand to a shell.
fn checked<'a>(what: &str, text: &'a str) -> Result<&'a str, String> {
    if text.is_empty() {
        return Err(format!("{what} is empty"));
    }
    if text.starts_with('-') {
        return Err(format!("{what} begins with `-`"));
    }
    let strange = |c: char| c.is_control() || c.is_whitespace() || "'`\"$\\;&<>|(){}/?#*!~^,".contains(c);
    match text.chars().find(|c| strange(*c)) {
        Some(c) => Err(format!("{what} has {c:?} in it")),
        None => Ok(text),
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?
        } else {
            f.write_str(&self.host)?
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn destinations_are_read_as_they_are_written() {
        for text in ["plant", "root@plant-7.example:2222", "a@b@plant", "ann@[fe80::1%eth0]:22", "[::1]"] {
            assert_eq!(text.parse::<Destination>().unwrap().to_string(), text);
        }
        let with = |text: &str| text.parse::<Destination>().unwrap().or_user(Some("ann")).unwrap().to_string();
        assert_eq!(with("plant"), "ann@plant");
        assert_eq!(with("bob@plant"), "bob@plant");
        assert!("plant".parse::<Destination>().unwrap().or_user(Some("-oProxyCommand=x")).is_err());
        let known = |text: &str| text.parse::<Destination>().unwrap().known_as();
        assert_eq!(known("plant:22"), "plant");
        assert_eq!(known("plant:2222"), "[plant]:2222");
    }

    #[test]
    fn what_could_be_an_option_or_a_command_is_refused() {
        for text in [
            "",
            "@plant",
            "ann@",
            "-oProxyCommand=id",
            "ann@-F",
            "-l@plant",
            "plant\n",
            "a b",
            "pl$(id)ant",
            "ann'@x",
            "x:0",
            "x:99999",
            "x:",
            "::1",
            "[::1",
            "[::1]x",
            "ann:secret@plant",
            "x;id",
            "x/y",
        ] {
            assert!(text.parse::<Destination>().is_err(), "{text:?}");
        }
    }
}
