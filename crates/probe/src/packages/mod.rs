//! Section `packages`: what is installed that should not be, and where packages come from.

use model::Fact;
use model::facts::packages::Packages;

use crate::Context;
use crate::dpkg;
use crate::fact::reason;

pub(crate) mod apt;
pub(crate) mod unwanted;

/// apk's database is one text of all packages.
const APK_LIMIT: usize = 64 << 20;

/// More packages than this are not listed.
const MAX_LISTED: usize = 100;

/// A package: name and version.
type NameAndVersion = (String, String);

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Packages> {
    let door = &cx.door;
    let databases = [(dpkg::STATUS, "dpkg")].into_iter().chain(dpkg::OTHERS);
    let Some((database, manager)) = databases.into_iter().find(|(path, _)| door.exists(path)) else {
        return Fact::Absent;
    };
    let mut held = Fact::Absent;
    let installed = match manager {
        "dpkg" => dpkg::Installed::read(door)
            .map(|installed| {
                held = Fact::known(
                    installed
                        .all()
                        .filter(|package| package.held)
                        .map(|package| package.name.clone())
                        .take(MAX_LISTED)
                        .collect(),
                );
                installed.all().map(|package| (package.name.clone(), package.version.clone())).collect()
            })
            .map_err(|error| reason(&error, door)),
        "apk" => door
            .read_up_to(database, APK_LIMIT)
            .map(|bytes| apk(&String::from_utf8_lossy(&bytes)))
            .map_err(|error| reason(&error, door)),
        other => Err(format!("packages of {other} cannot be listed yet")),
    };
    if let Err(reason) = &installed {
        held = Fact::unreadable(reason.clone());
    }
    let has_apt = door.exists("/etc/apt");
    Fact::known(Packages {
        manager: Fact::read_at(manager.to_owned(), database),
        installed: list(&installed, |all| all.len() as u64).or_at(database),
        unwanted: list(&installed, |all| unwanted::among(all.iter().map(|(name, _)| name.as_str())))
            .or_at(database),
        held: held.or_at(database),
        sources: when(has_apt, || match apt::sources(door) {
            Ok(sources) => Fact::read_at(sources, "/etc/apt/sources.list and sources.list.d"),
            Err(reason) => Fact::unreadable(reason),
        }),
        apt: when(has_apt, || apt::settings(door)),
        keyrings: when(has_apt, || apt::keyrings(door)).or_at("the directories of apt's keys"),
    })
}

fn when<T>(there: bool, read: impl FnOnce() -> Fact<T>) -> Fact<T> {
    if there { read() } else { Fact::Absent }
}

fn list<T>(
    installed: &Result<Vec<NameAndVersion>, String>,
    count: impl FnOnce(&[NameAndVersion]) -> T,
) -> Fact<T> {
    match installed {
        Ok(all) => Fact::known(count(all)),
        Err(reason) => Fact::unreadable(reason.clone()),
    }
}

/// Packages of apk's database: `P:name` and `V:version` a stanza.
pub fn apk(text: &str) -> Vec<NameAndVersion> {
    let mut packages = Vec::new();
    for stanza in text.split("\n\n") {
        let field = |mark: &str| stanza.lines().find_map(|line| line.strip_prefix(mark)).map(str::to_owned);
        if let (Some(name), Some(version)) = (field("P:"), field("V:")) {
            packages.push((name, version));
        }
    }
    packages
}

#[cfg(test)]
mod tests;
