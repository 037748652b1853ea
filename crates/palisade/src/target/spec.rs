//! How a person names a target: `root:DIR`, `https://plant.example`, ...

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use probe::{Scheme, Server};

/// A target as it is named on the command line or in an inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spec {
    /// The machine that Palisade runs on.
    Local,
    /// The file tree of a host that does not run.
    Root(PathBuf),
    /// A saved facts document.
    Facts(PathBuf),
    /// A server on the network.
    Endpoint(Server),
}

/// The forms a target is named in, for messages and help: the form and what it is.
const FORMS: &[(&str, &str)] = &[
    ("local", "this host"),
    ("root:DIR", "the tree of a host that does not run"),
    ("facts:FILE", "a saved facts document"),
    ("https://HOST[:PORT][/PATH]", "a web server; also http://"),
    ("tls://HOST:PORT", "any server that speaks TLS"),
    ("ssh-server://HOST[:PORT]", "an SSH server, from outside"),
    ("opc.tcp://HOST[:PORT][/PATH]", "an OPC UA server"),
    ("mqtts://HOST[:PORT]", "an MQTT broker; also mqtt://"),
];

impl FromStr for Spec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "local" {
            return Ok(Self::Local);
        }
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let path =
            || if rest.is_empty() { Err(format!("`{kind}:` names no path")) } else { Ok(PathBuf::from(rest)) };
        match kind {
            "root" => path().map(Self::Root),
            "facts" => path().map(Self::Facts),
            kind if rest.starts_with("//") && Scheme::ALL.iter().any(|scheme| scheme.name() == kind) => {
                text.parse().map(Self::Endpoint)
            }
            _ => {
                let forms: Vec<String> = FORMS.iter().map(|(form, what)| format!("{form} ({what})")).collect();
                Err(format!("no kind of target is written like this; there are {}", forms.join(", ")))
            }
        }
    }
}

impl Spec {
    /// The same target, its path taken from `folder` when it is relative.
    pub(crate) fn below(self, folder: &Path) -> Self {
        match self {
            Self::Local => Self::Local,
            Self::Root(path) => Self::Root(folder.join(path)),
            Self::Facts(path) => Self::Facts(folder.join(path)),
            Self::Endpoint(server) => Self::Endpoint(server),
        }
    }

    /// Whether reading it is waiting for a network, for the most part.
    pub(crate) fn waits(&self) -> bool {
        matches!(self, Self::Endpoint(_))
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Root(dir) => write!(f, "root:{}", dir.display()),
            Self::Facts(file) => write!(f, "facts:{}", file.display()),
            Self::Endpoint(server) => server.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_they_are_written() {
        for text in [
            "local",
            "root:/mnt/disk",
            "facts:plant.json",
            "https://plant.example:8443/login",
            "opc.tcp://plant.example:4841",
            "mqtts://[2001:db8::1]",
        ] {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
        }
        assert!("root:".parse::<Spec>().unwrap_err().contains("names no path"));
        assert!("tls://x".parse::<Spec>().unwrap_err().contains("needs a port"));
        assert!("gopher://x".parse::<Spec>().unwrap_err().contains("root:DIR"));
    }
}
