//! Section `logging`: the journal, syslog servers, ways off the host, rotation, and who can get at the logs.

use std::collections::BTreeSet;

use host::Door;
use model::Fact;
use model::facts::logging::{Forwarder, Logging, SyslogInput, SyslogServer, SyslogTarget};

use crate::Context;
use crate::daemons::Running;
use crate::fact::reason;

mod exposure;
mod journald;
mod logrotate;
mod rsyslog;
mod shippers;
mod syslog_ng;

/// Parsers of outside text, for fuzz targets.
#[doc(hidden)]
pub mod parsers {
    pub use super::journald::Settings as JournaldSettings;
    pub use super::logrotate::parse as logrotate;
    pub use super::rsyslog::{Rsyslog, included, statements};
    pub use super::shippers::receiver;
    pub use super::syslog_ng::parse as syslog_ng;
}

/// More included files than this are not read.
const MAX_FILES: usize = 200;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Logging> {
    let door = &cx.door;
    let running = Running::read(door);
    let rsyslog = rsyslog(door, &running);
    let syslog_ng = syslog_ng(door, &running);
    let found = exposure::read(door);
    let journald = journald::read(door, &running);
    let states = [
        journald.value().map(|server| &server.running),
        rsyslog.value().map(|server| &server.running),
        syslog_ng.value().map(|server| &server.running),
    ];
    Fact::known(Logging {
        collecting: any(states.into_iter().flatten()).or_at("no process of journald, rsyslog or syslog-ng"),
        inputs: inputs([&rsyslog, &syslog_ng]),
        journald,
        forwarders: forwarders(door, &running, &rsyslog, &syslog_ng),
        rsyslog,
        syslog_ng,
        logrotate: logrotate::read(door),
        exposed_files: found.exposed,
        directories: found.directories,
        login_records: exposure::login_records(door),
    })
}

fn rsyslog(door: &Door, running: &Running) -> Fact<SyslogServer> {
    if !["/usr/sbin/rsyslogd", "/sbin/rsyslogd"].iter().any(|path| door.exists(path)) {
        return Fact::Absent;
    }
    let mut told = rsyslog::Rsyslog::default();
    let mut files = Files::default();
    let read = files.rsyslog(door, "/etc/rsyslog.conf", &mut told);
    let create_mode = told.create_mode.take();
    Fact::known(server(running.any(&["rsyslogd"]), read, files, told.targets, told.inputs, create_mode))
}

fn syslog_ng(door: &Door, running: &Running) -> Fact<SyslogServer> {
    if !["/usr/sbin/syslog-ng", "/sbin/syslog-ng"].iter().any(|path| door.exists(path)) {
        return Fact::Absent;
    }
    let mut told = syslog_ng::SyslogNg::default();
    let mut files = Files::default();
    let read = files.syslog_ng(door, "/etc/syslog-ng/syslog-ng.conf", &mut told);
    Fact::known(server(running.any(&["syslog-ng"]), read, files, told.targets, told.inputs, told.create_mode))
}

fn server(
    running: Fact<bool>,
    read: Result<(), String>,
    files: Files,
    targets: Vec<SyslogTarget>,
    inputs: Vec<SyslogInput>,
    create_mode: Option<(String, String)>,
) -> SyslogServer {
    match read {
        Ok(()) => SyslogServer {
            running,
            files: Fact::known(files.read),
            targets: Fact::known(targets),
            inputs: Fact::known(inputs),
            creates_readable_by_others: match create_mode.as_ref().map(|(mode, _)| u32::from_str_radix(mode, 8))
            {
                Some(Ok(mode)) => Fact::known(mode & 0o007 != 0),
                Some(Err(_)) => Fact::unreadable("the mode is no octal number"),
                None => Fact::Absent,
            },
            file_create_mode: create_mode.map_or(Fact::Absent, |(mode, place)| Fact::read_at(mode, place)),
        },
        Err(reason) => SyslogServer {
            running,
            files: Fact::unreadable(reason.clone()),
            targets: Fact::unreadable(reason.clone()),
            inputs: Fact::unreadable(reason.clone()),
            file_create_mode: Fact::unreadable(reason.clone()),
            creates_readable_by_others: Fact::unreadable(reason),
        },
    }
}

/// Files of a configuration, each read once.
#[derive(Debug, Default)]
struct Files {
    seen: BTreeSet<String>,
    read: Vec<String>,
}

