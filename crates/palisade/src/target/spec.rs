//! How a person names a target: `root:DIR`, `https://plant.example`, ...

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use host::ssh::Destination;
use model::report::TargetKind;
use probe::{Scheme, Server};

use super::service;

use probe::{ImageSource, ImageSubject};

/// A target as it is named on the command line or in an inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spec {
    /// The machine that Palisade runs on.
    Local,
    /// The file tree of a host that does not run.
    Root(PathBuf),
    /// A host over SSH.
    Ssh(Destination),
    /// A saved facts document.
    Facts(PathBuf),
    /// A server on the network.
    Endpoint(Server),
    /// Compose files: a folder, or one file or several of which the later ones are merged over the earlier.
    Compose(Vec<PathBuf>),
    /// A Dockerfile, or a folder of them.
    Dockerfile(PathBuf),
    /// The definition of a virtual machine, or a folder of them.
    Vm(PathBuf),
    /// A Kepware server's Configuration API.
    Kepware(String),
    /// The folder of a TRUE Connector.
    TrueConnector(PathBuf),
    /// A container image.
    Image(ImageSubject),
    /// Configuration files of a CODESYS runtime: a file or a folder.
    Codesys(PathBuf),
    /// A file of Nerve parameters.
    Nerve(PathBuf),
    /// A Nerve Management System's API.
    NerveApi(String),
}

/// The forms a target is named in, for messages and help: the form and what it is.
const FORMS: &[(&str, &str)] = &[
    ("local", "this host"),
    ("root:DIR", "the tree of a host that does not run"),
    ("ssh://USER@HOST:PORT", "a host over SSH"),
    ("facts:FILE", "a saved facts document"),
    ("https://HOST[:PORT][/PATH]", "a web server; also http://"),
    ("tls://HOST:PORT", "any server that speaks TLS"),
    ("ssh-server://HOST[:PORT]", "an SSH server, from outside"),
    ("opc.tcp://HOST[:PORT][/PATH]", "an OPC UA server"),
    ("mqtts://HOST[:PORT]", "an MQTT broker; also mqtt://"),
    ("compose:PATH", "a compose file or folder; several files with commas"),
    ("dockerfile:PATH", "a Dockerfile, or a folder of them"),
    ("vm:PATH", "libvirt's XML of a virtual machine, or a folder of it"),
    ("true-connector:DIR", "the folder of a TRUE Connector"),
    ("codesys:PATH", "CODESYSControl.cfg of another machine, or its folder"),
    ("nerve:FILE", "parameters of a Nerve Management System, or a node's DNA"),
    ("nerve:https://HOST[:PORT]", "a Nerve Management System, by its API"),
    ("kepware:https://HOST:57512", "a Kepware server, by its Configuration API"),
    ("docker-archive:FILE", "an image that `docker save` wrote"),
    ("oci:DIR", "an OCI image layout, or a tar archive of one"),
    ("image:NAME", "an image of the local Docker engine"),
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
        let url = || service::check(rest).map(|()| rest.to_owned());
        match kind {
            "ssh" => {
                let place = rest.strip_prefix("//").ok_or("an SSH target is written ssh://USER@HOST:PORT")?;
                place.parse().map(Self::Ssh)
            }
            "root" => path().map(Self::Root),
            "facts" => path().map(Self::Facts),
            kind if rest.starts_with("//") && Scheme::ALL.iter().any(|scheme| scheme.name() == kind) => {
                text.parse().map(Self::Endpoint)
            }
            "compose" => {
                path().map(|path| Self::Compose(path.to_string_lossy().split(',').map(PathBuf::from).collect()))
            }
            "dockerfile" => path().map(Self::Dockerfile),
            "vm" => path().map(Self::Vm),
            "true-connector" => path().map(Self::TrueConnector),
            "codesys" => path().map(Self::Codesys),
            "nerve" if rest.starts_with("https://") || rest.starts_with("http://") => url().map(Self::NerveApi),
            "nerve" => path().map(Self::Nerve),
            "kepware" => url().map(Self::Kepware),
            "docker-archive" => path().map(|path| image(ImageSource::DockerArchive(path))),
            "oci" => path().map(|path| image(ImageSource::Oci(path))),
            "image" if rest.is_empty() => Err("`image:` names no image".to_owned()),
            "image" => Ok(image(ImageSource::Engine(rest.to_owned()))),
            _ => {
                let forms: Vec<String> = FORMS.iter().map(|(form, what)| format!("{form} ({what})")).collect();
                Err(format!("no kind of target is written like this; there are {}", forms.join(", ")))
            }
        }
    }
}

impl Spec {
    /// The help of an argument that names targets.
    pub(crate) fn help() -> String {
        let mut help =
            "What to audit instead of this host. May be given several times; they are read side by side.\n"
                .to_owned();
        for (form, what) in FORMS {
            help.push_str(&format!("\n{form:28} {what}"));
        }
        help
    }

