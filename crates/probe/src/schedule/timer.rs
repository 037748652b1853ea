//! Timers of systemd.

use host::{Door, Error};

use super::gap::{Gap, calendar_gap, span_minutes};
use super::{Job, Kind};
use crate::fact::if_any;
use crate::units::file::UnitFile;
use crate::units::tree::{Place, UnitTree};

/// When a timer starts which service.
pub(crate) struct Timing {
    /// As written: `OnCalendar=daily`; several expressions stand side by side.
    pub(crate) schedule: String,
    /// The longest time between two elapses.
    pub(crate) gap: Gap,
    /// The unit it starts.
    pub(crate) service: String,
}

/// What the file of the timer `name` says.
pub(crate) fn timing(name: &str, file: &UnitFile) -> Timing {
    let mut schedule = Vec::new();
    let mut gaps = Vec::new();
    for expression in file.all("Timer.OnCalendar") {
        schedule.push(format!("OnCalendar={expression}"));
        gaps.push(calendar_gap(expression));
    }
    for key in ["OnUnitActiveSec", "OnUnitInactiveSec"] {
        for span in file.all(&format!("Timer.{key}")) {
            schedule.push(format!("{key}={span}"));
            gaps.push(span_minutes(span).map_or(Gap::Unknown, Gap::Minutes));
        }
    }
    for key in ["OnBootSec", "OnStartupSec", "OnActiveSec"] {
        schedule.extend(file.all(&format!("Timer.{key}")).into_iter().map(|span| format!("{key}={span}")));
    }
    // Any of several expressions starts it: the shortest gap holds.
    let gap = match gaps.iter().filter_map(|gap| gap.minutes()).min() {
        Some(minutes) => Gap::Minutes(minutes),
        None if gaps.is_empty() => Gap::Once,
        None => Gap::Unknown,
    };
    let stem = name.trim_end_matches(".timer");
    Timing {
        schedule: schedule.join(" "),
        gap,
        service: file.last("Timer.Unit").map_or_else(|| format!("{stem}.service"), str::to_owned),
    }
}

/// Every timer that is not masked.
///
/// # Errors
/// The first folder or file that cannot be read.
pub(super) fn jobs(door: &Door) -> Result<Vec<Job>, Error> {
    let Some(tree) = UnitTree::read(door)? else { return Ok(Vec::new()) };
    // A masked unit and a link that leads nowhere are no units.
    let file = |name: &str| -> Result<Option<(&Place, UnitFile)>, Error> {
        let Some(place) = tree.units.get(name).filter(|place| !tree.is_masked(door, place)) else {
            return Ok(None);
        };
        let (file, readable) = tree.file(door, place, &tree.drop_ins(door, name));
        Ok(if_any(readable)?.map(|()| (place, file)))
    };
    let mut jobs = Vec::new();
    for name in tree.units.keys().filter(|name| name.ends_with(".timer")) {
        let Some((place, timer)) = file(name)? else { continue };
        if tree.alias_of(name, place).is_some() {
            continue;
        }
        let Timing { schedule, gap, service } = timing(name, &timer);
        let started = file(&service)?.map(|(_, file)| file).unwrap_or_default();
        jobs.push(Job {
            kind: Kind::Timer,
            name: name.clone(),
            schedule,
            gap,
            user: started.last("Service.User").unwrap_or("root").to_owned(),
            command: started.last("Service.ExecStart").map_or(service, str::to_owned),
            script: String::new(),
            active: tree.is_pulled_in(name),
            mails: false,
            source: place.path.clone(),
        });
    }
    Ok(jobs)
}
