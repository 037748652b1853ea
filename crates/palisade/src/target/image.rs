//! Images as targets: archives, OCI layouts, images of the local engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use host::{Door, Local};
use model::report::{Target, TargetKind};
use probe::{IMAGE_PROBES, ImageSource, ImageSubject, Subject};

use super::{Opened, files};

/// Opens an image: what is named must be there.
pub(super) fn open(subject: &ImageSubject) -> Result<Opened> {
    let mut subject = subject.clone();
    let target = match &subject.source {
        ImageSource::DockerArchive(path) | ImageSource::Oci(path) => files(TargetKind::Image, path),
        ImageSource::Engine(name) => Target { kind: TargetKind::Image, name: name.clone(), id: String::new() },
    };
    let door = Door::new(Arc::new(Local::new()));
    if let ImageSource::DockerArchive(path) | ImageSource::Oci(path) = &mut subject.source {
        *path = absolute(&door, path)?;
    }
    if let Some(path) = &mut subject.vulnerabilities {
        *path = absolute(&door, path).context("the data of vulnerabilities cannot be read")?;
    }
    Ok(Opened { door, target, subject: Subject::Image(subject), probes: IMAGE_PROBES })
}

/// The path as the door wants it, of something that is there.
fn absolute(door: &Door, path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).with_context(|| format!("cannot find {}", path.display()))?;
    door.stat(&path)?;
    Ok(path)
}