impl Files {
    fn text(&mut self, door: &Door, path: &str) -> Result<Option<String>, String> {
        if self.read.len() >= MAX_FILES || !self.seen.insert(path.to_owned()) {
            return Ok(None);
        }
        match door.read_text(path) {
            Ok(text) => {
                self.read.push(path.to_owned());
                Ok(Some(text))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(reason(&error, door)),
        }
    }

    fn rsyslog(&mut self, door: &Door, path: &str, told: &mut rsyslog::Rsyslog) -> Result<(), String> {
        let Some(text) = self.text(door, path)? else { return Ok(()) };
        for statement in rsyslog::statements(&text) {
            match rsyslog::included(&statement.text) {
                Some(pattern) => {
                    for file in expand(door, &pattern)? {
                        self.rsyslog(door, &file, told)?;
                    }
                }
                None => told.obey(&statement, path),
            }
        }
        Ok(())
    }

    fn syslog_ng(&mut self, door: &Door, path: &str, told: &mut syslog_ng::SyslogNg) -> Result<(), String> {
        let Some(text) = self.text(door, path)? else { return Ok(()) };
        let more = syslog_ng::parse(&text, path);
        told.targets.extend(more.targets);
        told.inputs.extend(more.inputs);
        told.create_mode = more.create_mode.or(told.create_mode.take());
        for include in more.includes {
            let include = if include.starts_with('/') { include } else { format!("/etc/syslog-ng/{include}") };
            for file in expand(door, &include)? {
                self.syslog_ng(door, &file, told)?;
            }
        }
        Ok(())
    }
}

/// Files that a pattern names: a file, a folder, or `folder/*.suffix`.
fn expand(door: &Door, pattern: &str) -> Result<Vec<String>, String> {
    let (folder, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let (folder, before, after) = match name.split_once('*') {
        Some((before, after)) => (folder, before, after),
        None => match door.stat(pattern) {
            Ok(stat) if stat.kind == host::FileKind::Directory => (pattern, "", ""),
            _ => return Ok(vec![pattern.to_owned()]),
        },
    };
    match door.read_dir(folder) {
        Ok(entries) => Ok(entries
            .into_iter()
            .filter(|entry| entry.kind != host::FileKind::Directory)
            .filter(|entry| {
                entry.name.starts_with(before) && entry.name.ends_with(after) && !entry.name.starts_with('.')
            })
            .map(|entry| format!("{folder}/{}", entry.name))
            .collect()),
        Err(error) if error.is_not_found() => Ok(Vec::new()),
        Err(error) => Err(reason(&error, door)),
    }
}

/// True when one is, unreadable when one might be.
fn any<'a>(facts: impl Iterator<Item = &'a Fact<bool>>) -> Fact<bool> {
    let mut answer = Fact::known(false);
    for fact in facts {
        match fact {
            Fact::Known(true, _) => return fact.clone(),
            Fact::Unreadable(reason) => answer = Fact::unreadable(reason.clone()),
            Fact::Known(false, _) | Fact::Absent => {}
        }
    }
    answer
}

fn inputs(servers: [&Fact<SyslogServer>; 2]) -> Fact<Vec<SyslogInput>> {
    let mut all = Vec::new();
    for server in servers.iter().filter_map(|server| server.value()) {
        match &server.inputs {
            Fact::Known(inputs, _) => all.extend(inputs.iter().cloned()),
            Fact::Absent => {}
            Fact::Unreadable(reason) => return Fact::unreadable(reason.clone()),
        }
    }
    Fact::known(all)
}

/// Every way off the host, whichever program takes it.
fn forwarders(
    door: &Door,
    running: &Running,
    rsyslog: &Fact<SyslogServer>,
    syslog_ng: &Fact<SyslogServer>,
) -> Fact<Vec<Forwarder>> {
    let mut all = Vec::new();
    for (name, server) in [("rsyslog", rsyslog), ("syslog-ng", syslog_ng)] {
        let Some(server) = server.value() else { continue };
        match &server.targets {
            Fact::Known(targets, _) => all.extend(targets.iter().map(|target| Forwarder {
                name: name.to_owned(),
                target: Fact::known(target.target.clone()),
                tls: Fact::known(target.tls),
                verified: Fact::known(target.verified),
                local: Fact::known(shippers::is_local(&target.target)),
                running: server.running.clone(),
                source: target.source.clone(),
            })),
            Fact::Absent => {}
            Fact::Unreadable(reason) => return Fact::unreadable(reason.clone()),
        }
    }
    all.extend(shippers::read(door, running));
    Fact::read_at(all, "settings of syslog servers and log shippers")
}

#[cfg(test)]
mod tests;
