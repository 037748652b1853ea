//! Section `updates`: read from what lies on the disk; nothing is fetched and no package manager is started.

mod automatic;
mod history;
pub(crate) mod lists;
mod preferences;

use host::{Door, Error};
use model::Fact;
use model::facts::updates::{Held, Updates};

use crate::dpkg::{self, Installed};
use crate::fact::{IntoFact, reason};
use crate::{Context, kernel};

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Updates> {
    let door = &cx.door;
    let updates = match Installed::read(door) {
        Ok(installed) => apt(door, &installed),
        Err(error) if error.is_not_found() => other(door),
        Err(error) => without_packages(Fact::read_at("apt".to_owned(), dpkg::STATUS), &reason(&error, door)),
    };
    let (required, required_by) = reboot(door, updates.manager.value().is_some_and(|name| name == "apt"));
    Fact::known(Updates { reboot_required: required, reboot_required_by: required_by, ..updates })
}

fn apt(door: &Door, installed: &Installed) -> Updates {
    let pending = match lists::pending(door, installed) {
        Ok(pending) => Fact::read_at(pending, lists::FOLDER),
        Err(error) => Fact::unreadable(error.to_string()),
    };
    let count = |only_security: bool| {
        pending
            .clone()
            .map(|pending| pending.iter().filter(|one| one.security || !only_security).count() as u64)
    };
    let held = installed
        .all()
        .filter(|package| package.held)
        .map(|package| Held {
            name: package.name.clone(),
            version: package.version.clone(),
            source: format!("{} (Package: {})", dpkg::STATUS, package.name),
        })
        .collect();
    Updates {
        manager: Fact::read_at("apt".to_owned(), dpkg::STATUS),
        lists_updated_at: lists::updated_at(door),
        pending_count: count(false),
        pending_security_count: count(true),
        held: Fact::read_at(held, dpkg::STATUS),
        pinned: preferences::pinned(door).into_fact(door),
        last_upgrade_at: history::last_upgrade(door),
        automatic: automatic::apt(door, installed),
        pending,
        ..Updates::default()
    }
}

/// A host that some other package manager keeps.
fn other(door: &Door) -> Updates {
    let manager = dpkg::OTHERS.iter().find(|(path, _)| door.exists(path));
    let (fact, why) = match manager {
        Some((path, name)) => {
            (Fact::read_at((*name).to_owned(), *path), format!("{name} databases are not read yet"))
        }
        None => (Fact::Absent, "no package manager that Palisade knows keeps this host".to_owned()),
    };
    Updates { automatic: automatic::dnf(door), ..without_packages(fact, &why) }
}

fn without_packages(manager: Fact<String>, why: &str) -> Updates {
    Updates {
        manager,
        lists_updated_at: Fact::unreadable(why),
        pending: Fact::unreadable(why),
        pending_count: Fact::unreadable(why),
        pending_security_count: Fact::unreadable(why),
        held: Fact::unreadable(why),
        pinned: Fact::unreadable(why),
        last_upgrade_at: Fact::unreadable(why),
        ..Updates::default()
    }
}

/// Whether packages asked for a reboot since the last one, and which. Only Debian's packages leave the mark.
fn reboot(door: &Door, by_apt: bool) -> (Fact<bool>, Fact<Vec<String>>) {
    let mark = "/run/reboot-required";
    let required = match kernel::read(door, mark) {
        Ok(_) => Fact::read_at(true, mark),
        Err(Error::NotFound(_)) if !door.is_live() => {
            Fact::unreadable("whether a reboot waits only a running host tells")
        }
        Err(Error::NotFound(_)) if !by_apt => {
            Fact::unreadable(format!("{mark} is left by Debian's packages alone; this host is not kept by apt"))
        }
        Err(Error::NotFound(_)) => Fact::read_at(false, format!("{mark} does not exist")),
        Err(error) => Fact::unreadable(reason(&error, door)),
    };
    let packages = "/run/reboot-required.pkgs";
    let by = door.read_text(packages).into_fact(door).or_at(packages).map(|text| {
        let mut by: Vec<String> = text.lines().take(200).map(str::to_owned).collect();
        by.sort();
        by.dedup();
        by
    });
    (required, by)
}

#[cfg(test)]
mod tests;
