//! Section `palisade`: Management Systems of Palisade that run on the host, and one that left its state in the usual place.
//!
//! A running server is known by the lock that it holds in its state directory; what only it knows it says in `status.json`
//! there, each minute. What it did not say lately counts as unreadable.

mod find;
mod now;
#[cfg(test)]
mod tests;

use host::{Door, FileKind, Stat};
use model::facts::palisade::{Palisade, Published, Server, ServerFile, State};
use model::{Fact, Timestamp};

use crate::Context;
use crate::fact::{if_any, reason};
use find::Running;

/// Where a server that nobody told otherwise keeps its state; the first is where systemd puts it for a user of its own.
const USUAL: [&str; 2] = ["/var/lib/private/palisade", "/var/lib/palisade"];

/// Where the configuration stands from which a service manager hands over a copy.
const CONFIGURATION: &str = "/etc/palisade/palisade.toml";

/// What a service manager hands over stands below this.
const HANDED_OVER: &str = "/run/credentials/";

/// Files and folders of a state directory that are looked at: many times what the server keeps there.
const MOST_FILES: usize = 500;

/// The certificate of its own authority that a server hands out, below its state directory.
const AUTHORITY: &str = "ca.pem";

/// Bytes of it: it is one certificate.
const AUTHORITY_BYTES: usize = 64 << 10;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Palisade> {
    let door = &cx.door;
    let running = match find::running(door) {
        Ok(running) => running,
        Err(why) => return Fact::known(Palisade { servers: Fact::unreadable(why) }),
    };
    let mut servers: Vec<Server> = running.iter().map(|running| alive(door, running)).collect();
    for directory in USUAL {
        let is_link = door.stat_link(directory).is_ok_and(|stat| stat.kind == FileKind::Symlink);
        let is_known = servers.iter().any(|server| server.name == directory);
        if !is_link && !is_known && door.exists(format!("{directory}/{}", Published::FILE)) {
            servers.push(at_rest(door, directory));
        }
    }
    if servers.is_empty() { Fact::Absent } else { Fact::known(Palisade { servers: Fact::known(servers) }) }
}

/// The certificates of authorities that servers of this host made for themselves and hand out, PEM: their users are told to trust them.
///
/// Those of root, of the service, of whoever audits, and of servers that root audits for; what another user's process hands out nobody
/// need trust.
pub(crate) fn authorities(door: &Door) -> Vec<u8> {
    let own = door.stat("/proc/self").map(|stat| stat.uid);
    let is_trusted = |server: &&Running| {
        let is_usual = server.directory.as_ref().is_ok_and(|directory| USUAL.contains(&directory.as_str()));
        let of_whom = server.uid.value();
        server.root.is_empty()
            && (is_usual
                || of_whom == Some(&0)
                || own.as_ref().is_ok_and(|own| of_whom == Some(own))
                || find::is_audited_by_root(door, server.pid))
    };
    let running = find::running(door).unwrap_or_default();
    let directories = running.iter().filter(is_trusted).filter_map(|server| server.directory.as_ref().ok());
    let read = |directory: &String| door.read_up_to(format!("{directory}/{AUTHORITY}"), AUTHORITY_BYTES).ok();
    directories.filter_map(read).flatten().collect()
}

/// A server that runs.
fn alive(door: &Door, running: &Running) -> Server {
    let Running { pid, uid, root, .. } = running;
    let pid = Fact::read_at(*pid, format!("/proc/{pid}"));
    let own = uid.value().copied();
    let directory = match &running.directory {
        Ok(directory) => directory,
        Err(why) => {
            return Server {
                name: format!("process {}", running.pid),
                pid,
                uid: uid.clone(),
                configuration: Fact::unreadable(why),
                files: Fact::unreadable(why),
                state: Fact::unreadable(why),
                source: format!("/proc/{}", running.pid),
            };
        }
    };
    let mut configuration = Vec::new();
    if let Some(path) = &running.configuration {
        configuration.push((format!("{root}{path}"), path.clone()));
        if path.starts_with(HANDED_OVER) && door.exists(CONFIGURATION) {
            configuration.push((CONFIGURATION.to_owned(), CONFIGURATION.to_owned()));
        }
    }
    Server {
        name: directory.clone(),
        pid,
        uid: uid.clone(),
        configuration: looked_at(door, configuration, own),
        files: files(door, root, directory, own),
        state: state(door, root, directory).and_then(|published| fresh(door, published)),
        source: format!("{directory}/{}", Published::FILE),
    }
}

