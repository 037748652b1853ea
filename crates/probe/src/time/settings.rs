//! The sources of time that settings name.

use host::{Door, Error};
use model::facts::time::{TimeService, TimeSource};

use crate::drop_ins::of_systemd;
use crate::text::{Line, files_in, meaningful_lines, read_if_any};

/// The most sources that are kept.
const MOST: usize = 200;

/// How deep files may include files.
const DEPTH: usize = 5;

/// The most files that are read for one service: files may include one another many times over.
const FILES: usize = 200;

/// The sources of every installed service.
pub(super) fn sources(door: &Door, services: &[TimeService]) -> Result<Vec<TimeSource>, Error> {
    let mut sources = Vec::new();
    for service in services {
        match service.name.as_str() {
            "chrony" => {
                for path in ["/etc/chrony/chrony.conf", "/etc/chrony.conf", "/usr/local/etc/chrony.conf"] {
                    if chrony(door, path, DEPTH, &mut 0, &mut sources)? {
                        break;
                    }
                }
            }
            "systemd-timesyncd" => timesyncd(door, &mut sources)?,
            "ntp" => ntp(door, "/etc/ntp.conf", "ntp", &mut sources)?,
            "ntpsec" => {
                ntp(door, "/etc/ntpsec/ntp.conf", "ntpsec", &mut sources)?;
                for name in files_in(door, "/etc/ntpsec/ntp.d", ".conf")? {
                    ntp(door, &format!("/etc/ntpsec/ntp.d/{name}"), "ntpsec", &mut sources)?;
                }
            }
            "openntpd" => ntp(door, "/etc/openntpd/ntpd.conf", "openntpd", &mut sources)?,
            "ptp4l" => {
                for path in ["/etc/linuxptp/ptp4l.conf", "/etc/ptp4l.conf"] {
                    ptp(door, path, &mut sources)?;
                }
            }
            _ => {}
        }
    }
    sources.truncate(MOST);
    Ok(sources)
}

/// chrony's file and those it includes; false when it is not there.
fn chrony(
    door: &Door,
    path: &str,
    depth: usize,
    files: &mut usize,
    sources: &mut Vec<TimeSource>,
) -> Result<bool, Error> {
    *files += 1;
    if *files > FILES {
        let message = format!("more than {FILES} files are included");
        return Err(Error::Io { what: path.to_owned(), message });
    }
    let Some(text) = read_if_any(door, path)? else { return Ok(false) };
    for line in meaningful_lines(&text).filter(|line| !line.text.starts_with(['!', ';', '%'])) {
        if sources.len() >= MOST {
            break;
        }
        let mut words = line.text.split_ascii_whitespace();
        let Some(directive) = words.next() else { continue };
        match directive.to_ascii_lowercase().as_str() {
            kind @ ("server" | "pool" | "peer" | "refclock") => {
                sources.extend(source(kind, "chrony", words, path, &line));
            }
            "include" if depth > 0 => {
                for pattern in words {
                    for included in matching(door, pattern)? {
                        chrony(door, &included, depth - 1, files, sources)?;
                    }
                }
            }
            directive @ ("confdir" | "sourcedir") if depth > 0 => {
                let ending = if directive == "confdir" { ".conf" } else { ".sources" };
                for folder in words {
                    for name in files_in(door, folder, ending)? {
                        chrony(door, &format!("{folder}/{name}"), depth - 1, files, sources)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(true)
}

/// Files that a pattern with one `*` in the file's name matches.
fn matching(door: &Door, pattern: &str) -> Result<Vec<String>, Error> {
    let Some((folder, name)) = pattern.rsplit_once('/') else { return Ok(Vec::new()) };
    let Some((start, end)) = name.split_once('*') else { return Ok(vec![pattern.to_owned()]) };
    let names = files_in(door, folder, end)?;
    Ok(names.iter().filter(|name| name.starts_with(start)).map(|name| format!("{folder}/{name}")).collect())
}

/// One line `server ADDRESS OPTIONS`.
fn source<'a>(
    kind: &str,
    service: &str,
    mut words: impl Iterator<Item = &'a str>,
    path: &str,
    line: &Line,
) -> Option<TimeSource> {
    let address = words.next()?.to_owned();
    let options: Vec<String> = words.map(str::to_owned).collect();
    let has = |name: &str| options.iter().any(|option| option.eq_ignore_ascii_case(name));
    let (nts, key) = (has("nts"), has("key") || has("autokey"));
    // ntpd names clocks by addresses; 127.127.1.x is its own undisciplined clock, chrony's LOCAL is no source.
    let attached = kind == "refclock" || address.starts_with("127.127.");
    let own_clock = address.starts_with("127.127.1.");
    Some(TimeSource {
        authenticated: (nts || key || attached) && !own_clock,
        kind: if attached { "refclock".to_owned() } else { kind.to_owned() },
        service: service.to_owned(),
        built_in: false,
        source: format!("{path}:{}", line.number),
        address,
        options,
        nts,
        key,
    })
}

/// The files of systemd-timesyncd; an empty value forgets those before it.
fn timesyncd(door: &Door, sources: &mut Vec<TimeSource>) -> Result<(), Error> {
    let (mut servers, mut fallback, mut has_fallback) = (Vec::new(), Vec::new(), false);
    for path in of_systemd(door, "timesyncd.conf")? {
        let Some(text) = read_if_any(door, &path)? else { continue };
        for line in meaningful_lines(&text) {
            let Some((name, value)) = line.text.split_once('=') else { continue };
            let list = match name.trim() {
                "NTP" => &mut servers,
                "FallbackNTP" => {
                    has_fallback = true;
                    &mut fallback
                }
                _ => continue,
            };
            if value.trim().is_empty() {
                list.clear();
            }
            for address in value.split_ascii_whitespace() {
                list.extend(source("server", "systemd-timesyncd", std::iter::once(address), &path, &line));
            }
        }
    }
    if !servers.is_empty() {
        sources.extend(servers);
    } else if has_fallback {
        sources.extend(fallback);
    } else {
        sources.push(TimeSource {
            address: "the distribution's default servers".to_owned(),
            kind: "pool".to_owned(),
            service: "systemd-timesyncd".to_owned(),
            built_in: true,
            source: "built into systemd-timesyncd".to_owned(),
            ..TimeSource::default()
        });
    }
    Ok(())
}

/// ntpd's file, whichever of the programs of that name.
fn ntp(door: &Door, path: &str, service: &str, sources: &mut Vec<TimeSource>) -> Result<(), Error> {
    let Some(text) = read_if_any(door, path)? else { return Ok(()) };
    for line in meaningful_lines(&text) {
        let mut words = line.text.split_ascii_whitespace().take_while(|word| !word.starts_with('#')).peekable();
        let kind = match words.next() {
            Some("server") => "server",
            Some("pool" | "servers") => "pool",
            Some("peer") => "peer",
            Some("sensor" | "refclock") => "refclock",
            _ => continue,
        };
        while words.next_if(|word| matches!(*word, "-4" | "-6")).is_some() {}
        sources.extend(source(kind, service, words, path, &line));
    }
    Ok(())
}

/// The interfaces that ptp4l listens on: its file's sections.
fn ptp(door: &Door, path: &str, sources: &mut Vec<TimeSource>) -> Result<(), Error> {
    let Some(text) = read_if_any(door, path)? else { return Ok(()) };
    for line in meaningful_lines(&text) {
        let section = line.text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        if let Some(interface) = section.filter(|name| *name != "global") {
            sources.extend(source("ptp", "ptp4l", std::iter::once(interface), path, &line));
        }
    }
    Ok(())
}
