//! What a service gets of the project's `configs:` and `secrets:`: files of the host, and texts of the compose file.

use model::Fact;
use model::facts::docker::Mount;

use super::load::Project;
use super::values::{at, text};
use super::volumes::{known, mount};
use crate::docker::json::clip;
use crate::image::secrets;
use crate::yaml::{Node, Place};

/// The contents of configurations are searched as a file of that name is.
const SEARCHED_AS: &str = "content.conf";

/// The files of the host that are mounted into a service: those of all configurations, and of secrets those that give more
/// away than a secret. Compose mounts each of them read-only.
pub(super) fn mounts(project: &Project, service: &Node) -> Result<Vec<Mount>, String> {
    let mut all = Vec::new();
    for (section, folder) in [("configs", ""), ("secrets", "/run/secrets")] {
        for (item, name, definition) in used(project, service, section)? {
            let Some(file) = definition.get("file") else { continue };
            let path = known(text(file))?;
            let path = project.absolute(&file.at, &path).unwrap_or(path);
            let target = item.get("target").map_or_else(|| Ok(name.clone()), |target| known(text(target)))?;
            let target = if target.starts_with('/') { target } else { format!("{folder}/{target}") };
            let one = mount(project, item, "bind", &path, target, Fact::known(false), Fact::Absent)?;
            if section == "configs" || one.is_engine_socket {
                all.push(one);
            }
        }
    }
    Ok(all)
}

/// Credentials in the contents of the configurations that a service gets: which, in which line, of what kind.
pub(super) fn credentials(project: &Project, service: &Node, named: &Place) -> Fact<Vec<String>> {
    let used = match used(project, service, "configs") {
        Ok(used) => used,
        Err(why) => return Fact::unreadable(why),
    };
    let mut found = Vec::new();
    let (mut place, mut unread) = (None, None);
    for (_, name, definition) in used {
        let Some(entry) = definition.entry("content") else { continue };
        let Some(content) = entry.node.text() else {
            unread = Some(format!("{}: this is no text", entry.at));
            continue;
        };
        let hits = secrets::search(SEARCHED_AS, content.text.as_bytes());
        if !hits.is_empty() {
            place = place.or(Some(&entry.at));
        } else if !content.unknown.is_empty() {
            unread = Some(format!("{}: {}", entry.at, content.unknown));
        }
        found.extend(hits.iter().map(|hit| format!("{} line {}: {}", clip(&name), hit.line, hit.kind)));
    }
    match unread {
        // One credential decides, whatever the contents that are not known say.
        Some(why) if found.is_empty() => Fact::unreadable(why),
        _ => at(found, place.unwrap_or(named)),
    }
}

/// What a service names in one of its lists: where, under which name, and the definition in the project's section.
fn used<'a>(
    project: &'a Project,
    service: &'a Node,
    section: &str,
) -> Result<Vec<(&'a Node, String, &'a Node)>, String> {
    let mut all = Vec::new();
    for item in service.get(section).map(Node::items).unwrap_or_default() {
        let name = known(text(item.get("source").unwrap_or(item)))?;
        if let Some(entry) = project.section(section).iter().find(|entry| entry.name == name) {
            all.push((item, name, &entry.node));
        }
    }
    Ok(all)
}