/// A server that does not run: what it said last holds.
fn at_rest(door: &Door, directory: &str) -> Server {
    let own = door.stat(directory).ok().map(|stat| stat.uid);
    let configuration =
        door.exists(CONFIGURATION).then(|| (CONFIGURATION.to_owned(), CONFIGURATION.to_owned()));
    Server {
        name: directory.to_owned(),
        pid: Fact::Absent,
        uid: Fact::Absent,
        configuration: looked_at(door, configuration.into_iter().collect(), own),
        files: files(door, "", directory, own),
        state: state(door, "", directory).map(|published| published.state),
        source: format!("{directory}/{}", Published::FILE),
    }
}

/// What the server published.
fn state(door: &Door, root: &str, directory: &str) -> Fact<Published> {
    let path = format!("{directory}/{}", Published::FILE);
    let bytes = match door.read_up_to(format!("{root}{path}"), Published::MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(error) => return Fact::unreadable(reason(&error, door)),
    };
    match serde_json::from_slice::<Published>(&bytes) {
        Ok(published) if published.schema == Published::SCHEMA => Fact::read_at(published, path),
        Ok(published) => Fact::unreadable(format!(
            "{path} is `{}`; this version of Palisade reads {}",
            published.schema.escape_debug(),
            Published::SCHEMA
        )),
        Err(error) => Fact::unreadable(format!("{path} cannot be understood: {error}")),
    }
}

/// The state, when a server that runs has said it lately.
fn fresh(door: &Door, published: Published) -> Fact<State> {
    let now = match now::read(door) {
        Ok(now) => now,
        Err(why) => return Fact::unreadable(why),
    };
    let Ok(written) = published.written_at.parse::<Timestamp>() else {
        return Fact::unreadable(format!("{} does not say when it was written", Published::FILE));
    };
    let age = now.duration_since(written).as_secs();
    // A clock that was set back makes what is old look as if it came from the future.
    if age.saturating_abs() > Published::STALE_SECONDS {
        return Fact::unreadable(format!(
            "the server writes {} each minute, and last did so at {}; its log says why it cannot, \
             and starting it again writes it",
            Published::FILE,
            published.written_at
        ));
    }
    Fact::known(published.state)
}

/// The state directory, and what stands in it and in the folder of certificates.
fn files(door: &Door, root: &str, directory: &str, own: Option<u32>) -> Fact<Vec<ServerFile>> {
    let mut paths = vec![directory.to_owned()];
    for folder in [directory.to_owned(), format!("{directory}/pki")] {
        match if_any(door.read_dir(format!("{root}{folder}"))) {
            Ok(entries) => {
                paths.extend(entries.into_iter().flatten().map(|entry| format!("{folder}/{}", entry.name)))
            }
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    if paths.len() > MOST_FILES {
        return Fact::unreadable(format!("more than {MOST_FILES} files stand in {directory}"));
    }
    looked_at(door, paths.into_iter().map(|path| (format!("{root}{path}"), path)).collect(), own)
}

/// Who may do what with these files, each named by where it is reached and by its path.
fn looked_at(door: &Door, files: Vec<(String, String)>, own: Option<u32>) -> Fact<Vec<ServerFile>> {
    let mut found = Vec::with_capacity(files.len());
    for (place, path) in files {
        match if_any(door.stat_link(place)) {
            // What is being put in place has gone by now.
            Ok(None) => {}
            // A link has no mode of its own.
            Ok(Some(stat)) if stat.kind == FileKind::Symlink => {}
            Ok(Some(stat)) => found.push(file(path, &stat, own)),
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    Fact::known(found)
}

fn file(path: String, stat: &Stat, own: Option<u32>) -> ServerFile {
    ServerFile {
        path,
        mode: format!("{:04o}", stat.mode & 0o7777),
        uid: stat.uid,
        owner_trusted: stat.uid == 0 || own == Some(stat.uid),
        group_access: stat.mode & 0o070 != 0,
        others_access: stat.mode & 0o007 != 0,
        others_write: stat.mode & 0o022 != 0,
    }
}
