//! Kernel modules that are seldom needed and often attacked.

use std::collections::{BTreeMap, BTreeSet};

use host::Door;
use model::facts::net::Module;
use model::{Fact, Source};

use crate::drop_ins::drop_ins;
use crate::fact::reason;
use crate::text::meaningful_lines;

/// Modules by kind.
const MODULES: &[(&str, &[&str])] = &[
    ("filesystem", &["cramfs", "freevxfs", "hfs", "hfsplus", "jffs2", "squashfs", "udf"]),
    ("protocol", &["dccp", "sctp", "rds", "tipc", "atm", "can", "n_hdlc"]),
    ("device", &["usb-storage", "firewire-core", "firewire-ohci", "firewire-sbp2", "thunderbolt", "bluetooth"]),
];

const DIRECTORIES: &[&str] = &[
    "/etc/modprobe.d",
    "/run/modprobe.d",
    "/usr/local/lib/modprobe.d",
    "/usr/lib/modprobe.d",
    "/lib/modprobe.d",
];

/// Lists of modules of a kernel with everything have some megabytes.
const LIST_BYTES: usize = 8 << 20;

/// The most kernels of which modules are looked at on a tree that does not run.
const KERNELS: usize = 16;

/// What the files of modprobe say.
#[derive(Default)]
struct Configuration {
    /// `install NAME COMMAND` by name, in the order in which they are read.
    install: BTreeMap<String, (String, Source)>,
    blacklist: BTreeMap<String, Source>,
}

/// The modules by name.
pub(crate) fn modules(door: &Door) -> BTreeMap<String, Module> {
    let configuration = configuration(door);
    let (loaded, used) = (loaded(door), used(door));
    let release = release(door);
    let available = listed(door, "modules.dep");
    let built_in = listed(door, "modules.builtin");
    let one = |kind: &str, name: &str| {
        let key = normal(name);
        let has = |set: &Result<BTreeSet<String>, String>, place: String| match set {
            Ok(set) => Fact::read_at(set.contains(&key), place),
            Err(reason) => Fact::unreadable(reason),
        };
        let list = |name: &str| format!("/lib/modules/{release}/{name}");
        let loaded = has(&loaded, "/proc/modules".to_owned());
        let in_use = has(&used, "/proc/modules".to_owned());
        let (available, built_in) =
            (has(&available, list("modules.dep")), has(&built_in, list("modules.builtin")));
        let (install_refused, blacklisted) = match &configuration {
            Ok(known) => (
                known
                    .install
                    .get(&key)
                    .map_or(Fact::read_at(false, "no line in modprobe.d"), |(command, source)| {
                        Fact::sourced(refuses(command), source.clone())
                    }),
                known.blacklist.get(&key).map_or(Fact::read_at(false, "no line in modprobe.d"), |source| {
                    Fact::sourced(true, source.clone())
                }),
            ),
            Err(reason) => (Fact::unreadable(reason), Fact::unreadable(reason)),
        };
        let usable = usable(door.is_live(), &loaded, &built_in, &available, &install_refused);
        Module {
            name: name.to_owned(),
            kind: kind.to_owned(),
            loaded,
            in_use,
            available,
            built_in,
            install_refused,
            blacklisted,
            usable,
        }
    };
    MODULES
        .iter()
        .flat_map(|(kind, names)| names.iter().map(move |name| (*kind, *name)))
        .map(|(kind, name)| (name.to_owned(), one(kind, name)))
        .collect()
}

/// Loaded or built in, or on disk and not refused. Unreadable when what is unreadable could decide it.
fn usable(
    live: bool,
    loaded: &Fact<bool>,
    built_in: &Fact<bool>,
    available: &Fact<bool>,
    refused: &Fact<bool>,
) -> Fact<bool> {
    if let Some(fact) = [loaded, built_in].into_iter().find(|fact| fact.value() == Some(&true)) {
        return fact.clone();
    }
    let loadable = match (available, refused) {
        (Fact::Known(false, _), _) => available.clone(),
        (_, Fact::Known(true, source)) => Fact::Known(false, source.clone()),
        (Fact::Known(true, _), Fact::Known(false, _)) => return available.clone(),
        (Fact::Unreadable(reason), _) | (_, Fact::Unreadable(reason)) => Fact::unreadable(reason),
        _ => Fact::Absent,
    };
    match (loaded, built_in) {
        (_, Fact::Unreadable(reason)) => Fact::unreadable(reason),
        // On a tree that does not run nothing is loaded: the files alone decide.
        (Fact::Unreadable(reason), _) if live => Fact::unreadable(reason),
        _ => loadable,
    }
}

