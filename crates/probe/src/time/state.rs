//! How well the clock is kept right now, as the running service tells.

use std::time::Duration;

use host::{Door, Program, programs};
use model::Fact;
use model::facts::time::Time;

use crate::fact::reason;
use crate::{kernel, stamp};

/// The services answer from memory; longer than this is a hang.
const LIMIT: Duration = Duration::from_secs(2);

const CHRONYC: &[&str] = &["-c", "-n", "-m", "tracking", "sources"];
const NTPQ: &[&str] = &["-n", "-c", "rv 0 leap,stratum,refid,offset", "-c", "peers"];
const PMC: &[&str] = &["-u", "-b", "0", "GET TIME_STATUS_NP"];
const TIMESYNC: &[&str] = &["timesync-status"];

/// Fills in the state; nobody setting the clock is a clock that is not synchronised.
pub(super) fn read(door: &Door, running: &Fact<Vec<String>>, runs: impl Fn(&str) -> bool, time: &mut Time) {
    if let Fact::Unreadable(why) = running {
        return unknown(time, why);
    }
    if runs("chrony") {
        ask(door, &programs::CHRONYC, CHRONYC, time, chrony);
    } else if runs("ntp") || runs("ntpsec") {
        ask(door, &programs::NTPQ, NTPQ, time, ntp);
    } else if runs("systemd-timesyncd") {
        timesyncd(door, time);
    } else if runs("ptp4l") {
        ask(door, &programs::PMC, PMC, time, ptp);
    } else if runs("openntpd") {
        unknown(time, "openntpd's state is not read yet");
    } else {
        none(time);
        time.synchronised = Fact::read_at(false, "no time service runs");
    }
}

/// Asks a program, and says of every fact why it could not be had when the program fails.
fn ask(
    door: &Door,
    program: &Program,
    args: &[&str],
    time: &mut Time,
    parse: fn(&str, &mut Time) -> Option<()>,
) {
    match door.run(program, args, LIMIT).and_then(|output| output.success(program, args)) {
        Ok(text) => {
            none(time);
            if parse(&text, time).is_none() {
                unknown(time, &format!("`{}` printed something unexpected", program.command_line(args)));
            }
        }
        Err(error) => unknown(time, &reason(&error, door)),
    }
}

fn unknown(time: &mut Time, why: &str) {
    time.synchronised = Fact::unreadable(why);
    time.reference = Fact::unreadable(why);
    time.offset_seconds = Fact::unreadable(why);
    time.stratum = Fact::unreadable(why);
    time.leap_status = Fact::unreadable(why);
    time.reachable_sources = Fact::unreadable(why);
    time.last_synchronised_at = Fact::unreadable(why);
}

fn none(time: &mut Time) {
    time.synchronised = Fact::Absent;
    time.reference = Fact::Absent;
    time.offset_seconds = Fact::Absent;
    time.stratum = Fact::Absent;
    time.leap_status = Fact::Absent;
    time.reachable_sources = Fact::Absent;
    time.last_synchronised_at = Fact::Absent;
}

/// `refid,name,stratum,moment,offset,...,leap`, then a line for every source: `mode,state,address,...,reach,...`.
fn chrony(text: &str, time: &mut Time) -> Option<()> {
    let mut lines = text.lines();
    let tracking: Vec<&str> = lines.next()?.split(',').collect();
    let place = programs::CHRONYC.command_line(CHRONYC);
    let number = |index: usize| tracking.get(index)?.parse::<f64>().ok();
    let (reference, leap) = (*tracking.first()?, *tracking.get(13)?);
    // 7F7F0101 is chrony's own clock, 00000000 nothing at all.
    let followed = !matches!(reference, "7F7F0101" | "00000000" | "");
    time.synchronised = Fact::read_at(followed && leap != "Not synchronised", place.clone());
    time.leap_status = Fact::read_at(leap.to_owned(), place.clone());
    time.stratum = Fact::read_at(tracking.get(2)?.parse().ok()?, place.clone());
    if followed {
        let name = tracking.get(1).filter(|name| !name.is_empty()).unwrap_or(&reference);
        time.reference = Fact::read_at((*name).to_owned(), place.clone());
        time.offset_seconds = Fact::read_at(number(4)?.abs(), place.clone());
        #[expect(clippy::cast_possible_truncation, reason = "fractions of the second do not matter")]
        let moment = number(3)? as i64;
        time.last_synchronised_at = Fact::from_option(stamp::at(moment));
    }
    let reachable = lines.filter(|line| line.split(',').nth(5).is_some_and(|reach| reach != "0")).count();
    time.reachable_sources = Fact::read_at(u32::try_from(reachable).ok()?, place);
    Some(())
}

