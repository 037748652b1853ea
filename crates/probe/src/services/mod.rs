//! Section `services`: units of systemd, scheduled jobs, super-servers, init scripts.

use std::collections::BTreeMap;
use std::time::Duration;

use host::{Door, programs};
use model::Fact;
use model::facts::services::{Cron, InitScript, Job, Services, Unit};

use crate::Context;
use crate::daemons::Running;
use crate::fact::{IntoFact, reason};

pub(crate) mod cron;
pub(crate) mod inetd;
mod sandbox;
pub mod schedule;
pub(crate) mod unit_file;
mod unit_tree;

use cron::{MAX_JOBS, gap_fact};
use schedule::{Gap, calendar_gap, span_minutes};
use unit_file::UnitFile;
use unit_tree::{Place, UnitTree, template_of};

/// systemd answers from memory.
const LIMIT: Duration = Duration::from_secs(3);

/// Lines of `systemctl list-units` for 2000 units.
const OUTPUT: usize = 1 << 20;

/// More changeable files than this are not listed.
const MAX_CHANGEABLE: usize = 200;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Services> {
    let door = &cx.door;
    let running = Running::read(door);
    let systemd = is_systemd(door);
    let active = active_units(door, &systemd);
    let (units, timers) = match UnitTree::read(door) {
        Ok(Some(tree)) => {
            let (units, timers) = units(door, &tree, &active);
            (Fact::known(units), timers)
        }
        Ok(None) => (Fact::Absent, Vec::new()),
        Err(error) => (Fact::unreadable(reason(&error, door)), Vec::new()),
    };
    let jobs = match (&units, cron::jobs(door)) {
        (Fact::Unreadable(reason), _) => Fact::unreadable(reason.clone()),
        (_, Err(reason)) => Fact::unreadable(reason),
        (_, Ok(mut jobs)) => {
            jobs.extend(timers);
            jobs.truncate(MAX_JOBS);
            Fact::known(jobs)
        }
    };
    let names = units.value().into_iter().flatten().map(|unit: &Unit| unit.name.clone()).collect();
    let cron = cron::read(door, &running);
    let init_scripts = inetd::scripts(door, &names);
    let not_timer = |unit: &Unit| unit.kind != "timer";
    let is_running = |fact: Fact<Vec<String>>| match &active {
        Err(reason) if units.value().is_some() => Fact::unreadable(reason.clone()),
        _ => fact,
    };
    Fact::known(Services {
        enabled_units: names_of(&units, |unit| unit.enabled && not_timer(unit)),
        active_units: is_running(names_of(&units, |unit| {
            unit.active.value() == Some(&true) && not_timer(unit)
        })),
        failed_units: is_running(names_of(&units, |unit| {
            unit.sub_state.value().is_some_and(|state| state == "failed")
        })),
        changeable_files: changeable(&units, &cron, &init_scripts),
        manager: manager(door),
        default_target: default_target(door, &units),
        init_scripts,
        systemd,
        units,
        jobs,
        cron,
        at: cron::at(door),
        inetd: inetd::read(door),
    })
}

/// Names of the units of which something holds.
fn names_of(units: &Fact<Vec<Unit>>, holds: impl Fn(&Unit) -> bool) -> Fact<Vec<String>> {
    units.clone().map(|units| units.into_iter().filter(|unit| holds(unit)).map(|unit| unit.name).collect())
}

/// Files that run with root's rights and that others may change.
fn changeable(
    units: &Fact<Vec<Unit>>,
    cron: &Fact<Cron>,
    scripts: &Fact<Vec<InitScript>>,
) -> Fact<Vec<String>> {
    if let Fact::Unreadable(reason) = units {
        return Fact::unreadable(reason.clone());
    }
    let units =
        units.value().into_iter().flatten().filter(|unit| unit.others_may_change).map(|unit| &unit.source);
    let files = cron.value().into_iter().flat_map(|cron| &cron.files);
    let files = files.filter(|file| file.others_may_change).map(|file| &file.path);
    let scripts = scripts.value().into_iter().flatten();
    let scripts = scripts.filter(|script| script.others_may_change).map(|script| &script.source);
    Fact::known(units.chain(files).chain(scripts).take(MAX_CHANGEABLE).cloned().collect())
}