/// modprobe takes `-` and `_` for the same.
fn normal(name: &str) -> String {
    name.replace('-', "_")
}

fn refuses(command: &str) -> bool {
    let program = command.split_ascii_whitespace().next().unwrap_or_default();
    ["false", "true", "nologin"].iter().any(|name| program.rsplit('/').next() == Some(name))
}

fn configuration(door: &Door) -> Result<Configuration, String> {
    let mut found = Configuration::default();
    for path in drop_ins(door, DIRECTORIES, ".conf").map_err(|error| reason(&error, door))? {
        let text = match door.read_text(&path) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(reason(&error, door)),
        };
        for line in meaningful_lines(&text) {
            let mut words = line.text.split_ascii_whitespace();
            let source = || Source::line(&path, line.number, &line.text);
            match (words.next(), words.next()) {
                (Some("install"), Some(name)) => {
                    let command = words.collect::<Vec<_>>().join(" ");
                    // The first one counts.
                    found.install.entry(normal(name)).or_insert_with(|| (command, source()));
                }
                (Some("blacklist"), Some(name)) => {
                    found.blacklist.entry(normal(name)).or_insert_with(source);
                }
                _ => {}
            }
        }
    }
    Ok(found)
}

fn loaded(door: &Door) -> Result<BTreeSet<String>, String> {
    list(door).map(|text| first_words(&text))
}

/// Those with users, who are counted in the third column.
fn used(door: &Door) -> Result<BTreeSet<String>, String> {
    let text = list(door)?;
    let used = text.lines().filter(|line| line.split_ascii_whitespace().nth(2) != Some("0"));
    Ok(used.flat_map(first_words).collect())
}

fn list(door: &Door) -> Result<String, String> {
    if !door.is_live() {
        return Err("loaded modules only a running host tells".to_owned());
    }
    match door.read_text("/proc/modules") {
        Ok(text) => Ok(text),
        // The kernel cannot load modules at all.
        Err(error) if error.is_not_found() && door.exists("/proc/sys") => Ok(String::new()),
        Err(error) => Err(reason(&error, door)),
    }
}

fn first_words(text: &str) -> BTreeSet<String> {
    text.lines().filter_map(|line| line.split_ascii_whitespace().next()).map(normal).collect()
}

/// Modules in a list of the running kernel, or of all kernels of a tree: `kernel/fs/udf/udf.ko.xz: ...`.
fn listed(door: &Door, list: &str) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    for release in releases(door)? {
        let mut text = None;
        for root in ["/lib/modules", "/usr/lib/modules"] {
            match door.read_up_to(format!("{root}/{release}/{list}"), LIST_BYTES) {
                Ok(bytes) => text = Some(String::from_utf8_lossy(&bytes).into_owned()),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(reason(&error, door)),
            }
            if text.is_some() {
                break;
            }
        }
        found.extend(text.unwrap_or_default().lines().filter_map(module_name));
    }
    Ok(found)
}

fn module_name(line: &str) -> Option<String> {
    let file = line.split([':', ' ']).next()?.rsplit('/').next()?;
    file.split_once(".ko").map(|(name, _)| normal(name))
}

/// The release whose lists are read, for the places of facts.
fn release(door: &Door) -> String {
    match releases(door).as_deref() {
        Ok([release]) => release.clone(),
        _ => "*".to_owned(),
    }
}

fn releases(door: &Door) -> Result<Vec<String>, String> {
    if door.is_live() {
        return match door.read_text("/proc/sys/kernel/osrelease") {
            Ok(release) => Ok(vec![release.trim().to_owned()]),
            Err(error) => Err(reason(&error, door)),
        };
    }
    // A tree without a kernel runs on one that it does not tell of.
    let none =
        || Err("no kernel in /lib/modules: which modules there are only a running host tells".to_owned());
    match door.read_dir("/lib/modules") {
        Ok(entries) if entries.is_empty() => none(),
        Ok(entries) => Ok(entries.into_iter().map(|entry| entry.name).take(KERNELS).collect()),
        Err(error) if error.is_not_found() => none(),
        Err(error) => Err(reason(&error, door)),
    }
}
