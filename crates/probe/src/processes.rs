//! Which programs run, by the name the kernel has for them.

use host::{Door, Error};
use model::Fact;

use crate::fact::reason;

/// The most processes that are looked at.
const MOST_PROCESSES: usize = 100_000;

/// The kernel keeps this many bytes of a process's name.
const NAME_LENGTH: usize = 15;

/// One running process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    /// Its number.
    pub(crate) pid: u32,
    /// The kernel's name of it: at most 15 bytes of the program's name.
    pub(crate) name: String,
}

/// The running processes.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    all: Vec<Process>,
}

/// The user that a process runs as: the effective one.
pub(crate) fn user(door: &Door, pid: u32) -> Fact<u32> {
    let path = format!("/proc/{pid}/status");
    match door.read_text(&path) {
        Ok(text) => {
            let line = text.lines().find_map(|line| line.strip_prefix("Uid:"));
            let number = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
            number.map_or_else(
                || Fact::unreadable(format!("{path} names no user")),
                |uid| Fact::read_at(uid, path.as_str()),
            )
        }
        Err(error) => Fact::unreadable(reason(&error, door)),
    }
}

impl Processes {
    /// Reads the names of all processes.
    ///
    /// # Errors
    /// `NotLive` for a file tree, `Denied` where the kernel hides the processes of others from this reader.
    pub(crate) fn read(door: &Door) -> Result<Self, Error> {
        if !door.is_live() {
            return Err(Error::NotLive("running processes".to_owned()));
        }
        let mut all = Vec::new();
        for entry in door.read_dir("/proc")? {
            let Ok(pid) = entry.name.parse::<u32>() else { continue };
            if all.len() >= MOST_PROCESSES {
                break;
            }
            // A process may end while we look.
            if let Ok(name) = door.read_text(format!("/proc/{pid}/comm")) {
                all.push(Process { pid, name: name.trim_end().to_owned() });
            }
        }
        if !door.is_root() && !all.iter().any(|process| process.pid == 1) {
            return Err(Error::Denied("/proc/1/comm (the kernel hides the processes of others)".to_owned()));
        }
        Ok(Self { all })
    }

    /// The processes with this program name, those within containers left out.
    pub(crate) fn named(&self, door: &Door, name: &str) -> Vec<&Process> {
        let short = name.get(..NAME_LENGTH).unwrap_or(name);
        self.all.iter().filter(|process| process.name == short && !in_container(door, process.pid)).collect()
    }

    /// The numbers of the processes with this program name, within containers too.
    pub(crate) fn called(&self, name: &str) -> impl Iterator<Item = u32> {
        self.all.iter().filter(move |process| process.name == name).map(|process| process.pid)
    }

    /// Whether a process with one of these program names runs outside of containers.
    pub(crate) fn any(&self, door: &Door, names: &[&str]) -> bool {
        names.iter().any(|name| !self.named(door, name).is_empty())
    }
}

/// Whether one of these programs runs on the host itself, of the processes that could be read or not.
pub(crate) fn runs(door: &Door, processes: &Result<Processes, Error>, names: &[&str]) -> Fact<bool> {
    match processes {
        Ok(processes) => Fact::known(processes.any(door, names)),
        Err(error) => Fact::unreadable(reason(error, door)),
    }
}

/// Whether the process belongs to a container, as its control group tells. Container engines write their own name
/// or the container's 64 digits there; services and logins of the host do not.
fn in_container(door: &Door, pid: u32) -> bool {
    let groups = door.read_text(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let own = door.read_text("/proc/1/cgroup").unwrap_or_default();
    let marks = ["/docker", "/kubepods", "/libpod", "/lxc", "/machine.slice", "/system.slice/docker-"];
    let marked = |text: &str| {
        text.lines()
            .filter_map(|line| line.splitn(3, ':').nth(2))
            .any(|path| marks.iter().any(|mark| path.contains(mark)) && !path.ends_with(".service"))
    };
    // Inside a container everything is marked: there its own processes are the host's.
    marked(&groups) && !marked(&own)
}

#[cfg(test)]
mod tests {
    use test_support::Machine;

    use super::*;

    #[test]
    fn processes_of_the_host_are_found_and_those_of_containers_are_not() {
        let (door, _root) = Machine::new()
            .file("/proc/1/comm", "systemd\n")
            .file("/proc/1/cgroup", "0::/init.scope\n")
            .file("/proc/20/comm", "systemd-timesyn\n")
            .file("/proc/20/cgroup", "0::/system.slice/systemd-timesyncd.service\n")
            .file("/proc/30/comm", "chronyd\n")
            .file("/proc/30/cgroup", "0::/system.slice/docker-0123456789abcdef.scope\n")
            .file("/proc/40/comm", "dockerd\n")
            .file("/proc/40/cgroup", "0::/system.slice/docker.service\n")
            .file("/proc/uptime", "1 1\n")
            .directory("/proc/50")
            .door();
        let processes = Processes::read(&door).unwrap();
        assert!(processes.any(&door, &["systemd-timesyncd"]));
        assert!(processes.any(&door, &["dockerd"]));
        assert!(!processes.any(&door, &["chronyd", "ntpd"]));
    }

    #[test]
    fn a_file_tree_and_hidden_processes_are_not_an_empty_list() {
        let (door, _root) = Machine::new().offline_door();
        assert!(matches!(Processes::read(&door).unwrap_err(), Error::NotLive(_)));
        let (door, _root) = Machine::new().file("/proc/77/comm", "sh\n").not_root().door();
        assert!(Processes::read(&door).unwrap_err().is_denied());
    }
}
