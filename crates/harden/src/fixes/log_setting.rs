//! How logs are made and kept: rsyslog's files, logrotate's copies, records of logins, and who may read them.

use serde::Deserialize;

use crate::change::{Access, Change, Edit};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

pub(super) const RSYSLOG: Fix = Fix {
    id: "rsyslog-file-mode",
    title: "Let rsyslog create log files that others cannot read",
    changes: "the line of rsyslog's settings that says so, or /etc/rsyslog.d/00-palisade.conf; rsyslog restarts",
    disruption: Disruption::Restart,
    may_break: "programs of other users that read new logs; put them in the group of the log (adm)",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan: rsyslog,
};

pub(super) const ROTATION: Fix = Fix {
    id: "log-rotation",
    title: "Keep rotated logs long enough, and closed to others",
    changes: "lines of /etc/logrotate.conf and /etc/logrotate.d",
    disruption: Disruption::None,
    may_break: "programs of other users that read rotated logs; more old logs take more room",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Rotation>,
    plan: rotation,
};

pub(super) const RECORDS: Fix = Fix {
    id: "login-records",
    title: "Record logins, failed logins and last logins",
    changes: "/var/log/wtmp, btmp or lastlog: made where missing, closed to others' writing",
    disruption: Disruption::None,
    may_break: "nothing",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan: records,
};

pub(super) const AUDIT_LOG: Fix = Fix {
    id: "audit-log-access",
    title: "Close the audit log to everybody but root",
    changes: "owner and permissions of the audit log and its folder",
    disruption: Disruption::None,
    may_break: "programs of other users that read the audit log; put them in the group of `log_group`",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan: audit_log,
};

fn replace(file: &str, old: &str, new: String) -> Change {
    let edit = Edit::Replace { old: old.to_owned(), new: Some(new) };
    Change::Edit { file: file.to_owned(), mode: 0o644, edit }
}

fn rsyslog(ask: &Ask<'_>, draft: &mut Draft) {
    let server = ask.facts.logging.value().and_then(|logging| logging.rsyslog.value());
    let mode = server.and_then(|server| server.file_create_mode.value());
    let place =
        ask.sources.get("logging.rsyslog.file_create_mode").and_then(|source| source.at.rsplit_once(':'));
    match (mode, place) {
        (Some(mode), Some((file, _))) => {
            let old = format!("$FileCreateMode {mode}");
            draft.change(replace(file, &old, "$FileCreateMode 0640".to_owned()));
        }
        _ => draft.change(Change::line("/etc/rsyslog.d/00-palisade.conf", "$FileCreateMode 0640")),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    /// Days for which logs must stay; none: it is about who may read them.
    days: Option<u64>,
}

fn rotation(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(logrotate) = ask.facts.logging.value().and_then(|logging| logging.logrotate.value()) else {
        return;
    };
    ask.each(draft, |_, args: Rotation, draft| {
        let Some(days) = args.days else {
            for place in logrotate.creates_open_logs.value().into_iter().flatten() {
                let Some((at, text)) = place.split_once(": ") else { continue };
                let Some((file, _)) = at.rsplit_once(':') else { continue };
                let mut words: Vec<&str> = text.split_whitespace().collect();
                // Whoever belongs to the group of the log goes on writing it.
                let closed = words.get(1).and_then(|mode| u32::from_str_radix(mode, 8).ok());
                let closed = format!("{:04o}", closed.unwrap_or(0o640) & 0o770);
                if let Some(mode) = words.get_mut(1) {
                    *mode = &closed;
                }
                draft.change(replace(file, text, words.join(" ")));
            }
            return;
        };
        let each = match logrotate.frequency.value().map(String::as_str) {
            Some("hourly") => return keep(ask, days.saturating_mul(24), draft),
            Some("daily") => 1,
            Some("monthly") => 30,
            Some("yearly") => 365,
            Some(_) => 7,
            None => {
                draft.change(first("weekly"));
                7
            }
        };
        keep(ask, days.div_ceil(each), draft);
    });
}

fn first(line: &str) -> Change {
    Change::Edit { file: "/etc/logrotate.conf".to_owned(), mode: 0o644, edit: Edit::First(line.to_owned()) }
}

fn keep(ask: &Ask<'_>, count: u64, draft: &mut Draft) {
    let wanted = format!("rotate {count}");
    match ask.line_of("logging.logrotate.keep") {
        Some((file, _, text)) => draft.change(replace(file, text, wanted)),
        None => draft.change(first(&wanted)),
    }
}

fn records(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(logging) = ask.facts.logging.value() else { return };
    let groups = ask.facts.accounts.value().and_then(|accounts| accounts.groups.value());
    let utmp = groups.into_iter().flatten().find(|group| group.name == "utmp").map(|group| group.gid);
    for one in ask.uses {
        let Some(record) = logging.login_records.iter().find(|record| record.path == one.subject) else {
            continue;
        };
        if record.present.value() == Some(&false) {
            // Login programs write what is there; how they do it is theirs.
            let mode = if record.path.ends_with("lastlog") { 0o664 } else { 0o660 };
            draft.change(Change::whole(&record.path, mode, ""));
        }
        let access = Access { uid: None, gid: utmp, clear: 0o002, set: 0 };
        draft.change(Change::Access { path: record.path.clone(), access });
    }
}

fn audit_log(ask: &Ask<'_>, draft: &mut Draft) {
    let daemon = ask.facts.audit.value().and_then(|audit| audit.daemon.value());
    let Some(log) = daemon.and_then(|daemon| daemon.log.value()) else { return };
    let access = |path: &str, clear: u32| Change::Access {
        path: path.to_owned(),
        access: Access { uid: Some(0), gid: None, clear, set: 0 },
    };
    let folder = log.directory_uid != 0 || log.directory_open_to_others || log.directory_group_writable;
    if folder {
        draft.change(access(&log.directory, 0o027));
    }
    for path in log.open_files.iter().chain(&log.foreign_files) {
        draft.change(access(path, 0o027));
    }
}
