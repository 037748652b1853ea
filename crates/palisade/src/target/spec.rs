//! How a person names a target: `root:DIR`, `https://plant.example`, ...

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use probe::{ImageSource, ImageSubject};

/// A target as it is named on the command line or in an inventory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Spec {
    /// The machine that Palisade runs on.
    Local,
    /// The file tree of a host that does not run.
    Root(PathBuf),
    /// A saved facts document.
    Facts(PathBuf),
    /// A container image.
    Image(ImageSubject),
}

/// The forms a target is named in, for messages and help: the form and what it is.
const FORMS: &[(&str, &str)] = &[
    ("local", "this host"),
    ("root:DIR", "the tree of a host that does not run"),
    ("facts:FILE", "a saved facts document"),
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
        match kind {
            "root" => path().map(Self::Root),
            "facts" => path().map(Self::Facts),
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
    /// The same target, its path taken from `folder` when it is relative.
    pub(crate) fn below(self, folder: &Path) -> Self {
        match self {
            Self::Local => Self::Local,
            Self::Root(path) => Self::Root(folder.join(path)),
            Self::Facts(path) => Self::Facts(folder.join(path)),
            Self::Image(subject) => Self::Image(ImageSubject {
                source: match subject.source {
                    ImageSource::DockerArchive(path) => ImageSource::DockerArchive(folder.join(path)),
                    ImageSource::Oci(path) => ImageSource::Oci(folder.join(path)),
                    engine @ ImageSource::Engine(_) => engine,
                },
                ..subject
            }),
        }
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
            Self::Root(dir) => write!(f, "root:{}", dir.display()),
            Self::Facts(file) => write!(f, "facts:{}", file.display()),
            Self::Image(subject) => subject.source.fmt(f),
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
            "docker-archive:app.tar",
            "oci:layout",
            "image:reg.example:5000/app:1",
        ] {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
        }
        assert!("root:".parse::<Spec>().unwrap_err().contains("names no path"));
        assert!("gopher://x".parse::<Spec>().unwrap_err().contains("root:DIR"));
    }
}
