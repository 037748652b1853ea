//! logrotate: what it keeps and how it creates logs: logrotate.conf(5).

use host::Door;
use model::facts::logging::Logrotate;
use model::{Fact, Source};

use crate::fact::reason;
use crate::text::{files_in, meaningful_lines};

const CONFIG: &str = "/etc/logrotate.conf";

/// More patterns than this are not listed.
const MAX_LISTED: usize = 500;

/// Reads logrotate; absent when it is not installed.
pub(crate) fn read(door: &Door) -> Fact<Logrotate> {
    if !door.exists("/usr/sbin/logrotate") && !door.exists("/usr/bin/logrotate") {
        return Fact::Absent;
    }
    let text = match door.read_text(CONFIG) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => String::new(),
        Err(error) => return Fact::unreadable(reason(&error, door)),
    };
    let mut told = parse(&text, CONFIG);
    let mut files = Vec::new();
    for include in std::mem::take(&mut told.includes).into_iter().take(MAX_LISTED) {
        let included = match door.stat(&include) {
            Ok(stat) if stat.kind == host::FileKind::Directory => match files_in(door, &include, "") {
                Ok(names) => names
                    .into_iter()
                    .filter(|name| {
                        ![".dpkg-old", ".dpkg-dist", ".dpkg-new", ".rpmsave", ".rpmnew", "~", ".disabled"]
                            .iter()
                            .any(|end| name.ends_with(end))
                    })
                    .map(|name| format!("{include}/{name}"))
                    .collect(),
                Err(error) => return Fact::unreadable(reason(&error, door)),
            },
            Ok(_) => vec![include],
            Err(_) => Vec::new(),
        };
        for path in included.into_iter().take(MAX_LISTED.saturating_sub(files.len())) {
            if files.contains(&path) || told.patterns.len() > MAX_LISTED {
                continue;
            }
            match door.read_text(&path) {
                Ok(text) => {
                    let more = parse(&text, &path);
                    told.patterns.extend(more.patterns);
                    told.open_logs.extend(more.open_logs);
                    files.push(path);
                }
                Err(error) if error.is_not_found() => {}
                Err(error) => return Fact::unreadable(reason(&error, door)),
            }
        }
    }
    told.patterns.truncate(MAX_LISTED);
    told.open_logs.truncate(MAX_LISTED);
    let days = told.frequency.as_ref().zip(told.keep.as_ref()).map(|((frequency, _), (keep, _))| {
        let each = match frequency.as_str() {
            "hourly" => return keep / 24,
            "daily" => 1,
            "weekly" => 7,
            "monthly" => 30,
            _ => 365,
        };
        keep.saturating_mul(each)
    });
    Fact::known(Logrotate {
        started_by: started_by(door),
        frequency: told.frequency.map_or(Fact::Absent, |(value, source)| Fact::sourced(value, source)),
        keep: told.keep.map_or(Fact::Absent, |(value, source)| Fact::sourced(value, source)),
        keep_days: Fact::from_option(days),
        create: told.create.map_or(Fact::Absent, |(value, source)| Fact::sourced(value, source)),
        files: Fact::known(files),
        patterns: Fact::known(told.patterns),
        creates_open_logs: Fact::known(told.open_logs),
    })
}

fn started_by(door: &Door) -> Fact<String> {
    let timer = crate::units::at_boot(door, "logrotate.timer");
    match timer {
        Ok(crate::units::AtBoot::Started(link)) => return Fact::read_at("timer".to_owned(), link),
        Ok(_) => {}
        Err(error) => return Fact::unreadable(reason(&error, door)),
    }
    for path in ["/etc/cron.daily/logrotate", "/etc/cron.hourly/logrotate", "/etc/periodic/daily/logrotate"] {
        // The script of Debian leaves when systemd runs, for there the timer does it.
        if let Ok(stat) = door.stat(path)
            && stat.mode & 0o111 != 0
        {
            let leaves = door.read_text(path).is_ok_and(|text| text.contains("/run/systemd/system"));
            if !(leaves && door.is_live() && door.exists("/run/systemd/system")) {
                return Fact::read_at("cron".to_owned(), path);
            }
        }
    }
    Fact::Absent
}

/// What one file says.
#[derive(Debug, Default)]
pub struct Told {
    /// Of the global part.
    pub frequency: Option<(String, Source)>,
    /// Of the global part.
    pub keep: Option<(u64, Source)>,
    /// Of the global part.
    pub create: Option<(String, Source)>,
    /// Files and folders to be read too.
    pub includes: Vec<String>,
    /// Logs that are rotated.
    pub patterns: Vec<String>,
    /// `path:line: text` of `create` lines that let others read or write.
    pub open_logs: Vec<String>,
}

/// Reads one file.
pub fn parse(text: &str, path: &str) -> Told {
    let mut told = Told::default();
    let mut in_block = false;
    let mut in_script = false;
    for line in meaningful_lines(text) {
        let words: Vec<&str> = line.text.split_whitespace().collect();
        let Some(first) = words.first().copied() else { continue };
        if in_script {
            in_script = first != "endscript";
            continue;
        }
        in_script = matches!(first, "postrotate" | "prerotate" | "firstaction" | "lastaction" | "preremove");
        if first == "create"
            && let Some(mode) = words.get(1).and_then(|mode| u32::from_str_radix(mode, 8).ok())
            && mode & 0o007 != 0
        {
            told.open_logs.push(format!("{path}:{}: {}", line.number, line.text));
        }
        if line.text.contains('}') {
            in_block = false;
            continue;
        }
        if in_block {
            continue;
        }
        if first.starts_with(['/', '"', '\'']) || first == "{" {
            let names = words.iter().filter(|word| word.starts_with(['/', '"', '\'']));
            told.patterns.extend(names.map(|name| name.trim_matches(['"', '\'', '{']).to_owned()));
            in_block = line.text.ends_with('{');
            continue;
        }
        let source = || Source::line(path, line.number, &line.text);
        match (first, words.get(1)) {
            ("hourly" | "daily" | "weekly" | "monthly" | "yearly", _) => {
                told.frequency = Some((first.to_owned(), source()))
            }
            ("rotate", Some(count)) => told.keep = count.parse().ok().map(|count| (count, source())),
            ("create" | "nocreate", _) => told.create = Some((line.text.clone(), source())),
            ("include", Some(file)) => told.includes.push((*file).trim_end_matches('/').to_owned()),
            _ => {}
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_global_part_is_not_mixed_up_with_blocks() {
        let told = parse(
            "# x\nweekly\nrotate 4\ncreate\ninclude /etc/logrotate.d\n/var/log/wtmp {\n monthly\n create 0664 root utmp\n \
             rotate 1\n}\n/var/log/a.log\n/var/log/b.log\n{\n rotate 9\n postrotate\n  daily\n endscript\n}\n",
            "/etc/logrotate.conf",
        );
        assert_eq!(told.frequency.unwrap().0, "weekly");
        assert_eq!(told.keep.unwrap().0, 4);
        assert_eq!(told.includes, ["/etc/logrotate.d"]);
        assert_eq!(told.patterns, ["/var/log/wtmp", "/var/log/a.log", "/var/log/b.log"]);
        assert_eq!(told.open_logs, ["/etc/logrotate.conf:8: create 0664 root utmp"]);
    }
}
