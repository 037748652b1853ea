//! Where the time comes from: sources of the one service that sets the clock.

use model::facts::time::{Time, TimeSource};
use serde::Deserialize;

use super::drop_in;
use crate::change::{Change, Edit, Syntax};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, Use, accepts};
use crate::unit;

const CHRONY: &str = "/etc/chrony/sources.d/palisade.sources";
const TIMESYNCD: &str = "/etc/systemd/timesyncd.conf.d/99-palisade.conf";

/// Services by preference, with their units.
const SERVICES: &[(&str, &[&str])] = &[
    ("chrony", &["chrony.service", "chronyd.service"]),
    ("ntpsec", &["ntpsec.service"]),
    ("openntpd", &["openntpd.service"]),
    ("ntp", &["ntp.service", "ntpd.service"]),
    ("systemd-timesyncd", &["systemd-timesyncd.service"]),
];

pub(super) const FIX: Fix = Fix {
    id: "time-source",
    title: "Take the time from the sources that the profile declares",
    changes: "/etc/chrony/sources.d/palisade.sources or /etc/systemd/timesyncd.conf.d/99-palisade.conf, and lines of other \
              files that name other sources",
    disruption: Disruption::Restart,
    may_break: "the clock, when the declared servers do not answer",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Sources>,
    plan: sources,
};

pub(super) const SERVICE: Fix = Fix {
    id: "time-service",
    title: "Let one service keep the clock right, now and at every boot",
    changes: "links in /etc/systemd/system, as `systemctl enable` and `systemctl mask` make them, and whether services run",
    disruption: Disruption::None,
    may_break: "nothing; a clock that is wrong jumps once",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan: service,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sources {
    /// How many must be declared.
    at_least: Option<usize>,
}

/// The installed service that is preferred, where there is one.
fn preferred(time: &Time) -> Option<&'static (&'static str, &'static [&'static str])> {
    let installed = |name: &str| time.services.value().into_iter().flatten().any(|known| known.name == name);
    // What starts at boot already was somebody's choice.
    let enabled = |name: &str| time.enabled.value().into_iter().flatten().any(|known| known == name);
    let mut chosen = SERVICES.iter().filter(|(name, _)| installed(name));
    chosen.clone().find(|(name, _)| enabled(name)).or_else(|| chosen.next())
}

fn service(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(time) = ask.facts.time.value() else { return };
    let Some(one) = ask.uses.first() else { return };
    let refuse_all =
        |reason: &str, draft: &mut Draft| ask.uses.iter().for_each(|one| draft.refuse(one, reason));
    if let Some(reason) = unit::no_manager(ask.facts) {
        return refuse_all(&reason, draft);
    }
    let Some((name, units)) = preferred(time) else {
        return refuse_all(
            "no time service is installed: run `apt-get install chrony`, then harden again",
            draft,
        );
    };
    match units.iter().find_map(|name| unit::find(ask.facts, name)) {
        Some(unit) => {
            if let Err(reason) = unit::switch_on(unit, draft) {
                return draft.refuse(one, reason);
            }
        }
        None => return refuse_all(&format!("{name} has no unit of systemd"), draft),
    }
    for other in time.running.value().into_iter().flatten().filter(|other| other != name) {
        let units = SERVICES.iter().filter(|(known, _)| known == other).flat_map(|(_, units)| *units);
        for unit in units.filter_map(|name| unit::find(ask.facts, name)).take(1) {
            unit::switch_off(unit, draft);
        }
    }
}

fn sources(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(time) = ask.facts.time.value() else { return };
    let declared = ask.declared_list("time_sources").unwrap_or_default();
    let name = preferred(time).map_or("", |(name, _)| *name);
    let known: Vec<&TimeSource> =
        time.sources.value().into_iter().flatten().filter(|source| source.service == name).collect();
    ask.each(draft, |one, args: Sources, draft| {
        let wanted = args.at_least.unwrap_or(1);
        if declared.len() < wanted {
            let reason =
                format!("name {wanted} or more servers in time_sources of the profile, then harden again");
            return draft.refuse(one, reason);
        }
        if declared.iter().any(|name| name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == '#'))
        {
            return draft.refuse(one, "time_sources of the profile holds something that is no name or address");
        }
        let hindrance = match name {
            "chrony" => chrony(one, &declared, &known, draft),
            "systemd-timesyncd" => {
                timesyncd(&declared, &known, draft);
                None
            }
            "" => {
                Some("no time service is installed: run `apt-get install chrony`, then harden again".to_owned())
            }
            other => Some(format!("write the declared servers to the settings of {other} by hand")),
        };
        if let Some(reason) = hindrance {
            draft.refuse(one, reason);
        }
    });
}

/// Adds declared sources that are missing, and comments out the one that is not declared.
fn chrony(one: &Use, declared: &[String], known: &[&TimeSource], draft: &mut Draft) -> Option<String> {
    for name in declared.iter().filter(|name| !known.iter().any(|source| source.address == **name)) {
        draft.change(Change::line(CHRONY, &format!("server {name} iburst")));
    }
    for source in known.iter().filter(|source| source.address == one.subject) {
        let (file, _) = source.source.rsplit_once(':')?;
        if !file.starts_with("/etc/") {
            return Some(format!("{file} names it anew at every start: switch off what writes the file"));
        }
        let line = [source.kind.as_str(), source.address.as_str()].into_iter();
        let line: Vec<&str> = line.chain(source.options.iter().map(String::as_str)).collect();
        let line = line.join(" ");
        draft.change(Change::Edit {
            file: file.to_owned(),
            mode: 0o644,
            edit: Edit::Replace { new: Some(format!("#{line}")), old: line },
        });
    }
    None
}

/// Lists of servers add up over files, and an empty value forgets those before it: files before ours are emptied, and
/// those after it say the same.
fn timesyncd(declared: &[String], known: &[&TimeSource], draft: &mut Draft) {
    let set = |file: &str, value: &str| Change::set(file, Syntax::Ini, Some("Time"), "NTP", value);
    let declared = declared.join(" ");
    let places = known.iter().filter_map(|source| source.source.rsplit_once(':'));
    let mut files: Vec<&str> = places.map(|(file, _)| file).filter(|file| file.starts_with("/etc/")).collect();
    files.dedup();
    for file in files.into_iter().filter(|file| *file != TIMESYNCD) {
        let later = drop_in::comes_later(file, TIMESYNCD);
        draft.change(set(file, if later { &declared } else { "" }));
    }
    draft.change(set(TIMESYNCD, &declared));
}
