//! What a service mounts: volumes in both forms, and tmpfs.

use model::Fact;
use model::facts::docker::Mount;

use super::configs;
use super::load::Project;
use super::values::{at, switch, text};
use crate::docker::mounts::{gives_engine_socket, is_sensitive, resolved};
use crate::yaml::{Node, Place, Value};

/// What `use_api_socket` mounts.
const API_SOCKET: &str = "/var/run/docker.sock";
/// Services whose volumes one service takes, each time it takes them.
const FROM_LIMIT: usize = 256;
/// Mounts of one service, with those of others.
const MOUNT_LIMIT: usize = 4096;
/// What the options of a mount are called that say how mounts below it spread.
const PROPAGATION: &[&str] = &["private", "rprivate", "shared", "rshared", "slave", "rslave"];

/// All mounts of a service that stands at `named`.
pub(super) fn mounts(project: &Project, service: &Node, named: &Place) -> Fact<Vec<Mount>> {
    let keys = ["volumes", "tmpfs", "configs", "secrets", "volumes_from"];
    let place = keys.iter().find_map(|key| service.entry(key)).map_or(named, |entry| &entry.at);
    let mut left = FROM_LIMIT;
    match of_service(project, service, &mut left) {
        Ok(all) => at(all, place),
        Err(why) => Fact::unreadable(why),
    }
}

fn of_service(project: &Project, service: &Node, left: &mut usize) -> Result<Vec<Mount>, String> {
    let mut all = Vec::new();
    for (key, is_tmpfs) in [("volumes", false), ("tmpfs", true)] {
        let Some(node) = service.get(key) else { continue };
        let items = if node.text().is_some() { std::slice::from_ref(node) } else { node.items() };
        for item in items {
            all.push(if is_tmpfs { tmpfs(item) } else { volume(project, item) }?);
        }
    }
    all.extend(configs::mounts(project, service)?);
    if let Some(node) = service.get("use_api_socket") {
        match switch(node) {
            Fact::Known(true, _) => {
                let target = API_SOCKET.to_owned();
                all.push(mount(project, node, "bind", API_SOCKET, target, Fact::known(true), Fact::Absent)?);
            }
            Fact::Unreadable(why) => return Err(why),
            Fact::Known(false, _) | Fact::Absent => {}
        }
    }
    for item in service.get("volumes_from").map(Node::items).unwrap_or_default() {
        let said = known(text(item))?;
        let (name, mode) = said.split_once(':').unwrap_or((said.as_str(), ""));
        if name == "container" {
            return Err(format!("{}: which mounts another container has its project does not say", item.at));
        }
        let services = project.section("services");
        let Some(other) = services.iter().find(|entry| entry.name == name) else { continue };
        *left = left.checked_sub(1).ok_or_else(|| {
            format!("{}: services take their volumes from each other in a circle, or too often", item.at)
        })?;
        for mut mount in of_service(project, &other.node, left)? {
            if mode == "ro" {
                mount.read_write = Fact::known(false);
            }
            all.push(mount);
            if all.len() > MOUNT_LIMIT {
                return Err(format!("{}: more than {MOUNT_LIMIT} mounts", item.at));
            }
        }
    }
    Ok(all)
}

pub(super) fn known(fact: Fact<String>) -> Result<String, String> {
    match fact {
        Fact::Known(text, _) => Ok(text),
        Fact::Absent => Ok(String::new()),
        Fact::Unreadable(why) => Err(why),
    }
}

fn tmpfs(item: &Node) -> Result<Mount, String> {
    let text = known(text(item))?;
    let destination = text.split(':').next().unwrap_or_default().to_owned();
    Ok(Mount {
        kind: "tmpfs".to_owned(),
        host_path: Fact::Absent,
        volume: Fact::Absent,
        destination,
        read_write: Fact::known(true),
        propagation: Fact::Absent,
        source: item.at.to_string(),
        ..Mount::default()
    })
}

fn volume(project: &Project, item: &Node) -> Result<Mount, String> {
    if let Value::Map(_) = item.value {
        let says = |name: &str| item.get(name).map_or(Ok(String::new()), |node| known(text(node)));
        let (kind, source, target) = (says("type")?, says("source")?, says("target")?);
        let read_write = item.get("read_only").map_or(Fact::known(false), switch).map(|read_only| !read_only);
        let propagation = item.get("bind").and_then(|bind| bind.get("propagation")).map_or(Fact::Absent, text);
        return mount(project, item, &kind, &source, target, read_write, propagation);
    }
    // `${DATA}:/data` without a value is a mount all the same, but nobody knows of what.
    let text = known(text(item))?;
    let mut parts = text.split(':');
    let first = parts.next().unwrap_or_default();
    let Some(target) = parts.next() else {
        return mount(project, item, "volume", "", first.to_owned(), Fact::known(true), Fact::Absent);
    };
    let options: Vec<&str> = parts.next().unwrap_or_default().split(',').collect();
    let is_path = first.starts_with(['/', '.', '~']);
    let propagation = options.iter().find(|option| PROPAGATION.contains(option));
    mount(
        project,
        item,
        if is_path { "bind" } else { "volume" },
        first,
        target.to_owned(),
        Fact::known(!options.contains(&"ro")),
        Fact::from_option(propagation.map(|&option| option.to_owned())),
    )
}

pub(super) fn mount(
    project: &Project,
    item: &Node,
    kind: &str,
    source: &str,
    destination: String,
    read_write: Fact<bool>,
    propagation: Fact<String>,
) -> Result<Mount, String> {
    let host_path = match kind {
        "bind" => Some(project.absolute(&item.at, source).unwrap_or_else(|| source.to_owned())),
        _ => device(project, source)?,
    };
    let path = host_path.as_deref().filter(|path| path.starts_with('/')).map(resolved);
    let writable = read_write != Fact::known(false);
    Ok(Mount {
        kind: if kind.is_empty() { "volume" } else { kind }.to_owned(),
        is_engine_socket: path.as_deref().is_some_and(gives_engine_socket),
        is_sensitive_host_path: path.as_deref().is_some_and(|path| is_sensitive(path, writable)),
        host_path: Fact::from_option(host_path),
        volume: if kind == "bind" || source.is_empty() { Fact::Absent } else { Fact::known(source.to_owned()) },
        destination,
        read_write,
        propagation,
        source: item.at.to_string(),
    })
}

/// The directory of the host that a named volume is bound to.
fn device(project: &Project, volume: &str) -> Result<Option<String>, String> {
    let entry = project.section("volumes").iter().find(|entry| entry.name == volume);
    let device = entry.and_then(|entry| entry.node.get("driver_opts")?.get("device"));
    let Some(device) = device else { return Ok(None) };
    Ok(project.absolute(&device.at, &known(text(device))?))
}
