//! Section `services`: units of systemd, scheduled jobs, super-servers, init scripts.

mod cron;
pub(crate) mod inetd;
mod sandbox;
mod units;

pub use units::parse_active;

use host::Door;
use model::Fact;
use model::facts::services::{Cron, InitScript, Services, Unit};

use crate::Context;
use crate::daemons::Running;
use crate::fact::{IntoFact, reason};
use crate::schedule::MAX_JOBS;
use crate::units::default_target;
use crate::units::tree::UnitTree;

/// More changeable files than this are not listed.
const MAX_CHANGEABLE: usize = 200;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Services> {
    let door = &cx.door;
    let running = Running::read(door);
    let systemd = is_systemd(door);
    let active = units::active(door, &systemd);
    let (units, timers) = match UnitTree::read(door) {
        Ok(Some(tree)) => {
            let (units, timers) = units::read(door, &tree, &active);
            (Fact::read_at(units, "unit files and their links"), timers)
        }
        Ok(None) => (Fact::Absent, Vec::new()),
        Err(error) => (Fact::unreadable(reason(&error, door)), Vec::new()),
    };
    let jobs = match (&units, cron::jobs(door)) {
        (Fact::Unreadable(reason), _) => Fact::unreadable(reason.clone()),
        (_, Err(error)) => Fact::unreadable(reason(&error, door)),
        (_, Ok(mut jobs)) => {
            jobs.extend(timers);
            jobs.truncate(MAX_JOBS);
            Fact::read_at(jobs, "timers of systemd and tables of cron")
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
        default_target: if units.is_absent() { Fact::Absent } else { default_target(door) },
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

/// Files that run with root's rights and that others may change; absent when no file does.
fn changeable(
    units: &Fact<Vec<Unit>>,
    cron: &Fact<Cron>,
    scripts: &Fact<Vec<InitScript>>,
) -> Fact<Vec<String>> {
    if let Fact::Unreadable(reason) = units {
        return Fact::unreadable(reason.clone());
    }
    let units = units.value().into_iter().flatten().map(|unit| (unit.others_may_change, &unit.source));
    let files = cron.value().into_iter().flat_map(|cron| &cron.files);
    let files = files.map(|file| (file.others_may_change, &file.path));
    let scripts = scripts.value().into_iter().flatten();
    let scripts = scripts.map(|script| (script.others_may_change, &script.source));
    let mut all = units.chain(files).chain(scripts).peekable();
    if all.peek().is_none() {
        return Fact::Absent;
    }
    let changeable = all.filter(|(changeable, _)| *changeable).map(|(_, source)| source.clone());
    Fact::read_at(changeable.take(MAX_CHANGEABLE).collect(), "unit files, init scripts and tables of cron")
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

#[cfg(test)]
mod tests;
