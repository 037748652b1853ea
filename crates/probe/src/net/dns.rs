//! Name resolution: `/etc/resolv.conf` and systemd-resolved.

use std::net::IpAddr;

use host::Door;
use model::facts::net::Dns;
use model::{Fact, Source};

use crate::drop_ins::of_systemd;
use crate::fact::reason;
use crate::text::{meaningful_lines, read_if_any};

/// Addresses of systemd-resolved's own servers.
const RESOLVED: &[&str] = &["127.0.0.53", "127.0.0.54"];

/// The C library asks no more than three, other software some more.
const SERVERS: usize = 16;

/// Reads it.
pub(crate) fn dns(door: &Door) -> Fact<Dns> {
    let path = "/etc/resolv.conf";
    let text = match door.read_text(path) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => return Fact::Absent,
        Err(error) => return Fact::unreadable(reason(&error, door)),
    };
    let servers: Vec<String> = meaningful_lines(&text)
        .filter_map(|line| line.text.strip_prefix("nameserver").map(|rest| rest.trim().to_owned()))
        .take(SERVERS)
        .collect();
    let by_link =
        door.read_link(path).is_ok_and(|target| target.to_string_lossy().contains("systemd/resolve/"));
    let resolved = by_link || servers.iter().any(|server| RESOLVED.contains(&server.as_str()));
    let local = |server: &String| server.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let local_resolver = !servers.is_empty() && servers.iter().all(local);
    let setting = |key: &str| match (resolved, local_resolver) {
        (true, _) => resolved_setting(door, key),
        (false, true) => Fact::unreadable("a resolver on this host answers, whose settings are not read"),
        (false, false) => Fact::Absent,
    };
    Fact::read_at(
        Dns {
            local_resolver,
            dnssec: setting("DNSSEC"),
            dns_over_tls: setting("DNSOverTLS"),
            resolved,
            servers,
            source: path.to_owned(),
        },
        path,
    )
}

/// A setting of systemd-resolved. Unset is `no`, as
/// Debian, Ubuntu, Fedora and their descendants build it.
fn resolved_setting(door: &Door, key: &str) -> Fact<String> {
    setting(door, "resolved.conf", key).or_default_value("no".to_owned()).map(|value| match value.as_str() {
        "1" | "true" | "on" => "yes".to_owned(),
        "0" | "false" | "off" => "no".to_owned(),
        other => other.to_owned(),
    })
}

/// `key=value` in the files of one of systemd's programs; the last one counts.
pub(super) fn setting(door: &Door, name: &str, key: &str) -> Fact<String> {
    let files = match of_systemd(door, name) {
        Ok(files) => files,
        Err(error) => return Fact::unreadable(reason(&error, door)),
    };
    let mut winner: Option<(String, Source)> = None;
    for file in &files {
        let text = match read_if_any(door, file) {
            Ok(Some(text)) => text,
            Ok(None) => continue,
            Err(error) => return Fact::unreadable(reason(&error, door)),
        };
        for line in meaningful_lines(&text) {
            let Some((name, value)) = line.text.split_once('=') else { continue };
            if name.trim() != key {
                continue;
            }
            let mut source = Source::line(file, line.number, &line.text);
            if let Some((_, loser)) = winner {
                source = source.over(loser);
            }
            winner = Some((value.trim().to_ascii_lowercase(), source));
        }
    }
    winner.map_or(Fact::Absent, |(value, source)| Fact::sourced(value, source))
}
