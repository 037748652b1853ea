//! Section `os`.

mod kernels;
mod platform;
mod support;

pub(crate) use support::by_table as support_of_release;

use std::collections::BTreeMap;

use host::{Door, Error};
use model::Fact;
use model::facts::os::Os;

use crate::fact::{IntoFact, reason};
use crate::text::meaningful_lines;
use crate::{Context, kernel, stamp, units};

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Os> {
    let door = &cx.door;
    let release = release(door);
    let named = |key: &str| match &release {
        Ok((path, values)) => match values.get(key).filter(|value| !value.is_empty()) {
            Some(value) => Fact::read_at(value.clone(), *path),
            None => Fact::Absent,
        },
        Err(error) => Fact::unreadable(reason(error, door)),
    };
    let (id, version_id) = (named("ID"), named("VERSION_ID"));
    let support_ends = match (&id, &version_id) {
        (Fact::Known(id, _), Fact::Known(version, _)) => support::ends(door, id, version),
        (Fact::Unreadable(why), _) => Fact::Unreadable(why.clone()),
        _ => Fact::unreadable("os-release names no version, so the support period is unknown"),
    };
    let uptime = kernel::read(door, "/proc/uptime").into_fact(door).and_then(seconds_up);
    Fact::known(Os {
        pretty_name: named("PRETTY_NAME"),
        codename: named("VERSION_CODENAME"),
        id,
        version_id,
        support_ends,
        kernel: kernels::read(door),
        uptime_days: uptime.clone().map(|seconds| {
            // Ten years of seconds are exact in a double.
            #[expect(clippy::cast_precision_loss, reason = "an uptime is far below 2^52 seconds")]
            let days = seconds as f64 / 86_400.0;
            (days * 100.0).round() / 100.0
        }),
        uptime_seconds: uptime,
        booted_at: booted_at(door),
        machine_id: one_line(door, "/etc/machine-id"),
        host_name: host_name(door),
        virtualisation: platform::virtualisation(door),
        container: platform::container(door),
        architecture: platform::architecture(door),
        memory_total_bytes: memory(door, "MemTotal"),
        memory_available_bytes: memory(door, "MemAvailable"),
        cpus: cpus(door),
        default_target: units::default_target(door),
        has_display_manager: has_display_manager(door),
        product: platform::product(door),
    })
}

/// The settings of os-release and the file they stand in.
fn release(door: &Door) -> Result<(&'static str, BTreeMap<String, String>), Error> {
    let mut last = Error::NotFound("/etc/os-release".to_owned());
    for path in ["/etc/os-release", "/usr/lib/os-release"] {
        match door.read_text(path) {
            Ok(text) => {
                return Ok((path, release_settings(&text)));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The settings of an os-release.
pub(crate) fn release_settings(text: &str) -> BTreeMap<String, String> {
    meaningful_lines(text)
        .filter_map(|line| line.text.split_once('=').map(|(key, value)| (key.to_owned(), unquoted(value))))
        .collect()
}

/// A value as a shell reads it: quotes away, escapes resolved.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    let inner = ['"', '\'']
        .iter()
        .find_map(|quote| value.strip_prefix(*quote).and_then(|rest| rest.strip_suffix(*quote)))
        .unwrap_or(value);
    let mut text = String::with_capacity(inner.len());
    let mut escaped = false;
    for c in inner.chars() {
        if escaped || c != '\\' {
            text.push(c);
            escaped = false;
        } else {
            escaped = true;
        }
    }
    text
}

fn seconds_up(text: String) -> Fact<u64> {
    match text.split('.').next().and_then(|seconds| seconds.parse().ok()) {
        Some(seconds) => Fact::read_at(seconds, "/proc/uptime"),
        None => Fact::unreadable("/proc/uptime holds no number"),
    }
}

fn booted_at(door: &Door) -> Fact<String> {
    // /proc/stat has a line for every interrupt, but btime stands in the first megabyte.
    kernel::read(door, "/proc/stat").into_fact(door).and_then(|text| {
        let seconds = text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
        match seconds.and_then(stamp::at) {
            Some(moment) => Fact::read_at(moment, "/proc/stat"),
            None => Fact::unreadable("/proc/stat has no btime"),
        }
    })
}

fn one_line(door: &Door, path: &str) -> Fact<String> {
    door.read_text(path).into_fact(door).and_then(|text| match text.trim() {
        "" | "uninitialized" => Fact::Absent,
        line => Fact::read_at(line.to_owned(), path),
    })
}

fn host_name(door: &Door) -> Fact<String> {
    if !door.is_live() {
        return one_line(door, "/etc/hostname");
    }
    let path = "/proc/sys/kernel/hostname";
    kernel::read(door, path).into_fact(door).and_then(|name| Fact::read_at(name, path))
}

fn memory(door: &Door, name: &str) -> Fact<u64> {
    let path = "/proc/meminfo";
    kernel::read(door, path).into_fact(door).and_then(|text| {
        let kib = text.lines().find_map(|line| {
            let value = line.strip_prefix(name)?.strip_prefix(':')?;
            value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
        });
        match kib {
            Some(kib) => Fact::read_at(kib.saturating_mul(1024), path),
            None => Fact::unreadable(format!("{path} has no {name}")),
        }
    })
}

fn cpus(door: &Door) -> Fact<u32> {
    let path = "/sys/devices/system/cpu/online";
    kernel::read(door, path).into_fact(door).and_then(|ranges| {
        let count = ranges.split(',').try_fold(0_u32, |count, range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last) = (first.trim().parse::<u32>().ok()?, last.trim().parse::<u32>().ok()?);
            count.checked_add(last.checked_sub(first)?.checked_add(1)?)
        });
        match count {
            Some(count) => Fact::read_at(count, path),
            None => Fact::unreadable(format!("{path} holds no list of processors")),
        }
    })
}

/// The unit that graphical.target starts.
fn has_display_manager(door: &Door) -> Fact<bool> {
    let link = "/etc/systemd/system/display-manager.service";
    match door.stat_link(link) {
        Ok(_) => {
            let masked = door.read_link(link).is_ok_and(|target| target.as_os_str() == "/dev/null");
            Fact::read_at(!masked, link)
        }
        Err(error) if error.is_not_found() => Fact::read_at(false, format!("{link} does not exist")),
        Err(error) => Fact::unreadable(reason(&error, door)),
    }
}

#[cfg(test)]
mod tests;
