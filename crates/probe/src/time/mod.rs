//! Section `time`.

mod settings;
mod state;

use host::{Door, Error};
use model::Fact;
use model::facts::time::{Time, TimeService};

use crate::fact::{IntoFact, reason};
use crate::processes::{Processes, runs};
use crate::{Context, units};

/// A known program that sets a clock.
struct Known {
    name: &'static str,
    /// Where the program stands.
    paths: &'static [&'static str],
    /// A file or folder that must be there too, to tell programs of one name apart.
    mark: Option<&'static str>,
    process: &'static str,
    units: &'static [&'static str],
    sets_clock: bool,
}

const KNOWN: &[Known] = &[
    Known {
        name: "chrony",
        paths: &["/usr/sbin/chronyd", "/usr/local/sbin/chronyd"],
        mark: None,
        process: "chronyd",
        units: &["chrony.service", "chronyd.service"],
        sets_clock: true,
    },
    Known {
        name: "systemd-timesyncd",
        paths: &["/usr/lib/systemd/systemd-timesyncd", "/lib/systemd/systemd-timesyncd"],
        mark: None,
        process: "systemd-timesyncd",
        units: &["systemd-timesyncd.service"],
        sets_clock: true,
    },
    Known {
        name: "ntpsec",
        paths: &["/usr/sbin/ntpd"],
        mark: Some("/etc/ntpsec/ntp.conf"),
        process: "ntpd",
        units: &["ntpsec.service"],
        sets_clock: true,
    },
    Known {
        name: "openntpd",
        paths: &["/usr/sbin/ntpd", "/usr/sbin/openntpd"],
        mark: Some("/etc/openntpd/ntpd.conf"),
        process: "ntpd",
        units: &["openntpd.service"],
        sets_clock: true,
    },
    Known {
        name: "ntp",
        paths: &["/usr/sbin/ntpd", "/usr/local/sbin/ntpd"],
        mark: Some("/etc/ntp.conf"),
        process: "ntpd",
        units: &["ntp.service", "ntpd.service"],
        sets_clock: true,
    },
    Known {
        name: "ptp4l",
        paths: &["/usr/sbin/ptp4l", "/usr/local/sbin/ptp4l"],
        mark: None,
        process: "ptp4l",
        units: &["ptp4l.service"],
        sets_clock: false,
    },
    Known {
        name: "phc2sys",
        paths: &["/usr/sbin/phc2sys", "/usr/local/sbin/phc2sys"],
        mark: None,
        process: "phc2sys",
        units: &["phc2sys.service"],
        sets_clock: true,
    },
];

/// Where services are looked for.
const PLACES: &str = "the places of known programs";

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Time> {
    let door = &cx.door;
    let processes = Processes::read(door);
    let mut services: Vec<TimeService> = Vec::new();
    let mut taken: Vec<&str> = Vec::new();
    for known in KNOWN {
        // Of several programs named ntpd the first one's mark counts: the others' are leftovers.
        if let Some(service) = service(door, known, &processes).filter(|_| !taken.contains(&known.process)) {
            taken.push(known.process);
            services.push(service);
        }
    }
    let running = named(&services, |service| &service.running);
    let mut time = Time {
        enabled: named(&services, |service| &service.enabled).or_at("the units of known programs"),
        sources: settings::sources(door, &services)
            .into_fact(door)
            .or_at("the settings of the installed programs"),
        timezone: timezone(door),
        ..Time::default()
    };
    let runs = |name: &str| {
        services.iter().any(|service| service.name == name && service.running.value() == Some(&true))
    };
    state::read(door, &running, runs, &mut time);
    time.running = running.or_at("the processes of known programs");
    time.services = Fact::read_at(services, PLACES);
    Fact::known(time)
}

fn service(door: &Door, known: &Known, processes: &Result<Processes, Error>) -> Option<TimeService> {
    let path = known.paths.iter().find(|path| door.exists(path))?;
    if known.mark.is_some_and(|mark| !door.exists(mark)) {
        return None;
    }
    Some(TimeService {
        name: known.name.to_owned(),
        sets_clock: known.sets_clock,
        running: runs(door, processes, &[known.process]),
        enabled: units::starts(door, known.units),
        source: (*path).to_owned(),
    })
}

/// Names of the services that set the clock and for which the fact is true; unreadable when one is.
fn named(services: &[TimeService], fact: impl Fn(&TimeService) -> &Fact<bool>) -> Fact<Vec<String>> {
    let mut names = Vec::new();
    for service in services.iter().filter(|service| service.sets_clock) {
        match fact(service) {
            Fact::Known(true, _) => names.push(service.name.clone()),
            Fact::Known(false, _) | Fact::Absent => {}
            Fact::Unreadable(why) => return Fact::Unreadable(why.clone()),
        }
    }
    Fact::known(names)
}

fn timezone(door: &Door) -> Fact<String> {
    let path = "/etc/localtime";
    match door.read_link(path) {
        Ok(target) => {
            let target = target.to_string_lossy().into_owned();
            match target.split_once("zoneinfo/") {
                Some((_, zone)) => Fact::read_at(zone.to_owned(), path),
                None => Fact::unreadable(format!("{path} leads to {target}, which is no time zone's file")),
            }
        }
        Err(error) if error.is_not_found() => {
            door.read_text("/etc/timezone").into_fact(door).and_then(|text| {
                let zone = text.trim();
                if zone.is_empty() { Fact::Absent } else { Fact::read_at(zone.to_owned(), "/etc/timezone") }
            })
        }
        Err(error) => Fact::unreadable(reason(&error, door)),
    }
}

#[cfg(test)]
mod tests;
