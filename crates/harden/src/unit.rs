//! Switching units of systemd on and off: the links that systemctl would make, and starting and stopping.

use model::facts::Facts;
use model::facts::services::Unit;

use crate::change::{Act, Change, Live};
use crate::fix::Draft;

const FOLDER: &str = "/etc/systemd/system";

/// What systemctl says of a unit that it does not know: one that is gone has stopped.
const GONE: &[&str] = &["not loaded", "not found", "does not exist"];

/// The unit of that name, where systemd knows it.
pub(crate) fn find<'a>(facts: &'a Facts, name: &str) -> Option<&'a Unit> {
    let units = facts.services.value()?.units.value()?;
    let unit = units.iter().find(|unit| unit.name == name)?;
    match unit.alias_of.value() {
        Some(other) => units.iter().find(|unit| unit.name == *other),
        None => Some(unit),
    }
}

/// Why nothing can be started or stopped; none where systemd runs, or where nothing runs at all.
pub(crate) fn no_manager(facts: &Facts) -> Option<String> {
    let services = facts.services.value();
    if services.is_none_or(|services| services.units.value().is_none()) {
        return Some("systemd is not installed; use this host's own way to start services".to_owned());
    }
    (services.and_then(|services| services.systemd.value()) == Some(&false))
        .then(|| "systemd does not run here; use this host's own way to start services".to_owned())
}

/// Lets a unit start at boot, and starts it.
///
/// # Errors
/// Why it cannot be, for a person.
pub(crate) fn switch_on(unit: &Unit, draft: &mut Draft) -> Result<(), String> {
    let name = &unit.name;
    let Some(file) = unit.file.value() else {
        return Err(format!("{name} is masked, and no package's file of it is there"));
    };
    if unit.state.starts_with("masked") {
        if !unit.source.starts_with(FOLDER) {
            return Err(format!("{} masks {name} until the next boot", unit.source));
        }
        draft.change(Change::Remove { path: unit.source.clone() });
    }
    if unit.links.is_empty() && unit.state != "static" {
        if unit.install_links.is_empty() {
            return Err(format!("{name} does not say how it is enabled (no WantedBy= in {file})"));
        }
        for link in &unit.install_links {
            draft.change(Change::Link { path: format!("{FOLDER}/{link}"), target: file.clone() });
        }
    }
    if unit.active.value() == Some(&false) {
        draft.change(start(name));
    }
    Ok(())
}

/// Keeps a unit from starting, by itself or by others, and stops it.
pub(crate) fn switch_off(unit: &Unit, draft: &mut Draft) {
    let name = &unit.name;
    for link in &unit.links {
        draft.change(Change::Remove { path: link.clone() });
    }
    // A file that somebody wrote there stays: a mask would take its place.
    let own_file = unit.source.starts_with(FOLDER) && !unit.state.starts_with("masked");
    if !own_file {
        draft.change(Change::Link { path: format!("{FOLDER}/{name}"), target: "/dev/null".to_owned() });
    }
    if unit.active.value() == Some(&true) {
        draft.change(Change::Live(Live {
            what: format!("stop {name}"),
            apply: vec![Act::ensure("systemctl", &["stop", name], GONE)],
            undo: vec![Act::run("systemctl", &["start", name])],
        }));
    }
}

/// Starts a unit that does not run.
pub(crate) fn start(name: &str) -> Change {
    Change::Live(Live {
        what: format!("start {name}"),
        apply: vec![Act::run("systemctl", &["start", name])],
        undo: vec![Act::ensure("systemctl", &["stop", name], GONE)],
    })
}

/// A job of Palisade's own: a service that a timer starts. Both are files of ours.
pub(crate) struct Job<'a> {
    /// What both files are called.
    pub(crate) name: &'a str,
    /// The program that the service starts.
    pub(crate) program: &'a str,
    /// The service's file.
    pub(crate) service: &'a str,
    /// The timer's file.
    pub(crate) timer: &'a str,
}

impl Job<'_> {
    /// Sets the job up and starts its timer.
    ///
    /// # Errors
    /// Why it cannot be, for a person.
    pub(crate) fn set_up(&self, facts: &Facts, draft: &mut Draft) -> Result<(), String> {
        let Self { name, program, service, timer } = *self;
        if let Some(reason) = no_manager(facts) {
            return Err(reason);
        }
        let other = find(facts, &format!("{name}.service"));
        if let Some(other) = other.filter(|other| other.program.value().is_none_or(|known| known != program)) {
            return Err(format!("{} is there already and does something else: rename it", other.source));
        }
        draft.change(Change::whole(&format!("{FOLDER}/{name}.service"), 0o644, service));
        draft.change(Change::whole(&format!("{FOLDER}/{name}.timer"), 0o644, timer));
        draft.change(Change::Link {
            path: format!("{FOLDER}/timers.target.wants/{name}.timer"),
            target: format!("{FOLDER}/{name}.timer"),
        });
        let timer = format!("{name}.timer");
        if find(facts, &timer).is_none_or(|unit| unit.active.value() != Some(&true)) {
            draft.change(start(&timer));
        }
        Ok(())
    }
}
