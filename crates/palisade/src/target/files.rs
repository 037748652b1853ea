//! Targets that are files of this machine: compose projects, Dockerfiles, definitions of virtual machines.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use host::{Door, Local};
use model::report::{Target, TargetKind};
use probe::{COMPOSE_PROBES, DOCKERFILE_PROBES, Subject, VM_PROBES};

use super::{Opened, Spec};

/// Opens files.
pub(super) fn open(spec: &Spec) -> Result<Opened> {
    let (kind, subject, probes) = match spec {
        Spec::Compose(paths) => {
            let paths = paths.iter().map(|path| absolute(path)).collect::<Result<Vec<_>>>()?;
            (TargetKind::Compose, Subject::Compose { paths }, COMPOSE_PROBES)
        }
        Spec::Dockerfile(path) => {
            (TargetKind::Dockerfile, Subject::Dockerfile { path: absolute(path)? }, DOCKERFILE_PROBES)
        }
        Spec::Vm(path) => (TargetKind::Vm, Subject::Vm { path: absolute(path)? }, VM_PROBES),
        other => bail!("`{other}` names no files to read; this is a bug"),
    };
    let door = Door::new(Arc::new(Local::new()));
    let name = spec.to_string().split_once(':').map(|(_, path)| path.to_owned()).unwrap_or_default();
    Ok(Opened { door, target: Target { kind, name, id: String::new() }, subject, probes })
}

/// The path from the root, as text: places in it are what findings name.
fn absolute(path: &Path) -> Result<String> {
    let whole: PathBuf =
        std::path::absolute(path).with_context(|| format!("no folder to take {} from", path.display()))?;
    match whole.to_str() {
        Some(text) => Ok(text.trim_end_matches("/.").to_owned()),
        None => bail!("{} is not written in UTF-8", path.display()),
    }
}
