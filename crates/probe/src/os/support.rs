//! Until when a release gets security updates from its maker without a further contract.
//!
//! Taken from the makers' own pages in November 2026. A release that is not here is looked up in the
//! `distro-info-data` package of the target; one that stands in neither is unknown, not unsupported.

use host::Door;
use model::Fact;

use crate::fact::reason;

/// Distribution, version (or its part before the dot), last day.
const LAST_DAYS: &[(&str, &str, &str)] = &[
    ("debian", "8", "2020-06-30"),
    ("debian", "9", "2022-06-30"),
    ("debian", "10", "2024-06-30"),
    ("debian", "11", "2026-08-31"),
    ("debian", "12", "2028-06-30"),
    ("debian", "13", "2030-06-30"),
    ("raspbian", "10", "2024-06-30"),
    ("raspbian", "11", "2026-08-31"),
    ("raspbian", "12", "2028-06-30"),
    ("ubuntu", "14.04", "2019-04-25"),
    ("ubuntu", "16.04", "2021-04-30"),
    ("ubuntu", "18.04", "2023-05-31"),
    ("ubuntu", "20.04", "2025-05-31"),
    ("ubuntu", "22.04", "2027-06-01"),
    ("ubuntu", "24.04", "2029-05-31"),
    ("ubuntu", "24.10", "2025-07-10"),
    ("ubuntu", "25.04", "2026-01-15"),
    ("rhel", "6", "2020-11-30"),
    ("rhel", "7", "2024-06-30"),
    ("rhel", "8", "2029-05-31"),
    ("rhel", "9", "2032-05-31"),
    ("rhel", "10", "2035-05-31"),
    ("almalinux", "8", "2029-03-01"),
    ("almalinux", "9", "2032-05-31"),
    ("almalinux", "10", "2035-05-31"),
    ("rocky", "8", "2029-05-31"),
    ("rocky", "9", "2032-05-31"),
    ("rocky", "10", "2035-05-31"),
    ("centos", "6", "2020-11-30"),
    ("centos", "7", "2024-06-30"),
    ("centos", "8", "2021-12-31"),
    ("centos", "9", "2027-05-31"),
    ("sles", "12.5", "2024-10-31"),
    ("sles", "15.4", "2023-12-31"),
    ("sles", "15.5", "2024-12-31"),
    ("sles", "15.6", "2025-12-31"),
    ("sles", "15.7", "2031-07-31"),
    ("alpine", "3.19", "2025-11-01"),
    ("alpine", "3.20", "2026-04-01"),
    ("alpine", "3.21", "2026-11-01"),
    ("alpine", "3.22", "2027-05-01"),
];

/// The end of the last day with updates.
pub(crate) fn ends(door: &Door, id: &str, version: &str) -> Fact<String> {
    let by_table = by_table(id, version);
    if !by_table.is_unreadable() {
        return by_table;
    }
    let path = format!("/usr/share/distro-info/{id}.csv");
    match door.read_text(&path) {
        Ok(table) => match last_day(&table, version) {
            Some(day) => Fact::read_at(end_of(day), path),
            None => unknown(id, version),
        },
        Err(error) if error.is_not_found() => unknown(id, version),
        Err(error) => Fact::unreadable(reason(&error, door)),
    }
}

/// The same by our own table alone; unreadable when the release stands not in it.
pub(crate) fn by_table(id: &str, version: &str) -> Fact<String> {
    let (major, minor) = version.split_once('.').unwrap_or((version, ""));
    let short = format!("{major}.{}", minor.split('.').next().unwrap_or_default());
    let known = LAST_DAYS.iter().find(|(distribution, release, _)| {
        *distribution == id && (*release == version || *release == short || *release == major)
    });
    match known {
        Some((_, _, day)) => Fact::read_at(end_of(day), "Palisade's table of support periods"),
        None => unknown(id, version),
    }
}

fn unknown(id: &str, version: &str) -> Fact<String> {
    Fact::unreadable(format!("the support period of {id} {version} stands in no table that Palisade knows"))
}

fn end_of(day: &str) -> String {
    format!("{day}T23:59:59Z")
}

/// The `eol-lts` or else the `eol` column of the release; versions stand there as `12` or `24.04 LTS`.
fn last_day<'a>(table: &'a str, version: &str) -> Option<&'a str> {
    let mut lines = table.lines();
    let columns: Vec<&str> = lines.next()?.split(',').collect();
    let column = |name: &str| columns.iter().position(|column| *column == name);
    let row: Vec<&str> = lines
        .map(|line| line.split(',').collect::<Vec<_>>())
        .find(|row| row.first().is_some_and(|cell| cell.split(' ').next() == Some(version)))?;
    ["eol-lts", "eol"]
        .into_iter()
        .filter_map(column)
        .filter_map(|index| row.get(index).copied())
        .find(|day| day.len() == 10 && format!("{day}T00:00:00Z").parse::<model::Timestamp>().is_ok())
}

#[cfg(test)]
mod tests {
    use test_support::Machine;

    use super::*;

    #[test]
    fn releases_are_found_in_our_table_then_in_the_targets() {
        let table = "version,codename,series,created,release,eol,eol-lts,eol-elts\n\
                     14,Forky,forky,2025-08-09,2027-06-01,2030-06-01,2032-06-30\n\
                     15,Duke,duke,2027-08-09\n";
        let (door, _root) = Machine::new().file("/usr/share/distro-info/debian.csv", table).door();
        let ends = |id, version| ends(&door, id, version);
        assert_eq!(ends("debian", "12").value().unwrap(), "2028-06-30T23:59:59Z");
        assert_eq!(ends("ubuntu", "22.04").value().unwrap(), "2027-06-01T23:59:59Z");
        assert_eq!(ends("rhel", "9.4").value().unwrap(), "2032-05-31T23:59:59Z");
        assert_eq!(ends("alpine", "3.22.1").value().unwrap(), "2027-05-01T23:59:59Z");
        assert_eq!(ends("debian", "14").value().unwrap(), "2032-06-30T23:59:59Z");
        for unknown in [("debian", "15"), ("debian", ""), ("poky", "4.0"), ("../../etc/passwd", "1")] {
            assert!(ends(unknown.0, unknown.1).is_unreadable(), "{unknown:?}");
        }
    }
}
