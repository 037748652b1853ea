//! Which Management Systems run, and where their state is.

use host::{Door, Error};
use model::Fact;

use crate::fact::reason;
use crate::processes::{self, Processes};

/// The program's name.
const PROGRAM: &str = "palisade";

/// The process that audits for a server.
const AUDITOR: &str = "palisade-audit";

/// The commands that serve.
const SERVING: [&str; 2] = ["up", "serve"];

/// The file that a server keeps locked in its state directory.
const LOCK: &str = "/lock";

/// Servers that are looked at.
const MOST_SERVERS: usize = 50;

/// Descriptors of one server that are looked at: it opens the lock before it takes connections.
const DESCRIPTORS: usize = 5_000;

/// The longest command line that is read.
const COMMAND_LINE_BYTES: usize = 64 << 10;

/// A server that runs.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) pid: u32,
    pub(super) uid: Fact<u32>,
    /// What comes before its paths where it sees another file tree than we do; empty otherwise.
    pub(super) root: String,
    /// Its state directory, or why that is not known.
    pub(super) directory: Result<String, String>,
    /// The configuration file that it was started with.
    pub(super) configuration: Option<String>,
}

/// The servers that run, in containers too; none of a host that does not run.
///
/// # Errors
/// For a person: why it cannot be told.
pub(super) fn running(door: &Door) -> Result<Vec<Running>, String> {
    let processes = match Processes::read(door) {
        Ok(processes) => processes,
        Err(Error::NotLive(_)) => return Ok(Vec::new()),
        Err(error) => return Err(reason(&error, door)),
    };
    let mut found = Vec::new();
    for pid in processes.called(PROGRAM) {
        let bytes = match door.read_up_to(format!("/proc/{pid}/cmdline"), COMMAND_LINE_BYTES) {
            Ok(bytes) => bytes,
            // It has ended.
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(reason(&error, door)),
        };
        let words: Vec<String> =
            bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let arguments = words.get(1..).unwrap_or_default();
        if !arguments.iter().any(|word| SERVING.contains(&word.as_str())) {
            continue;
        }
        if found.len() == MOST_SERVERS {
            return Err(format!("more than {MOST_SERVERS} Management Systems run"));
        }
        found.push(Running {
            pid,
            uid: processes::user(door, pid),
            root: root(door, pid),
            directory: directory(door, pid),
            configuration: configuration(door, pid, arguments),
        });
    }
    Ok(found)
}

/// Whether root started the server: a process of root's that audits is its child, as nobody else can have one.
pub(super) fn is_audited_by_root(door: &Door, server: u32) -> bool {
    let Ok(processes) = Processes::read(door) else { return false };
    processes.called(AUDITOR).any(|pid| {
        let status = door.read_text(format!("/proc/{pid}/status")).unwrap_or_default();
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        parent.is_some_and(|parent| parent.trim().parse() == Ok(server))
            && processes::user(door, pid).value() == Some(&0)
    })
}

/// The state directory, by the lock that the process holds there.
fn directory(door: &Door, pid: u32) -> Result<String, String> {
    let descriptors = door.read_dir(format!("/proc/{pid}/fd")).map_err(|error| reason(&error, door))?;
    for descriptor in descriptors.iter().take(DESCRIPTORS) {
        match door.read_link(format!("/proc/{pid}/fd/{}", descriptor.name)) {
            Ok(target) => {
                let target = target.to_string_lossy();
                if let Some(directory) = target.strip_suffix(LOCK).filter(|path| path.starts_with('/')) {
                    return Ok(directory.to_owned());
                }
            }
            // It was closed meanwhile.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(reason(&error, door)),
        }
    }
    Err("the process holds no lock in a state directory; if it is just starting, look again".to_owned())
}

/// Where the file tree of a process stands that sees another one than we do, as services in a sandbox and containers.
fn root(door: &Door, pid: u32) -> String {
    let space = |process: &str| door.read_link(format!("/proc/{process}/ns/mnt")).ok();
    match (space(&pid.to_string()), space("self")) {
        (Some(its), Some(ours)) if its != ours => format!("/proc/{pid}/root"),
        _ => String::new(),
    }
}

/// What `--config` names.
fn configuration(door: &Door, pid: u32, arguments: &[String]) -> Option<String> {
    let mut arguments = arguments.iter();
    let named = loop {
        let argument = arguments.next()?;
        if let Some(path) = argument.strip_prefix("--config=") {
            break path.to_owned();
        }
        if argument == "--config" {
            break arguments.next()?.clone();
        }
    };
    if named.starts_with('/') {
        return Some(named);
    }
    let folder = door.read_link(format!("/proc/{pid}/cwd")).ok()?;
    Some(folder.join(named).to_string_lossy().into_owned())
}
