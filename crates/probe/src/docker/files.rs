//! Files of the host that steer the engine, and who may use its socket.

use host::{Door, FileKind};
use model::Fact;
use model::facts::docker::HostFile;

use super::find::Found;
use crate::fact::{IntoFact, if_any, reason};

/// Folders of registries under `certs.d`, and files in each: more are not made by people.
const REGISTRY_LIMIT: usize = 64;
const CONTAINERD_SOCKETS: &[&str] =
    &["/run/containerd/containerd.sock", "/run/docker/containerd/containerd.sock"];
const REGISTRY_CERTIFICATES: &str = "/etc/docker/certs.d";
/// Files that set variables for every user's shell.
const SHELL_FILES: &[&str] = &["/etc/environment", "/etc/profile", "/etc/bash.bashrc"];

/// Those that exist. One that cannot be looked at makes the list unreadable.
pub(super) fn files(door: &Door, found: &Found) -> Fact<Vec<HostFile>> {
    let text = |name| found.settings.text(name).value().cloned();
    let mut wanted: Vec<(&str, String)> = Vec::new();
    wanted.extend(found.program.clone().map(|path| ("program", path)));
    wanted.extend(found.units.iter().cloned().map(|path| ("unit", path)));
    wanted.push(("config-directory", "/etc/docker".to_owned()));
    wanted.push(("config", found.settings.config_file.clone()));
    wanted.push(("defaults", "/etc/default/docker".to_owned()));
    wanted.push(("defaults", "/etc/sysconfig/docker".to_owned()));
    wanted.push(("engine-socket", found.socket.clone()));
    wanted.extend(CONTAINERD_SOCKETS.iter().map(|&path| ("containerd-socket", path.to_owned())));
    wanted.extend(text("tlskey").map(|path| ("tls-key", path)));
    wanted.extend(text("tlscert").map(|path| ("tls-certificate", path)));
    wanted.extend(text("tlscacert").map(|path| ("tls-certificate", path)));
    let groups = groups(door);
    let mut files = Vec::new();
    if let Err(error) = registry_certificates(door, &mut wanted) {
        return Fact::unreadable(reason(&error, door));
    }
    for (kind, path) in wanted {
        match door.stat(&path) {
            // What a container left that mounted the socket while no engine ran.
            Ok(stat) if kind.ends_with("-socket") && stat.kind == FileKind::Directory => {}
            Ok(stat) => {
                let mode = stat.mode;
                files.push(HostFile {
                    source: path.clone(),
                    path,
                    kind: kind.to_owned(),
                    mode: format!("{mode:04o}"),
                    uid: stat.uid,
                    gid: stat.gid,
                    group: groups.clone().and_then(|groups| {
                        Fact::from_option(
                            groups.into_iter().find(|group| group.gid == stat.gid).map(|group| group.name),
                        )
                    }),
                    group_may_write: mode & 0o020 != 0,
                    others_may_read: mode & 0o004 != 0,
                    others_may_write: mode & 0o002 != 0,
                });
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    Fact::known(files)
}

/// Certificates that registries are trusted by, or shown.
fn registry_certificates(door: &Door, wanted: &mut Vec<(&str, String)>) -> Result<(), host::Error> {
    let list = |path: &str| if_any(door.read_dir(path)).map(Option::unwrap_or_default);
    for registry in list(REGISTRY_CERTIFICATES)?.into_iter().take(REGISTRY_LIMIT) {
        if registry.kind == FileKind::Directory {
            let directory = format!("{REGISTRY_CERTIFICATES}/{}", registry.name);
            for file in list(&directory)?.into_iter().take(REGISTRY_LIMIT) {
                let kind = if file.name.ends_with(".key") { "tls-key" } else { "registry-certificates" };
                wanted.push((kind, format!("{directory}/{}", file.name)));
            }
        }
    }
    Ok(())
}

#[derive(Clone, Debug)]
struct Group {
    name: String,
    gid: u32,
    members: Vec<String>,
}

fn groups(door: &Door) -> Fact<Vec<Group>> {
    door.read_text("/etc/group").into_fact(door).map(|text| {
        text.lines()
            .filter_map(|line| {
                let mut fields = line.split(':');
                let (name, gid) = (fields.next()?, fields.nth(1)?.parse().ok()?);
                let members = fields.next().unwrap_or_default();
                let members =
                    members.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned);
                Some(Group { name: name.to_owned(), gid, members: members.collect() })
            })
            .collect()
    })
}

/// Who is in the group that owns the socket; absent when there is no such group.
pub(super) fn group_members(door: &Door, name: &str) -> Fact<Vec<String>> {
    groups(door).and_then(|groups| {
        let Some(group) = groups.into_iter().find(|group| group.name == name) else { return Fact::Absent };
        door.read_text("/etc/passwd").into_fact(door).and_then(|text| {
            let primary = text.lines().filter_map(|line| {
                let mut fields = line.split(':');
                let user = fields.next()?;
                (fields.nth(2)?.parse() == Ok(group.gid)).then(|| user.to_owned())
            });
            let mut members = group.members.clone();
            members.extend(primary);
            members.sort();
            members.dedup();
            Fact::read_at(members, "/etc/group")
        })
    })
}

/// Whether every user's shell demands signed images; the last assignment wins.
pub(super) fn content_trust(door: &Door) -> Fact<bool> {
    let mut paths: Vec<String> = SHELL_FILES.iter().map(|&path| path.to_owned()).collect();
    match crate::text::files_in(door, "/etc/profile.d", ".sh") {
        Ok(names) => paths.extend(names.into_iter().map(|name| format!("/etc/profile.d/{name}"))),
        Err(error) => return Fact::unreadable(reason(&error, door)),
    }
    let mut fact = Fact::read_at(false, "default of docker");
    for path in paths {
        let text = match door.read_text(&path) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Fact::unreadable(reason(&error, door)),
        };
        for line in crate::text::meaningful_lines(&text) {
            let assignment = line.text.strip_prefix("export ").unwrap_or(&line.text).trim();
            if let Some(value) = assignment.strip_prefix("DOCKER_CONTENT_TRUST=") {
                let on = value.trim_matches(['"', '\'', ';', ' ']) == "1";
                fact = Fact::sourced(on, model::Source::line(&path, line.number, &line.text));
            }
        }
    }
    fact
}
