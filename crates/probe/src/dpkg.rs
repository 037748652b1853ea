//! What dpkg has installed.

use std::collections::BTreeMap;
use std::io::Read;

use host::{Door, Error};

use crate::stanzas;

/// dpkg's database.
pub(crate) const STATUS: &str = "/var/lib/dpkg/status";

/// Databases of other package managers, by the file or folder that is theirs.
pub(crate) const OTHERS: [(&str, &str); 7] = [
    ("/var/lib/rpm", "rpm"),
    ("/usr/lib/sysimage/rpm", "rpm"),
    ("/lib/apk/db/installed", "apk"),
    ("/usr/lib/apk/db/installed", "apk"),
    ("/var/lib/opkg/status", "opkg"),
    ("/usr/lib/opkg/status", "opkg"),
    ("/var/lib/pacman/local", "pacman"),
];

/// The most packages that are kept; the largest desktop has some 8,000.
const MOST_PACKAGES: usize = 50_000;

/// One installed package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    /// Its name without architecture.
    pub(crate) name: String,
    /// Its version as dpkg writes it.
    pub(crate) version: String,
    /// Its architecture: `amd64`, `all`.
    pub(crate) architecture: String,
    /// The source package it was built from, without version.
    pub(crate) source: String,
    /// The version of that source package.
    pub(crate) source_version: String,
    /// Whether somebody told dpkg to keep this version.
    pub(crate) held: bool,
}

/// The installed packages by name; several where more than one architecture is installed.
#[derive(Debug, Default)]
pub(crate) struct Installed {
    packages: BTreeMap<String, Vec<Package>>,
}

impl Installed {
    /// Reads the database: those that are unpacked and configured, not those of which only settings are left.
    ///
    /// # Errors
    /// `NotFound` on a host without dpkg, and all that reading a file can end with.
    pub(crate) fn read(door: &Door) -> Result<Self, Error> {
        Self::parse(door.open(STATUS)?)
    }

    /// Reads the database out of its text.
    ///
    /// # Errors
    /// As [`stanzas::each`].
    pub(crate) fn parse(status: impl Read) -> Result<Self, Error> {
        let mut packages: BTreeMap<String, Vec<Package>> = BTreeMap::new();
        let mut count = 0;
        stanzas::each(status, STATUS, |paragraph| {
            if let Some(package) = package(paragraph).filter(|_| count < MOST_PACKAGES) {
                count += 1;
                packages.entry(package.name.clone()).or_default().push(package);
            }
        })?;
        Ok(Self { packages })
    }

    /// The packages of this name, one an architecture.
    pub(crate) fn named(&self, name: &str) -> &[Package] {
        self.packages.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// All packages, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Package> {
        self.packages.values().flatten()
    }
}

fn package(paragraph: &[u8]) -> Option<Package> {
    let status = stanzas::field(paragraph, "Status")?;
    let mut words = status.split_ascii_whitespace();
    let (wanted, _flag, state) = (words.next()?, words.next()?, words.next()?);
    if !matches!(state, "installed" | "triggers-pending" | "triggers-awaited" | "half-configured" | "unpacked")
    {
        return None;
    }
    Some(Package { held: wanted == "hold", ..installed(paragraph)? })
}

/// The package of a paragraph that stands there because it is installed.
pub(crate) fn installed(paragraph: &[u8]) -> Option<Package> {
    let name = stanzas::field(paragraph, "Package")?;
    let version = stanzas::field(paragraph, "Version")?;
    // `Source: glibc (2.36-9)`; without a version where both have the same, without the field where both are the same.
    let source = stanzas::field(paragraph, "Source").unwrap_or(name);
    let (source, source_version) = source.split_once(' ').unwrap_or((source, version));
    Some(Package {
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: stanzas::field(paragraph, "Architecture").unwrap_or_default().to_owned(),
        source: source.to_owned(),
        source_version: source_version.trim_matches(['(', ')', ' ']).to_owned(),
        held: false,
    })
}

#[cfg(test)]
mod tests {
    use test_support::Machine;

    use super::*;

    /// Taken from a Debian 12 host, descriptions shortened.
    const SAMPLE: &str = "\
Package: libc6
Status: install ok installed
Priority: optional
Section: libs
Maintainer: GNU Libc Maintainers <debian-glibc@lists.example.org>
Architecture: amd64
Multi-Arch: same
Source: glibc (2.36-9)
Version: 2.36-9+deb12u10
Conffiles:
 /etc/ld.so.conf.d/x86_64-linux-gnu.conf d4e7a7b88a71b5ffd9e2644e71a0cfab
Description: GNU C Library: Shared libraries
 Package: none of ours

Package: nginx-light
Status: hold ok installed
Architecture: all
Version: 1.22.1-9

Package: telnetd
Status: deinstall ok config-files
Architecture: amd64
Version: 0.17-44
";

    #[test]
    fn installed_packages_are_read_and_leftovers_are_not() {
        let (door, _root) = Machine::new().file(STATUS, SAMPLE).door();
        let installed = Installed::read(&door).unwrap();
        assert_eq!(installed.all().count(), 2);
        assert_eq!(installed.named("libc6")[0].version, "2.36-9+deb12u10");
        assert_eq!(installed.named("libc6")[0].source, "glibc");
        assert!(!installed.named("libc6")[0].held);
        assert!(installed.named("nginx-light")[0].held);
        assert!(installed.named("telnetd").is_empty());
    }

    #[test]
    fn no_database_is_not_an_empty_one() {
        let (door, _root) = Machine::new().door();
        assert!(Installed::read(&door).unwrap_err().is_not_found());
        let (door, _root) = Machine::new().file(STATUS, "").door();
        assert_eq!(Installed::read(&door).unwrap().all().count(), 0);
        let (door, _root) =
            Machine::new().file(STATUS, b"\0\xff\n\nPackage\n\nStatus: x\n\nStatus: a b installed").door();
        assert_eq!(Installed::read(&door).unwrap().all().count(), 0);
    }
}
