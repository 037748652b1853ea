//! Whether a daemon runs and whether it starts at boot, as facts.

use host::Door;
use model::Fact;

use crate::fact::reason;
use crate::processes::Processes;
use crate::units::{AtBoot, first_at_boot};

/// The running programs, or the reason why nobody knows.
pub(crate) struct Running {
    door: Door,
    processes: Result<Processes, String>,
}

impl Running {
    /// Reads the names of all processes.
    pub(crate) fn read(door: &Door) -> Self {
        Self { door: door.clone(), processes: Processes::read(door).map_err(|error| reason(&error, door)) }
    }

    /// Whether a program of one of these names runs on the host itself, containers left out.
    pub(crate) fn any(&self, names: &[&str]) -> Fact<bool> {
        let processes = match &self.processes {
            Ok(processes) => processes,
            Err(reason) => return Fact::unreadable(reason.clone()),
        };
        let found =
            names.iter().find_map(|name| processes.named(&self.door, name).first().map(|found| found.pid));
        match found {
            Some(pid) => Fact::read_at(true, format!("/proc/{pid}/comm")),
            None => Fact::read_at(false, format!("no process named {}", names.join(" or "))),
        }
    }
}

/// Whether the first of these services that is there starts at boot; `names` without `.service`.
pub(crate) fn starts_at_boot(door: &Door, names: &[&str]) -> Fact<bool> {
    let units: Vec<String> = names.iter().map(|name| format!("{name}.service")).collect();
    let units: Vec<&str> = units.iter().map(String::as_str).collect();
    match first_at_boot(door, &units) {
        Ok(AtBoot::Started(link)) => Fact::read_at(true, link),
        Ok(AtBoot::Masked(link)) => Fact::read_at(false, link),
        Ok(AtBoot::NotStarted) => Fact::read_at(false, "nothing pulls the unit in at boot"),
        Ok(AtBoot::NoUnit) => Fact::read_at(false, "no unit or init script of that name"),
        Err(error) => Fact::unreadable(reason(&error, door)),
    }
}
