//! Finding the engine on the host: its program, its process, its unit, its socket.

use std::collections::BTreeMap;
use std::path::Path;

use host::{Door, FileKind};
use model::Fact;

use super::settings::{self, Settings};
use crate::fact::reason;
use crate::units::FOLDERS;

/// Where packages put the engine.
const PROGRAMS: &[&str] = &[
    "/usr/sbin/dockerd",
    "/usr/bin/dockerd",
    "/usr/local/bin/dockerd",
    "/usr/local/sbin/dockerd",
    "/snap/bin/docker.dockerd",
    "/opt/bin/dockerd",
];
const PODMAN: &[&str] = &["/usr/bin/podman", "/usr/local/bin/podman"];
const COMPOSE: &[&str] = &[
    "/usr/libexec/docker/cli-plugins/docker-compose",
    "/usr/lib/docker/cli-plugins/docker-compose",
    "/usr/local/libexec/docker/cli-plugins/docker-compose",
    "/usr/local/lib/docker/cli-plugins/docker-compose",
    "/root/.docker/cli-plugins/docker-compose",
    "/usr/bin/docker-compose",
    "/usr/local/bin/docker-compose",
];
const PID_FILES: &[&str] = &["/run/docker.pid"];
const ENVIRONMENT_FILES: &[&str] = &["/etc/default/docker", "/etc/sysconfig/docker"];
pub(super) const DEFAULT_SOCKET: &str = "/run/docker.sock";
/// The most processes that are looked at when there is no pid file.
const PROCESS_LIMIT: usize = 4096;

/// What was found without asking the engine.
#[derive(Debug)]
pub(super) struct Found {
    /// The path of `dockerd`.
    pub(super) program: Option<String>,
    /// Its process.
    pub(super) pid: Option<u32>,
    /// Flags and daemon.json.
    pub(super) settings: Settings,
    /// Names of the settings given as flags, and where.
    pub(super) flags: Fact<BTreeMap<String, String>>,
    /// The socket to ask.
    pub(super) socket: String,
    /// Whether something stands at the socket's path.
    pub(super) socket_exists: bool,
    /// Unit files of service and socket.
    pub(super) units: Vec<String>,
    /// The path of Podman.
    pub(super) podman: Option<String>,
}

/// Looks; none when neither Docker nor Podman is on the host.
pub(super) fn find(door: &Door) -> Option<Found> {
    let program = first(door, PROGRAMS);
    let podman = first(door, PODMAN);
    let pid = if door.is_live() { process(door) } else { None };
    let units: Vec<String> =
        ["docker.service", "docker.socket"].iter().filter_map(|name| unit(door, name)).collect();
    let (flags, place) = match pid {
        Some(pid) => (settings::flags_of_process(door, pid), format!("/proc/{pid}/cmdline")),
        None => unit_flags(door, &units),
    };
    let given = given(door, &flags, &place, &units);
    let mut settings = Settings::read(door, flags.value().map_or(&[], Vec::as_slice), &place);
    if let Fact::Unreadable(reason) = flags {
        settings.hide(reason);
    }
    let socket = settings
        .list("hosts")
        .value()
        .into_iter()
        .flatten()
        .find_map(|(host, _)| host.strip_prefix("unix://"))
        .map_or_else(
            || DEFAULT_SOCKET.to_owned(),
            |path| {
                path.strip_prefix("/var/run/").map_or_else(|| path.to_owned(), |rest| format!("/run/{rest}"))
            },
        );
    // A directory at the socket's path is left by a container that mounted the socket while no engine ran.
    let socket_exists = match door.stat(&socket) {
        Ok(stat) => stat.kind != FileKind::Directory,
        Err(error) => !error.is_not_found(),
    };
    let docker = program.is_some() || pid.is_some() || socket_exists;
    (docker || podman.is_some()).then_some(Found {
        program,
        pid,
        settings,
        flags: given,
        socket,
        socket_exists,
        units,
        podman,
    })
}

impl Found {
    /// Whether the engine, and not only Podman, is there.
    pub(super) fn has_engine(&self) -> bool {
        self.program.is_some() || self.pid.is_some() || self.socket_exists
    }
}

/// The path of compose.
pub(super) fn compose(door: &Door) -> Fact<String> {
    let mut denied = None;
    for path in COMPOSE {
        match door.stat(path) {
            Ok(_) => return Fact::known((*path).to_owned()),
            Err(error) if error.is_not_found() => {}
            Err(error) => denied = Some(reason(&error, door)),
        }
    }
    denied.map_or(Fact::Absent, Fact::unreadable)
}

fn first(door: &Door, paths: &[&str]) -> Option<String> {
    paths.iter().find(|path| door.exists(path)).map(|&path| path.to_owned())
}

/// The engine's process: by its pid file, else by name.
fn process(door: &Door) -> Option<u32> {
    let named =
        |pid: &u32| door.read_text(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "dockerd");
    let by_file =
        PID_FILES.iter().filter_map(|path| door.read_text(path).ok()?.trim().parse().ok()).find(named);
    by_file.or_else(|| {
        let entries = door.read_dir("/proc").ok()?;
        entries.iter().filter_map(|entry| entry.name.parse().ok()).take(PROCESS_LIMIT).find(named)
    })
}

