//! An image as a target: an archive, an OCI layout or what the local engine hands out, read once from beginning to end.
//! Nothing is unpacked to disk. What is found becomes facts of the same shape as those of an engine's images.

mod facts;
mod heard;
mod layer;
mod manifest;
mod packages;
mod secret_kinds;
pub(crate) mod secrets;
mod store;
mod stream;
mod tar;
mod vulnerabilities;

use std::path::{Path, PathBuf};

use host::{Door, FileKind};
use model::Fact;
use model::facts::docker::{Docker, Image, Vulnerability};

pub use self::heard::heard;

use self::manifest::Parts;
use self::store::{Folder, Members};
use self::stream::Budget;
use crate::fact::reason;
use crate::{Context, Subject};

const NO_DATA: &str = "no data of vulnerabilities was given; name an export of OSV or of Debian's security tracker with \
                       --vulnerabilities FILE";

/// Where an image comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageSource {
    /// An archive as `docker save` writes it.
    DockerArchive(PathBuf),
    /// The folder of an OCI layout, or an archive of one.
    Oci(PathBuf),
    /// An image of the local engine.
    Engine(String),
}

/// An image to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSubject {
    /// Where it comes from.
    pub source: ImageSource,
    /// A file of known vulnerabilities to compare its packages with.
    pub vulnerabilities: Option<PathBuf>,
}

impl std::fmt::Display for ImageSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DockerArchive(path) => write!(f, "docker-archive:{}", path.display()),
            Self::Oci(path) => write!(f, "oci:{}", path.display()),
            Self::Engine(name) => write!(f, "image:{name}"),
        }
    }
}

/// Reads the images of the target as section `docker`.
pub(crate) fn probe(cx: &Context) -> Fact<Docker> {
    let Subject::Image(subject) = &cx.subject else {
        return Fact::unreadable("the target is no image");
    };
    match images(&cx.door, subject) {
        Ok(images) => Fact::known(crate::docker::from_files(
            Fact::Absent,
            Fact::read_at(images, subject.source.to_string()),
        )),
        Err(reason) => Fact::unreadable(reason),
    }
}

fn images(door: &Door, subject: &ImageSubject) -> Result<Vec<Image>, String> {
    let budget = Budget::new(door);
    let parts = match &subject.source {
        ImageSource::DockerArchive(path) => archive(door, path, true, &budget)?,
        ImageSource::Oci(path) => {
            let stat = door.stat(path).map_err(|error| reason(&error, door))?;
            if stat.kind == FileKind::Directory {
                let mut folder = Folder::new(door, &path.display().to_string(), budget);
                manifest::images(&mut folder, false).map_err(|why| format!("{}: {why}", path.display()))?
            } else {
                archive(door, path, false, &budget)?
            }
        }
        ImageSource::Engine(name) => {
            let stream = crate::docker::saved_image(door, name)?;
            let unreadable = |error: std::io::Error| format!("what the engine hands out of {name}: {error}");
            let mut members = Members::read(stream, u64::MAX, &budget).map_err(unreadable)?;
            manifest::images(&mut members, true)
                .map_err(|why| format!("what the engine hands out of {name}: {why}"))?
        }
    };
    parts.iter().map(|parts| image(door, subject, parts, parts_name(subject, parts))).collect()
}

fn archive(door: &Door, path: &Path, docker: bool, budget: &Budget) -> Result<Vec<Parts>, String> {
    let file = door.open(path).map_err(|error| reason(&error, door))?;
    let size = door.stat(path).map_err(|error| reason(&error, door))?.size;
    let told = |why: String| format!("{}: {why}", path.display());
    let mut members = Members::read(file, size, budget).map_err(|error| told(error.to_string()))?;
    manifest::images(&mut members, docker).map_err(told)
}

/// What an image without a name is called: the file or folder it stands in.
fn parts_name(subject: &ImageSubject, parts: &Parts) -> String {
    if let Some(tag) = parts.tags.first() {
        return tag.clone();
    }
    match &subject.source {
        ImageSource::DockerArchive(path) | ImageSource::Oci(path) => path
            .file_name()
            .map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned()),
        ImageSource::Engine(name) => name.clone(),
    }
}

fn image(door: &Door, subject: &ImageSubject, parts: &Parts, name: String) -> Result<Image, String> {
    let mut image = facts::image(parts, name, &subject.source.to_string());
    let Fact::Known(contents, _) = &mut image.contents else { return Ok(image) };
    let Some(path) = &subject.vulnerabilities else {
        contents.fixable_vulnerabilities = Fact::unreadable(NO_DATA);
        contents.open_vulnerabilities = Fact::unreadable(NO_DATA);
        contents.vulnerability_data = Fact::Absent;
        return Ok(image);
    };
    let told = vulnerabilities::compare(door, path, &contents.packages, &facts::release(parts))?;
    let part = |mended: bool| -> Fact<Vec<Vulnerability>> {
        let is_wanted = |one: &Vulnerability| one.fixed_version.value().is_some() == mended;
        let part = told.found.clone().map(|all| all.into_iter().filter(is_wanted).collect::<Vec<_>>());
        match &told.left_out {
            // What was found is told, whatever else there may be.
            Some(why) if part.value().is_some_and(Vec::is_empty) => Fact::unreadable(why.clone()),
            _ => part,
        }
    };
    contents.fixable_vulnerabilities = part(true);
    contents.open_vulnerabilities = part(false);
    contents.vulnerability_data = Fact::known(told.data);
    Ok(image)
}

#[cfg(test)]
mod tests;
