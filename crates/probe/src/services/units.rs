//! Units of systemd: their state, what they start and as whom, and the timers among them as jobs.

use std::collections::BTreeMap;
use std::time::Duration;

use host::{Door, programs};
use model::Fact;
use model::facts::services::{Job, Unit};

use super::cron::gap_fact;
use super::sandbox;
use crate::fact::reason;
use crate::schedule::timer::{Timing, timing};
use crate::units::FOLDERS;
use crate::units::file::UnitFile;
use crate::units::tree::{Place, UnitTree, template_of};

/// systemd answers from memory.
const LIMIT: Duration = Duration::from_secs(3);

/// Lines of `systemctl list-units` for 2000 units.
const OUTPUT: usize = 1 << 20;

/// Active and sub state of loaded units, by name.
pub(super) type Active = Result<BTreeMap<String, (bool, String)>, String>;

pub(super) fn active(door: &Door, systemd: &Fact<bool>) -> Active {
    match systemd {
        Fact::Known(true, _) => {}
        Fact::Known(false, _) | Fact::Absent => return Err("systemd does not run this host".to_owned()),
        Fact::Unreadable(reason) => return Err(reason.clone()),
    }
    let args = [
        "list-units",
        "--all",
        "--plain",
        "--no-legend",
        "--no-pager",
        "--full",
        "--type=service,socket,timer",
    ];
    let output = door
        .run_up_to(&programs::SYSTEMCTL, &args, LIMIT, OUTPUT)
        .and_then(|output| output.success(&programs::SYSTEMCTL, &args))
        .map_err(|error| reason(&error, door))?;
    Ok(parse_active(&output))
}

/// Lines `UNIT LOAD ACTIVE SUB DESCRIPTION` of `systemctl list-units --plain --no-legend`.
pub fn parse_active(text: &str) -> BTreeMap<String, (bool, String)> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (unit, _load, active, sub) = (words.next()?, words.next()?, words.next()?, words.next()?);
            let is_active = matches!(active, "active" | "reloading" | "activating");
            Some((unit.to_owned(), (is_active, sub.to_owned())))
        })
        .collect()
}

/// Every unit of the tree, and the timers among them as jobs.
pub(super) fn read(door: &Door, tree: &UnitTree, active: &Active) -> (Vec<Unit>, Vec<Job>) {
    let mut places: BTreeMap<String, Place> = tree.units.clone();
    // Instances have no file of their own: their template's is read.
    for name in tree.links.keys() {
        if let Some(place) = template_of(name).and_then(|template| tree.units.get(&template))
            && !places.contains_key(name)
        {
            places.insert(name.clone(), place.clone());
        }
    }
    let mut units = Vec::new();
    let mut timers = Vec::new();
    let mut programs_of: BTreeMap<String, (String, String)> = BTreeMap::new();
    for (name, place) in &places {
        let (unit, file) = unit(door, tree, name, place, active);
        if unit.kind == "timer" && !unit.state.starts_with("masked") {
            timers.push((unit.clone(), file));
        } else if let Some(program) = unit.program.value() {
            programs_of.insert(name.clone(), (program.clone(), unit.user.value().cloned().unwrap_or_default()));
        }
        units.push(unit);
    }
    let jobs =
        timers.into_iter().map(|(unit, file)| timer_job(door, tree, &unit, &file, &programs_of)).collect();
    (units, jobs)
}