/// `leap=00, stratum=2, refid=192.0.2.1, offset=-0.123` in milliseconds, then a table of peers.
fn ntp(text: &str, time: &mut Time) -> Option<()> {
    let place = programs::NTPQ.command_line(NTPQ);
    let (variables, peers) = text.split_once("====").unwrap_or((text, ""));
    let value = |name: &str| {
        variables
            .split([',', '\n'])
            .find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    };
    let leap = value("leap")?;
    let unsynchronised = leap.ends_with('3') || leap == "11";
    time.synchronised = Fact::read_at(!unsynchronised, place.clone());
    time.stratum = Fact::read_at(value("stratum")?.parse().ok()?, place.clone());
    time.leap_status =
        Fact::read_at(if unsynchronised { "Not synchronised" } else { "Normal" }.to_owned(), place.clone());
    if !unsynchronised {
        time.reference = Fact::from_option(value("refid"));
        time.offset_seconds =
            Fact::read_at(value("offset")?.parse::<f64>().ok()?.abs() / 1_000.0, place.clone());
    }
    let reachable = peers.lines().filter(|line| {
        let reach = line.get(1..).and_then(|rest| rest.split_ascii_whitespace().nth(6));
        reach.is_some_and(|reach| reach != "0" && reach.bytes().all(|byte| byte.is_ascii_digit()))
    });
    time.reachable_sources = Fact::read_at(u32::try_from(reachable.count()).ok()?, place);
    Some(())
}

/// `master_offset -5` in nanoseconds and `gmPresent true`.
fn ptp(text: &str, time: &mut Time) -> Option<()> {
    let place = programs::PMC.command_line(PMC);
    let value = |name: &str| {
        text.lines().find_map(|line| line.trim().strip_prefix(name).map(|value| value.trim().to_owned()))
    };
    let present = value("gmPresent")? == "true";
    time.synchronised = Fact::read_at(present, place.clone());
    time.reachable_sources = Fact::read_at(u32::from(present), place.clone());
    if present {
        time.reference = Fact::from_option(value("gmIdentity"));
        let offset = value("master_offset")?.parse::<f64>().ok()?;
        time.offset_seconds = Fact::read_at(offset.abs() / 1e9, place);
    }
    Some(())
}

/// systemd-timesyncd leaves files; only the offset must be asked for.
fn timesyncd(door: &Door, time: &mut Time) {
    ask(door, &programs::TIMEDATECTL, TIMESYNC, time, timesync_status);
    let mark = "/run/systemd/timesync/synchronized";
    time.synchronised = match kernel::read(door, mark) {
        Ok(_) => Fact::read_at(true, mark),
        Err(error) if error.is_not_found() => Fact::read_at(false, format!("{mark} does not exist")),
        Err(error) => Fact::unreadable(reason(&error, door)),
    };
    time.last_synchronised_at = stamp::newest(
        door,
        &[mark, "/var/lib/systemd/timesync/clock", "/var/lib/private/systemd/timesync/clock"],
    );
}

/// `Server: 192.0.2.1 (0.pool)`, `Leap: normal`, `Stratum: 2`, `Offset: -1.025ms`.
fn timesync_status(text: &str, time: &mut Time) -> Option<()> {
    let place = programs::TIMEDATECTL.command_line(TIMESYNC);
    let value = |name: &str| {
        text.lines().find_map(|line| {
            line.trim().strip_prefix(name)?.strip_prefix(':').map(|value| value.trim().to_owned())
        })
    };
    time.reference = value("Server").map_or(Fact::Absent, |server| Fact::read_at(server, place.clone()));
    time.reachable_sources = Fact::read_at(u32::from(value("Offset").is_some()), place.clone());
    if let Some(stratum) = value("Stratum") {
        time.stratum = Fact::read_at(stratum.parse().ok()?, place.clone());
    }
    if let Some(leap) = value("Leap") {
        let leap = if leap == "normal" { "Normal".to_owned() } else { leap };
        time.leap_status = Fact::read_at(leap, place.clone());
    }
    if let Some(offset) = value("Offset") {
        time.offset_seconds = Fact::read_at(seconds(&offset)?.abs(), place);
    }
    Some(())
}

/// A time span as systemd prints it: `+1.025ms`, `-37us`, `2min 3.5s`.
fn seconds(text: &str) -> Option<f64> {
    let unsigned = text.trim_start_matches(['+', '-']);
    unsigned.split_ascii_whitespace().try_fold(0.0, |sum, part| {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (number, unit) = part.split_at_checked(digits)?;
        let number: f64 = number.parse().ok()?;
        Some(match unit {
            "us" => sum + number / 1e6,
            "ms" => sum + number / 1e3,
            "s" => sum + number,
            "min" => sum + number * 60.0,
            "h" => sum + number * 3_600.0,
            "d" => sum + number * 86_400.0,
            _ => return None,
        })
    })
}
