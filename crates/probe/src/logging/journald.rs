//! systemd's journal: journald.conf(5) with its drop-ins.

use std::collections::BTreeMap;

use host::{Door, FileKind};
use model::facts::logging::Journald;
use model::{Fact, Place, Source};

use crate::daemons::Running;
use crate::fact::{IntoFact, reason};
use crate::text::meaningful_lines;

const PROGRAMS: &[&str] = &["/usr/lib/systemd/systemd-journald", "/lib/systemd/systemd-journald"];
const DIRECTORY: &str = "/var/log/journal";

/// Folders of the configuration, the first wins.
const FOLDERS: &[&str] =
    &["/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd"];

/// Reads the journal; absent when it is not installed.
pub(crate) fn read(door: &Door, running: &Running) -> Fact<Journald> {
    if !PROGRAMS.iter().any(|path| door.exists(path)) {
        return Fact::Absent;
    }
    let mut settings = Settings::default();
    for path in files(door) {
        match door.read_text(&path) {
            Ok(text) => settings.add(&text, &path),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    let directory_exists = match door.stat(DIRECTORY) {
        Ok(stat) => Fact::read_at(stat.kind == FileKind::Directory, DIRECTORY),
        Err(error) if error.is_not_found() => Fact::read_at(false, DIRECTORY),
        Err(error) => Err(error).into_fact(door),
    };
    let storage = settings.given("storage").map(|value| value.to_ascii_lowercase());
    let storage = or(storage, "auto");
    let persistent = match (storage.value().map(String::as_str), &directory_exists) {
        (Some("persistent"), _) => Fact::known(true),
        (Some("auto"), exists) => exists.clone(),
        _ => Fact::known(false),
    };
    Fact::known(Journald {
        running: running.any(&["systemd-journald"]),
        storage,
        persistent,
        sealing_key: sealing_key(door),
        directory_exists,
        // A size here means yes, with that threshold.
        compress: settings.truth("compress", true, true),
        seal: settings.truth("seal", true, false),
        forward_to_syslog: settings.truth("forwardtosyslog", false, false),
        system_max_use: settings.given("systemmaxuse"),
        system_keep_free: settings.given("systemkeepfree"),
        runtime_max_use: settings.given("runtimemaxuse"),
        max_retention: settings.given("maxretentionsec"),
        max_file: settings.given("maxfilesec"),
        rate_limit_burst: or(settings.given("ratelimitburst"), "10000").and_then(|value| {
            value
                .parse()
                .map_or_else(|_| Fact::unreadable(format!("RateLimitBurst={value} is no number")), Fact::known)
        }),
        audit: or(settings.given("audit"), "yes"),
    })
}

fn or(fact: Fact<String>, default: &str) -> Fact<String> {
    match fact {
        Fact::Absent => Fact::read_at(default.to_owned(), "journald's default"),
        known => known,
    }
}

/// The first main file, then drop-ins by name; of two drop-ins with one name the first folder's counts.
fn files(door: &Door) -> Vec<String> {
    let main = FOLDERS.iter().map(|folder| format!("{folder}/journald.conf")).find(|path| door.exists(path));
    let mut drop_ins: BTreeMap<String, String> = BTreeMap::new();
    for folder in FOLDERS {
        let directory = format!("{folder}/journald.conf.d");
        for entry in door.read_dir(&directory).unwrap_or_default() {
            if entry.name.ends_with(".conf") {
                drop_ins.entry(entry.name.clone()).or_insert(format!("{directory}/{}", entry.name));
            }
        }
    }
    main.into_iter().chain(drop_ins.into_values()).collect()
}

fn sealing_key(door: &Door) -> Fact<bool> {
    let Ok(machines) = door.read_dir(DIRECTORY) else {
        return Fact::known(false);
    };
    let found =
        machines.iter().map(|entry| format!("{DIRECTORY}/{}/fss", entry.name)).find(|path| door.exists(path));
    match found {
        Some(path) => Fact::read_at(true, path),
        None => Fact::read_at(false, DIRECTORY),
    }
}

/// Settings of section `[Journal]` by lower-case name.
#[derive(Debug, Default)]
pub struct Settings(BTreeMap<String, (String, Source)>);

impl Settings {
    /// Adds a file; the last file wins, and keeps the places it overrides.
    pub fn add(&mut self, text: &str, path: &str) {
        let mut section = String::new();
        for line in meaningful_lines(text) {
            if line.text.starts_with(';') {
                continue;
            }
            if line.text.starts_with('[') {
                section.clone_from(&line.text);
            } else if section == "[Journal]"
                && let Some((name, value)) = line.text.split_once('=')
            {
                let mut source = Source::line(path, line.number, &line.text);
                let name = name.trim().to_ascii_lowercase();
                if let Some((_, old)) = self.0.remove(&name) {
                    source.overridden = old.overridden;
                    source.overridden.push(Place { at: old.at, excerpt: old.excerpt.unwrap_or_default() });
                }
                self.0.insert(name, (value.trim().to_owned(), source));
            }
        }
    }

    /// The value of a setting; absent when not given or given empty.
    pub fn given(&self, name: &str) -> Fact<String> {
        match self.0.get(name) {
            Some((value, source)) if !value.is_empty() => Fact::sourced(value.clone(), source.clone()),
            _ => Fact::Absent,
        }
    }

    fn truth(&self, name: &str, default: bool, sizes: bool) -> Fact<bool> {
        match self.given(name) {
            Fact::Absent => Fact::read_at(default, "journald's default"),
            given => given.and_then(|value| match value.to_ascii_lowercase().as_str() {
                "yes" | "true" | "1" | "on" | "y" | "t" => Fact::known(true),
                "no" | "false" | "0" | "off" | "n" | "f" => Fact::known(false),
                _ if sizes => Fact::known(true),
                _ => Fact::unreadable(format!("{name}={value} is neither yes nor no")),
            }),
        }
    }
}
