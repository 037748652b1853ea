//! Which process holds a socket: the links below `/proc/PID/fd`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use host::{Door, Error};
use model::Fact;
use model::facts::listeners::Proxied;

use crate::fact::{IntoFact, reason};
use crate::processes;

/// The most descriptors that are looked at in all: a thousand busy processes.
const DESCRIPTORS: usize = 500_000;

/// The longest command line of a docker-proxy that is read.
const COMMAND_LINE_BYTES: usize = 16 << 10;

/// What is known of the process that holds a socket.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owner {
    pub(crate) pid: Fact<u32>,
    /// Whom it runs as now, which may be another user than opened the socket.
    pub(crate) uid: Fact<u32>,
    pub(crate) process: Fact<String>,
    pub(crate) exe: Fact<String>,
    pub(crate) unit: Fact<String>,
    pub(crate) container: Fact<String>,
    pub(crate) proxied: Fact<Proxied>,
}

/// The holders of sockets by inode.
pub(crate) struct Owners {
    by_inode: HashMap<u64, u32>,
    processes: BTreeMap<u32, Owner>,
    /// Why a socket without a holder may have one all the same.
    incomplete: Option<String>,
    /// Network namespaces other than the reader's.
    pub(crate) other_namespaces: Fact<u64>,
}

impl Owners {
    /// Finds who holds the sockets with these inodes.
    pub(crate) fn find(door: &Door, mut wanted: HashSet<u64>) -> Self {
        let mut found = Self {
            by_inode: HashMap::new(),
            processes: BTreeMap::new(),
            incomplete: None,
            other_namespaces: Fact::default(),
        };
        wanted.remove(&0);
        let pids = match pids(door) {
            Ok(pids) => pids,
            Err(error) => {
                found.incomplete = Some(reason(&error, door));
                return found;
            }
        };
        let mut left = DESCRIPTORS;
        for pid in &pids {
            if wanted.is_empty() {
                break;
            }
            if let Err(error) = found.look_into(door, *pid, &mut wanted, &mut left) {
                let why = || format!("not every process shows its sockets: {}", reason(&error, door));
                found.incomplete.get_or_insert_with(why);
            }
            if left == 0 {
                found.incomplete = Some(format!("only the first {DESCRIPTORS} descriptors were looked at"));
                break;
            }
        }
        if found.incomplete.is_none() && !door.is_root() && !wanted.is_empty() {
            found.incomplete = Some(format!("processes of other users are hidden; {}", door.rights_wanted()));
        }
        let holders: BTreeSet<u32> = found.by_inode.values().copied().collect();
        found.processes = holders.into_iter().map(|pid| (pid, describe(door, pid))).collect();
        found.other_namespaces = other_namespaces(door, &pids);
        found
    }

    /// The holder of one socket.
    pub(crate) fn of(&self, inode: u64) -> Owner {
        if let Some(owner) = self.by_inode.get(&inode).and_then(|pid| self.processes.get(pid)) {
            return owner.clone();
        }
        match &self.incomplete {
            Some(reason) => Owner {
                pid: Fact::unreadable(reason),
                uid: Fact::unreadable(reason),
                process: Fact::unreadable(reason),
                exe: Fact::unreadable(reason),
                unit: Fact::unreadable(reason),
                container: Fact::unreadable(reason),
                proxied: Fact::unreadable(reason),
            },
            None => Owner {
                pid: Fact::Absent,
                uid: Fact::Absent,
                process: Fact::Absent,
                exe: Fact::Absent,
                unit: Fact::Absent,
                container: Fact::Absent,
                proxied: Fact::Absent,
            },
        }
    }

    fn look_into(
        &mut self,
        door: &Door,
        pid: u32,
        wanted: &mut HashSet<u64>,
        left: &mut usize,
    ) -> Result<(), Error> {
        let directory = format!("/proc/{pid}/fd");
        let descriptors = match door.read_dir(&directory) {
            Ok(descriptors) => descriptors,
            // It ended while we looked around.
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        };
        for descriptor in descriptors {
            if wanted.is_empty() || *left == 0 {
                break;
            }
            *left -= 1;
            let target = match door.read_link(format!("{directory}/{}", descriptor.name)) {
                Ok(target) => target,
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error),
            };
            let Some(inode) = target.to_str().and_then(socket_inode) else { continue };
            if wanted.remove(&inode) {
                self.by_inode.insert(inode, pid);
            }
        }
        Ok(())
    }
}

