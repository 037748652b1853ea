//! Options of mounts that stand in /etc/fstab, there and at once.

use std::collections::BTreeMap;

use model::facts::net::Mount;
use serde::Deserialize;

use crate::change::{Act, Change, Edit, Live};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

const FSTAB: &str = "/etc/fstab";

pub(super) const FIX: Fix = Fix {
    id: "mount-option",
    title: "Ignore devices, setuid bits or programs on file systems for data",
    changes: "options of mounts in /etc/fstab, and of the mounts themselves",
    disruption: Disruption::None,
    may_break: "installers and updaters that start programs from /tmp or /var/tmp",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

pub(super) const PROCESSES: Fix = Fix {
    id: "hide-processes",
    title: "Hide processes from other users",
    changes: "the entry of /proc in /etc/fstab, and its mount",
    disruption: Disruption::None,
    may_break: "monitoring agents and desktop services that do not run as root and look at processes of others",
    opt_in: true,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan: hide,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// `nodev`, `nosuid` or `noexec`.
    option: String,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(net) = ask.facts.net.value() else { return };
    let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    ask.each(draft, |one, args: Args, draft| {
        let Some(mount) = net.mounts.get(&one.subject) else { return };
        if mount.persisted.value().is_none() && mount.path != "/dev/shm" {
            let reason = format!(
                "{} does not stand in /etc/fstab: add `{}` where it is mounted (`systemctl cat` of its mount unit)",
                mount.path, args.option
            );
            return draft.refuse(one, reason);
        }
        wanted.entry(mount.path.clone()).or_default().push(args.option);
    });
    for (path, mut options) in wanted {
        let Some(mount) = net.mounts.get(&path) else { continue };
        options.sort();
        options.dedup();
        // The opposite, which is how the kernel writes their absence.
        let plain = |option: &String| option.trim_start_matches("no").to_owned();
        let undone: Vec<String> = options.iter().map(plain).collect();
        match entry(ask, &path) {
            Some(line) => replace(&line, &options, &undone, draft),
            None => {
                let kept = [vec!["defaults".to_owned()], in_effect(mount), options.clone()].concat();
                let line = format!("tmpfs {path} tmpfs {} 0 0", kept.join(","));
                draft.change(Change::Edit { file: FSTAB.to_owned(), mode: 0o644, edit: Edit::Last(line) });
            }
        }
        let (apply, undo) = (options.join(","), undone.join(","));
        draft.change(remount(&path, &apply, &undo));
    }
}

/// Options of a mount that systemd makes by itself, which an entry of ours has to keep.
fn in_effect(mount: &Mount) -> Vec<String> {
    let kept = mount.options.value().into_iter().flatten();
    kept.filter(|option| ["nodev", "nosuid", "noexec"].contains(&option.as_str())).cloned().collect()
}

/// The line of a mount in /etc/fstab.
fn entry(ask: &Ask<'_>, path: &str) -> Option<String> {
    let source = ask.sources.get(&format!("net.mounts[\"{path}\"].persisted"))?;
    source.excerpt.clone()
}

/// The same line with more options: only the fourth field changes.
fn replace(line: &str, add: &[String], drop: &[String], draft: &mut Draft) {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let mut options: Vec<&str> = fields.get(3).map_or(vec!["defaults"], |field| field.split(',').collect());
    options.retain(|option| !drop.iter().any(|gone| gone == option));
    options
        .extend(add.iter().map(String::as_str).filter(|option| !options.contains(option)).collect::<Vec<_>>());
    let [device, path, kind, rest @ ..] = fields.as_slice() else { return };
    let rest = rest.get(1..).filter(|rest| !rest.is_empty()).unwrap_or(&["0", "0"]);
    let new = format!("{device} {path} {kind} {} {}", options.join(","), rest.join(" "));
    draft.change(Change::Edit {
        file: FSTAB.to_owned(),
        mode: 0o644,
        edit: Edit::Replace { old: line.to_owned(), new: Some(new) },
    });
}

fn remount(path: &str, apply: &str, undo: &str) -> Change {
    let run = |options: &str| vec![Act::run("mount", &["-o", &format!("remount,{options}"), path])];
    Change::Live(Live { what: format!("{path}: mounted with {apply}"), apply: run(apply), undo: run(undo) })
}

fn hide(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(mount) = ask.facts.net.value().and_then(|net| net.mounts.get("/proc")) else { return };
    match entry(ask, "/proc") {
        Some(line) => {
            let old = mount.persisted.value().into_iter().flatten();
            let old: Vec<String> = old.filter(|option| option.starts_with("hidepid=")).cloned().collect();
            replace(&line, &["hidepid=2".to_owned()], &old, draft);
        }
        None => draft.change(Change::Edit {
            file: FSTAB.to_owned(),
            mode: 0o644,
            edit: Edit::Last("proc /proc proc defaults,hidepid=2 0 0".to_owned()),
        }),
    }
    let now = mount.hidepid.value().map_or("0", String::as_str);
    draft.change(remount("/proc", "hidepid=2", &format!("hidepid={now}")));
    draft.note("services that must see all processes get the group of `gid=` in the entry of /proc");
}