fn manager(door: &Door) -> Fact<String> {
    if !door.is_live() {
        return Fact::unreadable("only a running host tells what its process 1 is");
    }
    door.read_text("/proc/1/comm").into_fact(door).map(|name| name.trim().to_owned())
}

/// As sd_booted(3) decides it.
fn is_systemd(door: &Door) -> Fact<bool> {
    if !door.is_live() {
        return Fact::unreadable("only a running host tells whether systemd runs it");
    }
    Fact::read_at(door.exists("/run/systemd/system"), "/run/systemd/system")
}

fn default_target(door: &Door, units: &Fact<Vec<Unit>>) -> Fact<String> {
    if units.is_absent() {
        return Fact::Absent;
    }
    for folder in unit_tree::FOLDERS {
        let path = format!("{folder}/default.target");
        match door.read_link(&path) {
            Ok(target) => {
                let name =
                    target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                return Fact::read_at(name, path);
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    Fact::Absent
}

/// Active and sub state of loaded units, by name.
type Active = Result<BTreeMap<String, (bool, String)>, String>;

fn active_units(door: &Door, systemd: &Fact<bool>) -> Active {
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
fn units(door: &Door, tree: &UnitTree, active: &Active) -> (Vec<Unit>, Vec<Job>) {
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
    let mut file = UnitFile::default();
    let mut readable = Ok(());
    let mut drop_ins = Vec::new();
    let mut others_may_change = false;
    if !masked && alias_of.is_none() {
        match door.read_text(&place.path) {
            Ok(text) => file.add(&text),
            Err(error) => readable = Err(reason(&error, door)),
        }
        drop_ins = tree.drop_ins(door, name);
        for drop_in in &drop_ins {
            match door.read_text(drop_in) {
                Ok(text) => file.add(&text),
                Err(error) => readable = Err(reason(&error, door)),
            }
        }
        others_may_change = [&place.path]
            .into_iter()
            .chain(&drop_ins)
            .any(|path| door.stat(path).is_ok_and(|stat| stat.uid != 0 || stat.mode & 0o022 != 0));
    }
    let folder = unit_tree::FOLDERS.get(place.folder).copied().unwrap_or_default();
    let state = state(tree, name, folder, masked, alias_of, &file);
    let (is_active, sub_state) = match active {
        Ok(active) => match active.get(name) {
            Some((is_active, sub)) => (Fact::known(*is_active), Fact::known(sub.clone())),
            None => (Fact::known(false), Fact::Absent),
        },
        Err(reason) => (Fact::unreadable(reason.clone()), Fact::unreadable(reason.clone())),
    };
    let is_service = kind == "service" && !masked && alias_of.is_none();
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
        source: place.path.clone(),
    };
    (unit, file)
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
    let stem = unit.name.trim_end_matches(".timer");
    let service = file.last("Timer.Unit").map_or_else(|| format!("{stem}.service"), str::to_owned);
    let mut schedule = Vec::new();
    let mut gaps = Vec::new();
    for expression in file.all("Timer.OnCalendar") {
        schedule.push(format!("OnCalendar={expression}"));
        gaps.push(calendar_gap(expression));
    }
    for key in ["OnUnitActiveSec", "OnUnitInactiveSec"] {
        for span in file.all(&format!("Timer.{key}")) {
            schedule.push(format!("{key}={span}"));
            gaps.push(span_minutes(span).map_or(Gap::Unknown, Gap::Minutes));
        }
    }
    for key in ["OnBootSec", "OnStartupSec", "OnActiveSec"] {
        schedule.extend(file.all(&format!("Timer.{key}")).into_iter().map(|span| format!("{key}={span}")));
    }
    let schedule = schedule.join(" ");
    // Any of several expressions starts it: the shortest gap holds.
    let shortest = gaps.iter().filter_map(|gap| match gap {
        Gap::Minutes(minutes) => Some(*minutes),
        Gap::Once | Gap::Unknown => None,
    });
    let gap = match (shortest.min(), gaps.is_empty()) {
        (Some(minutes), _) => Gap::Minutes(minutes),
        (None, true) => Gap::Once,
        (None, false) => Gap::Unknown,
    };
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

#[cfg(test)]
mod tests;
