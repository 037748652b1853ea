//! The targets: how they are named, the way to each, and what is read of it.

mod credentials;
mod endpoint;
mod files;
mod image;
mod progress;
mod service;
mod spec;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use host::ssh::{Destination, Ssh};
use host::{Door, Local, Trace, Tree};
use model::report::{ProbeStatus, Target, TargetKind};
use model::{FactsDocument, Timestamp};
use probe::{
    CODESYS_PROBES, KEPWARE_PROBES, NERVE_API_PROBES, NERVE_PROBES, PROBES, Probe, Request, Subject,
    TRUE_CONNECTOR_PROBES,
};

pub(crate) use credentials::{Credentials, Reference};
pub(crate) use progress::Progress;
pub(crate) use spec::Spec;

use crate::input;
use crate::output::talk;

/// A target that can be asked: the way to it, what it is and what reads it.
pub(crate) struct Opened {
    /// The way to it.
    door: Door,
    /// What reports call it.
    target: Target,
    /// What it is.
    subject: Subject,
    /// What reads it.
    probes: &'static [Probe],
}

/// Opens a target, which for most kinds is the first time that something is asked of it.
fn open(spec: &Spec, credentials: &Credentials) -> Result<Opened> {
    match spec {
        Spec::Local => Ok(host(TargetKind::Host, Door::new(Arc::new(Local::new())), "this-host")),
        Spec::Root(dir) => Ok(host(TargetKind::Root, root(dir)?, &dir.display().to_string())),
        Spec::Ssh(to) => Ok(host(TargetKind::Host, ssh(to, credentials)?, to.host())),
        Spec::Endpoint(server) => endpoint::open(server, credentials),
        Spec::Kepware(url) => {
            let service = service::service(url, credentials, (57412, 57512))?;
            Ok(product(TargetKind::Kepware, &service.host.clone(), Subject::Kepware(service), KEPWARE_PROBES))
        }
        Spec::TrueConnector(dir) => Ok(Opened {
            door: root(dir)?,
            target: files(TargetKind::TrueConnector, dir),
            subject: Subject::TrueConnector("/".to_owned()),
            probes: TRUE_CONNECTOR_PROBES,
        }),
        Spec::Codesys(path) => {
            let (door, inside) = file_or_folder(path)?;
            let target = files(TargetKind::Codesys, path);
            Ok(Opened { door, target, subject: Subject::Codesys(inside), probes: CODESYS_PROBES })
        }
        Spec::Nerve(file) => {
            let (door, inside) = file_or_folder(file)?;
            let target = files(TargetKind::Nerve, file);
            Ok(Opened { door, target, subject: Subject::NerveFile(inside), probes: NERVE_PROBES })
        }
        Spec::NerveApi(url) => {
            let service = service::service(url, credentials, (80, 443))?;
            Ok(product(TargetKind::Nerve, &service.host.clone(), Subject::Nerve(service), NERVE_API_PROBES))
        }
        Spec::Facts(_) => bail!("a saved facts document cannot be asked again"),
        Spec::Compose(_) | Spec::Dockerfile(_) | Spec::Vm(_) => files::open(spec),
        Spec::Image(subject) => image::open(subject),
    }
}

/// Reads all of this host, or of the tree below `root`.
pub(crate) fn collect_all(root: Option<&Path>) -> Result<FactsDocument> {
    let spec = root.map_or(Spec::Local, |dir| Spec::Root(dir.to_owned()));
    collect(&spec, &Credentials::default(), &[], false, &Progress::new(1))
}

/// The door to this host, or to the tree below `root`.
pub(crate) fn door(root_dir: Option<&Path>) -> Result<Door> {
    root_dir.map_or_else(|| Ok(Door::new(Arc::new(Local::new()))), root)
}

fn root(dir: &Path) -> Result<Door> {
    if dir.exists() && !dir.is_dir() {
        bail!(
            "{} is not a folder; a root is the folder in which a system's /etc and /usr stand",
            dir.display()
        );
    }
    let tree = Tree::new(dir).with_context(|| format!("cannot enter {}", dir.display()))?;
    Ok(Door::new(Arc::new(tree)))
}