/// The file of a unit that systemd would read.
fn unit(door: &Door, name: &str) -> Option<String> {
    FOLDERS.iter().map(|directory| format!("{directory}/{name}")).find(|path| {
        // A unit that links to /dev/null is masked.
        door.stat(path).is_ok_and(|stat| stat.kind == FileKind::File)
    })
}

/// The flags with which systemd would start the engine, and the file that says so.
fn unit_flags(door: &Door, units: &[String]) -> (Fact<Vec<String>>, String) {
    let Some(path) = units.iter().find(|path| path.ends_with("/docker.service")) else {
        return (Fact::known(Vec::new()), "default of dockerd".to_owned());
    };
    let mut files = vec![path.clone()];
    for directory in FOLDERS.iter().rev() {
        let directory = format!("{directory}/docker.service.d");
        let names = crate::text::files_in(door, &directory, ".conf").unwrap_or_default();
        files.extend(names.into_iter().map(|name| format!("{directory}/{name}")));
    }
    let mut flags = Fact::known(Vec::new());
    let mut place = path.clone();
    for file in files {
        match door.read_text(&file) {
            Ok(text) => {
                let joined = text.replace("\\\n", " ");
                for line in crate::text::meaningful_lines(&joined) {
                    if let Some(command) =
                        line.text.strip_prefix("ExecStart=").filter(|command| !command.is_empty())
                    {
                        place = format!("{file}:{}", line.number);
                        let words = command.split_whitespace().skip(1).flat_map(|word| expand(door, word));
                        flags = Fact::known(words.collect());
                    }
                }
            }
            Err(error) => flags = Fact::unreadable(reason(&error, door)),
        }
    }
    (flags, place)
}

/// Settings given as flags, with the place that a person edits: the unit, when it says what the process got.
fn given(
    door: &Door,
    flags: &Fact<Vec<String>>,
    place: &str,
    units: &[String],
) -> Fact<BTreeMap<String, String>> {
    let (of_unit, unit) = unit_flags(door, units);
    let of_unit = of_unit.value().map(|flags| settings::names(flags)).unwrap_or_default();
    flags.clone().map(|flags| {
        let place_of = |name: &String| if of_unit.contains(name) { unit.clone() } else { place.to_owned() };
        settings::names(&flags).into_iter().map(|name| (name.clone(), place_of(&name))).collect()
    })
}

/// A word of ExecStart; a variable is looked up in the files that packages read it from.
fn expand(door: &Door, word: &str) -> Vec<String> {
    let Some(name) = word.strip_prefix('$') else { return vec![word.to_owned()] };
    let name = name.trim_matches(['{', '}']);
    let mut value = String::new();
    for path in ENVIRONMENT_FILES {
        let Ok(text) = door.read_text(path) else { continue };
        for line in crate::text::meaningful_lines(&text) {
            if let Some((key, found)) = line.text.split_once('=')
                && key.trim() == name
            {
                value = found.trim().trim_matches(['"', '\'']).to_owned();
            }
        }
    }
    value.split_whitespace().map(str::to_owned).collect()
}

/// Whether systemd starts service or socket at boot.
pub(super) fn enabled(door: &Door) -> Fact<bool> {
    let wanted = [
        "multi-user.target.wants/docker.service",
        "sockets.target.wants/docker.socket",
        "graphical.target.wants/docker.service",
    ];
    let place = wanted
        .iter()
        .map(|link| format!("/etc/systemd/system/{link}"))
        .find(|link| door.stat_link(link).is_ok());
    match place {
        Some(place) => Fact::read_at(true, place),
        None if door.exists(Path::new("/etc/systemd/system")) => Fact::read_at(false, "/etc/systemd/system"),
        None => Fact::Absent,
    }
}

#[cfg(test)]
mod tests {
    use test_support::Machine;

    use super::*;
    use crate::docker::files;

    #[test]
    fn compose_where_nobody_may_look_is_not_found() {
        // A loop of links is one more way not to get there; the tests may run as root.
        let (door, _root) = Machine::new().link("/root/.docker", "/root/.docker").door();
        assert!(matches!(compose(&door), Fact::Unreadable(_)));
        let (door, _root) = Machine::new().file("/usr/bin/docker-compose", "").door();
        assert!(matches!(compose(&door), Fact::Known(..)));
        let (door, _root) = Machine::new().door();
        assert!(matches!(compose(&door), Fact::Absent));
    }

    #[test]
    fn a_directory_at_the_socket_s_path_is_no_engine() {
        let (door, _root) = Machine::new().directory("/run/docker.sock").door();
        assert!(find(&door).is_none());
        let (door, _root) = Machine::new().file("/usr/sbin/dockerd", "").directory("/run/docker.sock").door();
        let found = find(&door).unwrap();
        assert!(!found.socket_exists);
        let Fact::Known(files, _) = files::files(&door, &found) else { panic!("unreadable") };
        assert!(files.iter().all(|file| file.kind != "engine-socket"));
    }
}