/// All processes. Process 1 comes last: it also holds the sockets of the services that it starts.
fn pids(door: &Door) -> Result<Vec<u32>, Error> {
    let mut pids: Vec<u32> =
        door.read_dir("/proc")?.into_iter().filter_map(|entry| entry.name.parse().ok()).collect();
    pids.sort_by_key(|pid| (*pid == 1, *pid));
    Ok(pids)
}

fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

fn describe(door: &Door, pid: u32) -> Owner {
    let process = door.read_text(format!("/proc/{pid}/comm")).map(|name| name.trim_end().to_owned());
    let proxy = process.as_ref().is_ok_and(|name| name == "docker-proxy");
    // Where the host itself is a container, its processes bear that container's id and are the host's own.
    let own = door.read_text("/proc/1/cgroup").ok().and_then(|text| container(&text));
    let cgroups = door.read_text(format!("/proc/{pid}/cgroup")).into_fact(door).map(|text| match &own {
        Some(own) => without(&text, own),
        None => text,
    });
    Owner {
        pid: Fact::known(pid),
        uid: processes::user(door, pid),
        exe: door
            .read_link(format!("/proc/{pid}/exe"))
            .map(|path| path.to_string_lossy().into_owned())
            .into_fact(door),
        unit: cgroups.clone().and_then(|text| Fact::from_option(unit(&text))),
        container: cgroups.and_then(|text| Fact::from_option(container(&text))),
        proxied: if proxy {
            door.read_up_to(format!("/proc/{pid}/cmdline"), COMMAND_LINE_BYTES)
                .into_fact(door)
                .and_then(|arguments| Fact::from_option(proxied(&arguments)))
        } else {
            Fact::Absent
        },
        process: process.into_fact(door),
    }
}

/// Control groups without the parts of their paths that name a container.
fn without(cgroups: &str, id: &str) -> String {
    let rest = |line: &str| line.split('/').filter(|part| !part.contains(id)).collect::<Vec<_>>().join("/");
    cgroups.lines().map(rest).collect::<Vec<_>>().join("\n")
}

/// Id of the container in a `/proc/PID/cgroup`: 64 hexadecimal digits, bare (`/docker/ID`) or in a scope's name
/// (`docker-ID.scope`, `cri-containerd-ID.scope`, `libpod-ID.scope`), in version 1 and 2 alike.
pub fn container(cgroups: &str) -> Option<String> {
    cgroups.lines().filter_map(path).flat_map(|path| path.rsplit('/')).find_map(|segment| {
        let name = segment.strip_suffix(".scope").unwrap_or(segment);
        let id = name.rsplit(['-', ':']).next()?;
        (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| id.to_owned())
    })
}

/// The innermost systemd unit in a `/proc/PID/cgroup`; none for a container's scope.
pub fn unit(cgroups: &str) -> Option<String> {
    if container(cgroups).is_some() {
        return None;
    }
    cgroups
        .lines()
        .filter(|line| line.starts_with("0::") || line.contains(":name=systemd:"))
        .filter_map(path)
        .flat_map(|path| path.rsplit('/'))
        .find(|segment| {
            [".service", ".scope", ".socket", ".mount"].iter().any(|suffix| segment.ends_with(suffix))
        })
        .map(str::to_owned)
}

/// `4:memory:/docker/ID` -> `/docker/ID`.
fn path(line: &str) -> Option<&str> {
    line.splitn(3, ':').nth(2)
}

/// The arguments `-container-ip` and `-container-port` of a docker-proxy, separated by zero bytes.
pub fn proxied(command_line: &[u8]) -> Option<Proxied> {
    let text = String::from_utf8_lossy(command_line);
    let arguments: Vec<&str> = text.split('\0').collect();
    let after = |name: &str| {
        arguments.windows(2).find_map(|pair| match pair {
            [key, value] if key.trim_start_matches('-') == name => Some((*value).to_owned()),
            _ => None,
        })
    };
    Some(Proxied {
        container_address: after("container-ip")?,
        container_port: after("container-port")?.parse().ok()?,
    })
}

/// How many network namespaces other than the reader's own there are among the processes.
fn other_namespaces(door: &Door, pids: &[u32]) -> Fact<u64> {
    let own = match door.read_link("/proc/self/ns/net") {
        Ok(own) => own,
        Err(error) => return Fact::unreadable(reason(&error, door)),
    };
    let mut others = BTreeSet::new();
    for pid in pids {
        match door.read_link(format!("/proc/{pid}/ns/net")) {
            Ok(namespace) if namespace != own => {
                others.insert(namespace);
            }
            Ok(_) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    Fact::known(others.len() as u64)
}
