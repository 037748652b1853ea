//! How a person names a target: `root:DIR`, `https://plant.example`, ...

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::service;

/// A target as it is named on the command line or in an inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spec {
    /// The machine that Palisade runs on.
    Local,
    /// The file tree of a host that does not run.
    Root(PathBuf),
    /// A saved facts document.
    Facts(PathBuf),
    /// A Kepware server's Configuration API.
    Kepware(String),
    /// The folder of a TRUE Connector.
    TrueConnector(PathBuf),
    /// Configuration files of a CODESYS runtime: a file or a folder.
    Codesys(PathBuf),
    /// A file of Nerve parameters.
    Nerve(PathBuf),
}

/// The forms a target is named in, for messages and help: the form and what it is.
const FORMS: &[(&str, &str)] = &[
    ("local", "this host"),
    ("root:DIR", "the tree of a host that does not run"),
    ("facts:FILE", "a saved facts document"),
    ("true-connector:DIR", "the folder of a TRUE Connector"),
    ("codesys:PATH", "CODESYSControl.cfg of another machine, or its folder"),
    ("nerve:FILE", "parameters of a Nerve Management System, or a node's DNA"),
    ("kepware:https://HOST:57512", "a Kepware server, by its Configuration API"),
];

impl FromStr for Spec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "local" {
            return Ok(Self::Local);
        }
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let path = || if rest.is_empty() { Err(format!("`{kind}:` names no path")) } else { Ok(PathBuf::from(rest)) };
        let url = || service::check(rest).map(|()| rest.to_owned());
        match kind {
            "root" => path().map(Self::Root),
            "facts" => path().map(Self::Facts),
            "true-connector" => path().map(Self::TrueConnector),
            "codesys" => path().map(Self::Codesys),
            "nerve" => path().map(Self::Nerve),
            "kepware" => url().map(Self::Kepware),
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
            Self::Kepware(url) => Self::Kepware(url),
            Self::TrueConnector(dir) => Self::TrueConnector(folder.join(dir)),
            Self::Codesys(path) => Self::Codesys(folder.join(path)),
            Self::Nerve(file) => Self::Nerve(folder.join(file)),
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Root(dir) => write!(f, "root:{}", dir.display()),
            Self::Facts(file) => write!(f, "facts:{}", file.display()),
            Self::Kepware(url) => write!(f, "kepware:{url}"),
            Self::TrueConnector(dir) => write!(f, "true-connector:{}", dir.display()),
            Self::Codesys(path) => write!(f, "codesys:{}", path.display()),
            Self::Nerve(file) => write!(f, "nerve:{}", file.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_they_are_written() {
        for text in ["local", "root:/mnt/disk", "facts:plant.json", "kepware:https://plant-7:57512", "true-connector:/srv/tc", "codesys:plc/a.cfg", "nerve:ms.yaml"] {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
        }
        assert!("root:".parse::<Spec>().unwrap_err().contains("names no path"));
        assert!("kepware:plant-7".parse::<Spec>().unwrap_err().contains("https://"));
        assert!("gopher://x".parse::<Spec>().unwrap_err().contains("root:DIR"));
    }
}
