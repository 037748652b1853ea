//! Super-servers: inetd.conf(5), xinetd.conf(5); and scripts of /etc/init.d.

use std::collections::BTreeSet;

use host::{Door, FileKind};
use model::Fact;
use model::facts::services::{InetdService, InitScript};

use crate::fact::reason;
use crate::text::{files_in, meaningful_lines};

/// More entries than this are not listed.
const MAX_SERVICES: usize = 500;

/// Services of both super-servers; absent when neither is configured.
pub(crate) fn read(door: &Door) -> Fact<Vec<InetdService>> {
    let mut services = Vec::new();
    let mut found = false;
    let mut files = vec![("/etc/inetd.conf".to_owned(), false), ("/etc/xinetd.conf".to_owned(), true)];
    for (folder, extended) in [("/etc/inetd.d", false), ("/etc/xinetd.d", true)] {
        match files_in(door, folder, "") {
            Ok(names) => files.extend(names.into_iter().map(|name| (format!("{folder}/{name}"), extended))),
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    for (path, extended) in files {
        match door.read_text(&path) {
            Ok(text) => {
                found = true;
                services.extend(if extended { xinetd(&text, &path) } else { inetd(&text, &path) });
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    services.truncate(MAX_SERVICES);
    if found { Fact::known(services) } else { Fact::Absent }
}

/// Lines of inetd.conf: service, socket type, protocol, wait, user, program, arguments.
pub fn inetd(text: &str, path: &str) -> Vec<InetdService> {
    meaningful_lines(text)
        .filter_map(|line| {
            let words: Vec<&str> = line.text.split_whitespace().collect();
            let [name, _, protocol, _, user, program, ..] = words.as_slice() else { return None };
            Some(InetdService {
                name: (*name).to_owned(),
                protocol: (*protocol).to_owned(),
                user: (*user).to_owned(),
                program: (*program).to_owned(),
                source: format!("{path}:{}", line.number),
            })
        })
        .collect()
}

/// Blocks `service NAME { key = value }` of xinetd that are not disabled.
pub fn xinetd(text: &str, path: &str) -> Vec<InetdService> {
    let mut services = Vec::new();
    let mut current: Option<(InetdService, bool)> = None;
    for line in meaningful_lines(text) {
        let words: Vec<&str> = line.text.split_whitespace().collect();
        match (words.as_slice(), &mut current) {
            (["service", name, ..], _) => {
                let service = InetdService {
                    name: (*name).to_owned(),
                    source: format!("{path}:{}", line.number),
                    ..InetdService::default()
                };
                current = Some((service, false));
            }
            (["}"], open) => {
                if let Some((service, false)) = open.take() {
                    services.push(service);
                }
            }
            ([key, "=" | "+=", value, ..], Some((service, disabled))) => match *key {
                "disable" => *disabled = *value == "yes",
                "protocol" => (*value).clone_into(&mut service.protocol),
                "user" => (*value).clone_into(&mut service.user),
                "server" => (*value).clone_into(&mut service.program),
                "type" if value.contains("INTERNAL") => "internal".clone_into(&mut service.program),
                _ => {}
            },
            _ => {}
        }
    }
    services
}

/// Scripts of /etc/init.d that no unit in `units` replaces.
pub(crate) fn scripts(door: &Door, units: &BTreeSet<String>) -> Fact<Vec<InitScript>> {
    let entries = match door.read_dir("/etc/init.d") {
        Ok(entries) => entries,
        Err(error) if error.is_not_found() => return Fact::Absent,
        Err(error) => return Fact::unreadable(reason(&error, door)),
    };
    let mut started = BTreeSet::new();
    for level in ["S", "2", "3", "4", "5"] {
        for entry in door.read_dir(format!("/etc/rc{level}.d")).unwrap_or_default() {
            // S01name: the start link of `name`.
            if let Some(name) = entry.name.strip_prefix('S').and_then(|rest| rest.get(2..)) {
                started.insert(name.to_owned());
            }
        }
    }
    let mut scripts = Vec::new();
    for entry in entries {
        let name = entry.name;
        let is_script = entry.kind != FileKind::Directory && name != "README" && !name.starts_with('.');
        let unit = format!("{}.service", name.trim_end_matches(".sh"));
        if !is_script || units.contains(&unit) || scripts.len() >= MAX_SERVICES {
            continue;
        }
        let path = format!("/etc/init.d/{name}");
        let stat = door.stat(&path);
        scripts.push(InitScript {
            enabled: started.contains(&name),
            others_may_change: stat.is_ok_and(|stat| stat.uid != 0 || stat.mode & 0o022 != 0),
            name,
            source: path,
        });
    }
    Fact::read_at(scripts, "/etc/init.d")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disabled_services_of_xinetd_are_left_out() {
        let text = "service telnet\n{\n disable = no\n user = root\n server = /usr/sbin/in.telnetd\n}\n\
                    service echo\n{\n type = INTERNAL\n disable = yes\n}\nservice time\n{\n type = INTERNAL\n";
        let services = xinetd(text, "/etc/xinetd.d/x");
        assert_eq!(services.len(), 1);
        assert_eq!(
            (services[0].name.as_str(), services[0].program.as_str()),
            ("telnet", "/usr/sbin/in.telnetd")
        );
    }

    #[test]
    fn lines_of_inetd_are_read() {
        let services = inetd(
            "#off\ntelnet stream tcp nowait root /usr/sbin/tcpd in.telnetd\nshort line\n",
            "/etc/inetd.conf",
        );
        assert_eq!(services.len(), 1);
        assert_eq!(services[0].source, "/etc/inetd.conf:2");
    }
}
