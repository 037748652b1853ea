//! Whether a service starts by itself, as the links that systemd and init follow say.

pub(crate) mod file;
pub(crate) mod tree;

use host::{Door, Error, FileKind};
use model::Fact;

use crate::fact::{IntoFact, reason};

/// Folders of units, the strongest first. /lib is a link to /usr/lib on a merged system.
pub(crate) const FOLDERS: [&str; 6] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// How a unit stands at boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AtBoot {
    /// Something that is started pulls it in; the link.
    Started(String),
    /// The unit is there and nothing pulls it in.
    NotStarted,
    /// It is linked to /dev/null; the link.
    Masked(String),
    /// There is no such unit, and no init script of that name.
    NoUnit,
}

impl AtBoot {
    /// Whether it starts at boot.
    pub(crate) fn is_started(&self) -> bool {
        matches!(self, Self::Started(_))
    }
}

/// How the unit `name` (`chrony.service`) stands at boot; init scripts count where there is no unit.
///
/// # Errors
/// All that listing folders can end with.
pub(crate) fn at_boot(door: &Door, name: &str) -> Result<AtBoot, Error> {
    let mut unit = None;
    for folder in FOLDERS {
        let path = format!("{folder}/{name}");
        match door.stat_link(&path) {
            Ok(stat) => {
                let target = match stat.kind {
                    FileKind::Symlink => door.read_link(&path).unwrap_or_default(),
                    _ => Default::default(),
                };
                if target.as_os_str() == "/dev/null" {
                    return Ok(AtBoot::Masked(path));
                }
                unit = Some(path);
                break;
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    if unit.is_none() {
        return init_script(door, name.trim_end_matches(".service"));
    }
    for folder in FOLDERS {
        if let Some(link) = pulled_in(door, folder, name)? {
            return Ok(AtBoot::Started(link));
        }
    }
    Ok(AtBoot::NotStarted)
}

/// The first of several names of one unit that is there, and how it stands.
///
/// # Errors
/// As [`at_boot`].
pub(crate) fn first_at_boot(door: &Door, names: &[&str]) -> Result<AtBoot, Error> {
    for name in names {
        let state = at_boot(door, name)?;
        if state != AtBoot::NoUnit {
            return Ok(state);
        }
    }
    Ok(AtBoot::NoUnit)
}

/// Whether the first of several units that is there starts at boot, as a fact.
pub(crate) fn starts(door: &Door, names: &[&str]) -> Fact<bool> {
    first_at_boot(door, names).map(|state| state.is_started()).into_fact(door)
}

/// What boot aims at: where the link `default.target` points.
pub(crate) fn default_target(door: &Door) -> Fact<String> {
    for folder in FOLDERS {
        let path = format!("{folder}/default.target");
        match door.read_link(&path) {
            Ok(target) => {
                let name = target.file_name().map(|name| name.to_string_lossy().into_owned());
                return Fact::read_at(name.unwrap_or_default(), path);
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    Fact::Absent
}

/// The link in a `.wants` or `.requires` folder of `folder` that pulls in the unit.
fn pulled_in(door: &Door, folder: &str, name: &str) -> Result<Option<String>, Error> {
    let entries = match door.read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let pulling = entries
        .iter()
        .filter(|entry| entry.name.ends_with(".wants") || entry.name.ends_with(".requires"))
        // Nothing boots into these by itself.
        .filter(|entry| {
            !["rescue", "emergency", "halt", "reboot", "poweroff"].iter().any(|t| entry.name.starts_with(t))
        });
    for entry in pulling {
        let link = format!("{folder}/{}/{name}", entry.name);
        if door.stat_link(&link).is_ok() {
            return Ok(Some(link));
        }
    }
    Ok(None)
}

/// The same for a script of init: a start link in the folder of a run level.
fn init_script(door: &Door, name: &str) -> Result<AtBoot, Error> {
    if !door.exists(format!("/etc/init.d/{name}")) {
        return Ok(AtBoot::NoUnit);
    }
    for level in ["2", "3", "5", "S"] {
        let folder = format!("/etc/rc{level}.d");
        let entries = match door.read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error),
        };
        let started = entries.iter().find(|entry| {
            entry
                .name
                .strip_prefix('S')
                .is_some_and(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()) == name)
        });
        if let Some(entry) = started {
            return Ok(AtBoot::Started(format!("{folder}/{}", entry.name)));
        }
    }
    Ok(AtBoot::NotStarted)
}

#[cfg(test)]
mod tests {
    use test_support::Machine;

    use super::*;

    #[test]
    fn links_decide_whether_a_unit_starts() {
        let (door, _root) = Machine::new()
            .file("/lib/systemd/system/chrony.service", "[Unit]\n")
            .link(
                "/etc/systemd/system/multi-user.target.wants/chrony.service",
                "/lib/systemd/system/chrony.service",
            )
            .file("/lib/systemd/system/ntp.service", "[Unit]\n")
            .link("/etc/systemd/system/systemd-timesyncd.service", "/dev/null")
            .file("/lib/systemd/system/systemd-timesyncd.service", "[Unit]\n")
            .file("/lib/systemd/system/debug.service", "[Unit]\n")
            .link("/lib/systemd/system/rescue.target.wants/debug.service", "../debug.service")
            .file("/etc/init.d/clamav-daemon", "#!/bin/sh\n")
            .link("/etc/rc2.d/S01clamav-daemon", "../init.d/clamav-daemon")
            .file("/etc/init.d/aide", "#!/bin/sh\n")
            .door();
        assert!(at_boot(&door, "chrony.service").unwrap().is_started());
        assert_eq!(at_boot(&door, "ntp.service").unwrap(), AtBoot::NotStarted);
        assert!(matches!(at_boot(&door, "systemd-timesyncd.service").unwrap(), AtBoot::Masked(_)));
        assert_eq!(at_boot(&door, "debug.service").unwrap(), AtBoot::NotStarted);
        assert_eq!(at_boot(&door, "nothing.service").unwrap(), AtBoot::NoUnit);
        assert!(at_boot(&door, "clamav-daemon.service").unwrap().is_started());
        assert_eq!(at_boot(&door, "aide.service").unwrap(), AtBoot::NotStarted);
        assert!(first_at_boot(&door, &["nothing.service", "chrony.service"]).unwrap().is_started());
    }
}
