//! The audit daemon: its settings, its log, its plugins.

use std::collections::BTreeMap;

use host::{Door, FileKind};
use model::facts::audit::{AuditDaemon, AuditLog, AuditPlugin, AuditdConfig};
use model::{Fact, Source};

use crate::daemons::{Running, starts_at_boot};
use crate::fact::{IntoFact, reason};
use crate::text::{files_in, meaningful_lines};

const PROGRAMS: &[&str] = &["/usr/sbin/auditd", "/sbin/auditd"];
const CONFIG: &str = "/etc/audit/auditd.conf";

/// More log files than this are not looked at.
const MAX_FILES: usize = 1000;

/// More files than this are not listed.
const MAX_LISTED: usize = 100;

/// Reads the daemon; absent when it is not installed.
pub(crate) fn read(door: &Door, running: &Running) -> Fact<AuditDaemon> {
    if !PROGRAMS.iter().any(|path| door.exists(path)) {
        return Fact::Absent;
    }
    let config = door.read_text(CONFIG).into_fact(door).map(|text| config(&text));
    let log_file = config.value().and_then(|config| config.log_file.value().cloned());
    let log = match (&config, log_file) {
        (_, Some(file)) => log(door, &file),
        (Fact::Unreadable(reason), _) => Fact::unreadable(reason.clone()),
        (_, None) => Fact::Absent,
    };
    let plugins = plugins(door);
    let daemon = AuditDaemon {
        running: running.any(&["auditd"]),
        enabled: starts_at_boot(door, &["auditd"]),
        remote_server: remote_server(door, &plugins),
        config,
        log,
        plugins,
    };
    Fact::read_at(daemon, CONFIG)
}

/// Settings by lower-case name, with their lines; the last one wins.
pub fn settings(text: &str, path: &str) -> BTreeMap<String, (String, Source)> {
    let mut settings: BTreeMap<String, (String, Source)> = BTreeMap::new();
    for line in meaningful_lines(text) {
        if let Some((name, value)) = line.text.split_once('=') {
            let source = Source::line(path, line.number, &line.text);
            settings.insert(name.trim().to_ascii_lowercase(), (value.trim().to_owned(), source));
        }
    }
    settings
}

fn config(text: &str) -> AuditdConfig {
    let settings = settings(text, CONFIG);
    let given = |name: &str| match settings.get(name) {
        Some((value, source)) => Fact::sourced(value.clone(), source.clone()),
        None => Fact::Absent,
    };
    // What auditd takes when nothing is said: clear_config() of auditd-config.c.
    let or = |name: &str, default: &str| match given(name) {
        Fact::Absent => Fact::read_at(default.to_owned(), format!("default of {name}")),
        known => known,
    };
    let word = |name: &str, default: &str| or(name, default).map(|value| value.to_ascii_lowercase());
    let number = |name: &str, default: &str| or(name, default).and_then(|value| whole(name, &value));
    AuditdConfig {
        log_file: or("log_file", "/var/log/audit/audit.log"),
        log_group: or("log_group", "root"),
        write_logs: word("write_logs", "yes").map(|value| value != "no"),
        max_log_file: number("max_log_file", "0"),
        max_log_file_action: word("max_log_file_action", "ignore"),
        num_logs: number("num_logs", "0"),
        space_left: or("space_left", "0"),
        space_left_action: word("space_left_action", "ignore").map(|value| first_word(&value)),
        admin_space_left: or("admin_space_left", "0"),
        admin_space_left_action: word("admin_space_left_action", "ignore").map(|value| first_word(&value)),
        disk_full_action: word("disk_full_action", "ignore").map(|value| first_word(&value)),
        disk_error_action: word("disk_error_action", "syslog").map(|value| first_word(&value)),
        action_mail_acct: or("action_mail_acct", "root"),
        flush: word("flush", "none"),
        tcp_listen_port: given("tcp_listen_port").and_then(|value| whole("tcp_listen_port", &value)),
    }
}

fn whole(name: &str, value: &str) -> Fact<u64> {
    value.parse().map_or_else(|_| Fact::unreadable(format!("{name} = {value} is no number")), Fact::known)
}

/// `exec /path` is the action `exec`.
fn first_word(value: &str) -> String {
    value.split_whitespace().next().unwrap_or_default().to_owned()
}

fn log(door: &Door, file: &str) -> Fact<AuditLog> {
    let directory = match file.rsplit_once('/') {
        Some((directory, _)) if !directory.is_empty() => directory,
        _ => return Fact::unreadable(format!("log_file = {file} is no absolute path")),
    };
    let stat = match door.stat(directory) {
        Ok(stat) => stat,
        Err(error) => return Err(error).into_fact(door),
    };
    let mut log = AuditLog {
        directory: directory.to_owned(),
        directory_mode: format!("{:04o}", stat.mode),
        directory_uid: stat.uid,
        directory_open_to_others: stat.mode & 0o007 != 0,
        directory_group_writable: stat.mode & 0o020 != 0,
        ..AuditLog::default()
    };
    let entries = match door.read_dir(directory) {
        Ok(entries) => entries,
        Err(error) => return Fact::unreadable(reason(&error, door)),
    };
    for entry in entries.into_iter().filter(|entry| entry.kind == FileKind::File).take(MAX_FILES) {
        let path = format!("{directory}/{}", entry.name);
        let Ok(stat) = door.stat_link(&path) else { continue };
        if stat.mode & 0o027 != 0 && log.open_files.len() < MAX_LISTED {
            log.open_files.push(path.clone());
        }
        if stat.uid != 0 && log.foreign_files.len() < MAX_LISTED {
            log.foreign_files.push(path);
        }
    }
    Fact::read_at(log, directory)
}

fn plugins(door: &Door) -> Fact<Vec<AuditPlugin>> {
    let mut plugins = Vec::new();
    // The dispatcher was a program of its own before auditd 3.
    for directory in ["/etc/audit/plugins.d", "/etc/audisp/plugins.d"] {
        let names = match files_in(door, directory, ".conf") {
            Ok(names) => names,
            Err(error) => return Fact::unreadable(reason(&error, door)),
        };
        for name in names {
            let path = format!("{directory}/{name}");
            let text = match door.read_text(&path) {
                Ok(text) => text,
                Err(error) => return Fact::unreadable(reason(&error, door)),
            };
            let settings = settings(&text, &path);
            let value = |name: &str| settings.get(name).map(|(value, _)| value.clone()).unwrap_or_default();
            plugins.push(AuditPlugin {
                name: name.trim_end_matches(".conf").to_owned(),
                active: value("active").eq_ignore_ascii_case("yes"),
                path: value("path"),
                source: path,
            });
        }
    }
    Fact::read_at(plugins, "/etc/audit/plugins.d")
}

fn remote_server(door: &Door, plugins: &Fact<Vec<AuditPlugin>>) -> Fact<String> {
    let plugins = match plugins {
        Fact::Known(plugins, _) => plugins,
        Fact::Absent => return Fact::Absent,
        Fact::Unreadable(reason) => return Fact::unreadable(reason.clone()),
    };
    if !plugins.iter().any(|plugin| plugin.active && plugin.path.ends_with("audisp-remote")) {
        return Fact::Absent;
    }
    for path in ["/etc/audit/audisp-remote.conf", "/etc/audisp/audisp-remote.conf"] {
        match door.read_text(path) {
            Ok(text) => {
                let settings = settings(&text, path);
                return match settings.get("remote_server") {
                    Some((server, source)) if !server.is_empty() => {
                        Fact::sourced(server.clone(), source.clone())
                    }
                    _ => Fact::Absent,
                };
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    Fact::Absent
}