fn ssh(to: &Destination, credentials: &Credentials) -> Result<Door> {
    let to = to.clone().or_user(credentials.user.as_deref()).map_err(|problem| anyhow::anyhow!("{problem}"))?;
    if credentials.password.is_some() && credentials.identity.is_none() {
        bail!("{to}: SSH targets take keys and agents only, not passwords; name a private key as `identity`");
    }
    Ok(Door::new(Arc::new(Ssh::open(&to, credentials.identity.as_deref())?)))
}

/// A host behind any door; `otherwise` is what it is called when it does not say its name.
fn host(kind: TargetKind, door: Door, otherwise: &str) -> Opened {
    let target = Target { kind, name: name(&door, otherwise), id: line(&door, "/etc/machine-id") };
    Opened { door, target, subject: Subject::Host, probes: PROBES }
}

/// The door to a folder, or to the folder of a file, and the path behind it.
fn file_or_folder(path: &Path) -> Result<(Door, String)> {
    if path.is_dir() {
        return Ok((root(path)?, "/".to_owned()));
    }
    let name = path.file_name().with_context(|| format!("{} names no file", path.display()))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let door = root(folder)?;
    let inside = format!("/{}", name.to_string_lossy());
    if !door.exists(&inside) {
        bail!("{} is not there", path.display());
    }
    Ok((door, inside))
}

/// What reports call a target that is a file or a folder.
fn files(kind: TargetKind, path: &Path) -> Target {
    let name =
        path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    Target { kind, name, id: String::new() }
}

/// A product that is reached from this machine.
fn product(kind: TargetKind, name: &str, subject: Subject, probes: &'static [Probe]) -> Opened {
    let target = Target { kind, name: name.to_owned(), id: String::new() };
    Opened { door: Door::new(Arc::new(Local::new())), target, subject, probes }
}

/// Reads the wanted sections of a target; all when none is named.
pub(crate) fn collect(
    spec: &Spec,
    credentials: &Credentials,
    sections: &[String],
    trace: bool,
    progress: &Progress,
) -> Result<FactsDocument> {
    if let Spec::Facts(file) = spec {
        return input::facts(file);
    }
    let Opened { mut door, target, subject, probes } = open(spec, credentials)?;
    for section in sections {
        if !probes.iter().any(|probe| probe.name == section) {
            let names: Vec<&str> = probes.iter().map(|probe| probe.name).collect();
            let near = names.iter().min_by_key(|name| strsim::damerau_levenshtein(name, section));
            bail!(
                "there is no section `{section}`; did you mean `{}`? Sections: {}",
                near.unwrap_or(&""),
                names.join(", ")
            );
        }
    }
    let record = Arc::new(Trace::default());
    if trace {
        door = door.traced(Arc::clone(&record));
    }
    let (name, kind) = (target.name.clone(), target.kind);
    let request = Request { door: &door, target, subject, now: now(), sections, probes };
    let document = probe::collect(&request, &mut |event| progress.show(&name, event));
    progress.clear();
    if trace {
        for touch in record.touched() {
            talk(&format!("{:7} {}", touch.act, report::printable(&touch.object)));
        }
    }
    // Of a host something can always be told. Another target of which nothing could be read is no target.
    let unread = document.probes.iter().all(|run| run.status == ProbeStatus::Failed);
    match document.probes.first() {
        Some(run) if unread && !kind.facts().is_empty() => bail!("{spec} cannot be audited: {}", run.reason),
        _ => Ok(document),
    }
}

/// The clock: the only place that reads it.
#[expect(clippy::disallowed_methods, reason = "the binary is where time comes from")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

fn name(door: &Door, otherwise: &str) -> String {
    let running = if door.is_live() { line(door, "/proc/sys/kernel/hostname") } else { String::new() };
    let name = if running.is_empty() { line(door, "/etc/hostname") } else { running };
    if name.is_empty() { otherwise.to_owned() } else { name }
}

/// The most characters of a name: a host's own has at most 64, and every finding of a fleet may repeat it.
const NAME: usize = 255;

/// The first line of a file, or its beginning; empty when it cannot be read.
fn line(door: &Door, path: &str) -> String {
    door.read_text(path)
        .ok()
        .and_then(|text| text.lines().next().map(|line| line.trim().chars().take(NAME).collect()))
        .unwrap_or_default()
}