    /// The same target, its path taken from `folder` when it is relative.
    pub(crate) fn below(self, folder: &Path) -> Self {
        match self {
            Self::Local => Self::Local,
            Self::Ssh(to) => Self::Ssh(to),
            Self::Root(path) => Self::Root(folder.join(path)),
            Self::Facts(path) => Self::Facts(folder.join(path)),
            Self::Endpoint(server) => Self::Endpoint(server),
            Self::Compose(paths) => Self::Compose(paths.iter().map(|path| folder.join(path)).collect()),
            Self::Dockerfile(path) => Self::Dockerfile(folder.join(path)),
            Self::Vm(path) => Self::Vm(folder.join(path)),
            Self::Kepware(url) => Self::Kepware(url),
            Self::TrueConnector(dir) => Self::TrueConnector(folder.join(dir)),
            Self::Image(subject) => Self::Image(ImageSubject {
                source: match subject.source {
                    ImageSource::DockerArchive(path) => ImageSource::DockerArchive(folder.join(path)),
                    ImageSource::Oci(path) => ImageSource::Oci(folder.join(path)),
                    engine @ ImageSource::Engine(_) => engine,
                },
                ..subject
            }),
            Self::Codesys(path) => Self::Codesys(folder.join(path)),
            Self::Nerve(file) => Self::Nerve(folder.join(file)),
            Self::NerveApi(url) => Self::NerveApi(url),
        }
    }

    /// What it is, where that is known before it is read.
    pub(crate) fn kind(&self) -> Option<TargetKind> {
        match self {
            Self::Local | Self::Ssh(_) => Some(TargetKind::Host),
            Self::Root(_) => Some(TargetKind::Root),
            Self::Facts(_) => None,
            Self::Endpoint(_) => Some(TargetKind::Endpoint),
            Self::Compose(_) => Some(TargetKind::Compose),
            Self::Dockerfile(_) => Some(TargetKind::Dockerfile),
            Self::Vm(_) => Some(TargetKind::Vm),
            Self::Kepware(_) => Some(TargetKind::Kepware),
            Self::TrueConnector(_) => Some(TargetKind::TrueConnector),
            Self::Image(_) => Some(TargetKind::Image),
            Self::Codesys(_) => Some(TargetKind::Codesys),
            Self::Nerve(_) | Self::NerveApi(_) => Some(TargetKind::Nerve),
        }
    }

    /// Whether reading it is waiting for a network, for the most part.
    pub(crate) fn waits(&self) -> bool {
        matches!(self, Self::Endpoint(_))
    }

    /// The same target; if it is an image, its packages are compared with the vulnerabilities of this file.
    pub(crate) fn with_vulnerabilities(&self, file: Option<&Path>) -> Self {
        match self {
            Self::Image(subject) => {
                Self::Image(ImageSubject { vulnerabilities: file.map(Path::to_owned), ..subject.clone() })
            }
            other => other.clone(),
        }
    }
}

fn image(source: ImageSource) -> Spec {
    Spec::Image(ImageSubject { source, vulnerabilities: None })
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("local"),
            Self::Ssh(to) => write!(f, "ssh://{to}"),
            Self::Root(dir) => write!(f, "root:{}", dir.display()),
            Self::Facts(file) => write!(f, "facts:{}", file.display()),
            Self::Endpoint(server) => server.fmt(f),
            Self::Compose(paths) => {
                let paths: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
                write!(f, "compose:{}", paths.join(","))
            }
            Self::Dockerfile(path) => write!(f, "dockerfile:{}", path.display()),
            Self::Vm(path) => write!(f, "vm:{}", path.display()),
            Self::Kepware(url) => write!(f, "kepware:{url}"),
            Self::TrueConnector(dir) => write!(f, "true-connector:{}", dir.display()),
            Self::Image(subject) => subject.source.fmt(f),
            Self::Codesys(path) => write!(f, "codesys:{}", path.display()),
            Self::Nerve(file) => write!(f, "nerve:{}", file.display()),
            Self::NerveApi(url) => write!(f, "nerve:{url}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind.
    const WRITTEN: &[&str] = &[
        "local",
        "root:/mnt/disk",
        "ssh://ann@plant-7:2222",
        "facts:plant.json",
        "https://plant.example:8443/login",
        "opc.tcp://plant.example:4841",
        "mqtts://[2001:db8::1]",
        "compose:/srv/app",
        "compose:a.yaml,b.yaml",
        "dockerfile:app/Dockerfile",
        "vm:/etc/libvirt/qemu",
        "kepware:https://plant-7:57512",
        "true-connector:/srv/tc",
        "docker-archive:app.tar",
        "oci:layout",
        "image:reg.example:5000/app:1",
        "codesys:plc/a.cfg",
        "nerve:ms.yaml",
        "nerve:https://ms.example:8443",
    ];

    #[test]
    fn targets_are_read_as_they_are_written() {
        for text in WRITTEN {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), *text);
        }
        assert!("root:".parse::<Spec>().unwrap_err().contains("names no path"));
        assert!("ssh://-oProxyCommand=id".parse::<Spec>().unwrap_err().contains("begins with `-`"));
        assert!("ssh:plant".parse::<Spec>().unwrap_err().contains("ssh://USER@HOST"));
        assert!("tls://x".parse::<Spec>().unwrap_err().contains("needs a port"));
        assert!("nerve:https://ann:secret@ms.example".parse::<Spec>().unwrap_err().contains("credentials"));
        assert!("kepware:plant-7".parse::<Spec>().unwrap_err().contains("https://"));
        assert!("gopher://x".parse::<Spec>().unwrap_err().contains("root:DIR"));
    }
}