fn unit(door: &Door, tree: &UnitTree, name: &str, place: &Place, active: &Active) -> (Unit, UnitFile) {
    let kind = name.rsplit('.').next().unwrap_or_default();
    let masked = tree.is_masked(door, place);
    let alias_of = tree.alias_of(name, place);
    let is_own = !masked && alias_of.is_none();
    let drop_ins = if is_own { tree.drop_ins(door, name) } else { Vec::new() };
    let (file, readable) =
        if is_own { tree.file(door, place, &drop_ins) } else { (UnitFile::default(), Ok(())) };
    let readable = readable.map_err(|error| reason(&error, door));
    let others_may_change = is_own
        && [&place.path]
            .into_iter()
            .chain(&drop_ins)
            .any(|path| door.stat(path).is_ok_and(|stat| stat.uid != 0 || stat.mode & 0o022 != 0));
    // What a mask hides says how the unit would be enabled.
    let hidden = masked.then(|| hidden_file(door, name)).flatten();
    let links = match &hidden {
        Some((_, text)) => {
            let mut file = UnitFile::default();
            file.add(text);
            install_links(name, &file)
        }
        None => install_links(name, &file),
    };
    let own_file = match hidden {
        Some((path, _)) => Fact::known(path),
        None if masked => Fact::Absent,
        None => Fact::known(place.path.clone()),
    };
    let folder = FOLDERS.get(place.folder).copied().unwrap_or_default();
    let state = state(tree, name, folder, masked, alias_of, &file);
    let (is_active, sub_state) = match active {
        Ok(active) => match active.get(name) {
            Some((is_active, sub)) => (Fact::known(*is_active), Fact::known(sub.clone())),
            None => (Fact::known(false), Fact::Absent),
        },
        Err(reason) => (Fact::unreadable(reason.clone()), Fact::unreadable(reason.clone())),
    };
    let is_service = kind == "service" && is_own;
    let user = match () {
        () if file.is_true("Service.DynamicUser") => "dynamic".to_owned(),
        () => file.last("Service.User").unwrap_or("root").to_owned(),
    };
    let enabled = state.starts_with("enabled");
    let fenced = is_service && (enabled || is_active.value() == Some(&true));
    let of_file = |fact: Fact<String>| match &readable {
        Ok(()) => fact,
        Err(reason) => Fact::unreadable(reason.clone()),
    };
    let listens = ["ListenStream", "ListenDatagram", "ListenSequentialPacket", "ListenFIFO", "ListenNetlink"]
        .iter()
        .flat_map(|key| file.all(&format!("Socket.{key}")))
        .map(str::to_owned)
        .collect();
    let unit = Unit {
        name: name.to_owned(),
        kind: kind.to_owned(),
        enabled,
        state,
        active: is_active,
        sub_state,
        alias_of: Fact::from_option(alias_of.map(str::to_owned)),
        program: of_file(if is_service { Fact::from_option(file.program()) } else { Fact::Absent }),
        sandbox: match &readable {
            Ok(()) if fenced => Fact::known(sandbox::read(&file, &user)),
            Ok(()) => Fact::Absent,
            Err(reason) => Fact::unreadable(reason.clone()),
        },
        user: of_file(if is_service { Fact::known(user) } else { Fact::Absent }),
        listens,
        changed_locally: folder.starts_with("/etc/") || drop_ins.iter().any(|path| path.starts_with("/etc/")),
        drop_ins,
        others_may_change,
        file: own_file,
        links: tree.links_in_etc(name),
        install_links: links,
        source: place.path.clone(),
    };
    (unit, file)
}

/// The package's file of a masked unit, and its text.
fn hidden_file(door: &Door, name: &str) -> Option<(String, String)> {
    let below = FOLDERS.iter().filter(|folder| folder.contains("/lib/") || folder.starts_with("/lib/"));
    let mut paths = below.map(|folder| format!("{folder}/{name}"));
    paths.find_map(|path| door.read_text(&path).ok().filter(|text| !text.is_empty()).map(|text| (path, text)))
}

/// The links that `systemctl enable` makes: systemd.unit(5), section `[Install]`. Of templates none: which instance?
fn install_links(name: &str, file: &UnitFile) -> Vec<String> {
    if name.contains('@') {
        return Vec::new();
    }
    let words = |key: &str| -> Vec<String> {
        file.all(key).iter().flat_map(|value| value.split_ascii_whitespace()).map(str::to_owned).collect()
    };
    let mut links = Vec::new();
    for (key, ending) in [("WantedBy", "wants"), ("RequiredBy", "requires"), ("UpheldBy", "upholds")] {
        let targets = words(&format!("Install.{key}"));
        links.extend(targets.into_iter().map(|target| format!("{target}.{ending}/{name}")));
    }
    links.extend(words("Install.Alias"));
    // Specifiers such as %i stand for what only systemd knows.
    links.retain(|link| !link.contains('%'));
    links
}

fn state(
    tree: &UnitTree,
    name: &str,
    folder: &str,
    masked: bool,
    alias_of: Option<&str>,
    file: &UnitFile,
) -> String {
    let state = if masked {
        if folder.starts_with("/run/") { "masked-runtime" } else { "masked" }
    } else if alias_of.is_some() {
        "alias"
    } else if folder.contains("generator") {
        "generated"
    } else if let Some(enabled) = tree.enabled(name, file.last("Install.DefaultInstance")) {
        enabled
    } else if file.has_install() {
        "disabled"
    } else if !file.all("Install.Also").is_empty() {
        "indirect"
    } else {
        "static"
    };
    state.to_owned()
}

fn timer_job(
    door: &Door,
    tree: &UnitTree,
    unit: &Unit,
    file: &UnitFile,
    programs_of: &BTreeMap<String, (String, String)>,
) -> Job {
    let Timing { schedule, gap, service } = timing(&unit.name, file);
    let (command, user) = programs_of.get(&service).cloned().unwrap_or_default();
    let stamp = format!("/var/lib/systemd/timers/stamp-{}", unit.name);
    let last_run = match door.stat(&stamp) {
        Ok(stat) => crate::stamp::at(stat.modified).map_or_else(
            || Fact::unreadable(format!("{stamp} has no time we can write")),
            |time| Fact::read_at(time, stamp.clone()),
        ),
        Err(error) if error.is_not_found() && file.is_true("Timer.Persistent") => Fact::Absent,
        Err(_) => Fact::unreadable("the timer keeps no record of its last run (Persistent= is not set)"),
    };
    Job {
        kind: "timer".to_owned(),
        name: unit.name.clone(),
        longest_gap_minutes: gap_fact(gap, &schedule),
        schedule,
        user: if user.is_empty() { "root".to_owned() } else { user },
        command,
        enabled: unit.enabled || tree.is_pulled_in(&unit.name),
        last_run,
        source: unit.source.clone(),
    }
}
