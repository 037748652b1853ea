//! Rules of the kernel's audit system: in files of our own for every boot, and in the kernel at once.
//!
//! auditctl cannot try a rule without loading it, and `augenrules --check` only compares files. So rules are loaded one
//! by one, which leaves everybody else's as they are, and what proves them is that the kernel lists them afterwards.

mod doings;

use std::collections::{BTreeMap, BTreeSet};

use model::Fact;
use model::facts::audit::{Audit, SyscallRule};
use serde::Deserialize;

use crate::change::{Act, Change, Edit, Live};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, Use, accepts};

/// Rules of our own.
const RULES: &str = "/etc/audit/rules.d/50-palisade.rules";

/// Settings of our own: of two the last one counts.
const SETTINGS: &str = "/etc/audit/rules.d/zz-palisade.rules";

const CHANGES: &str =
    "/etc/audit/rules.d/50-palisade.rules, what augenrules makes of it, and the rules in the kernel";

/// What auditctl says of a rule that is there, of one that is not, and of one whose folder is not there.
const ALREADY: &[&str] = &["Rule exists", "No such file or directory", "No rule"];

pub(super) const WATCH: Fix = Fix {
    id: "audit-watch",
    title: "Record changes of files and folders that matter",
    changes: CHANGES,
    disruption: Disruption::None,
    may_break: "nothing; records grow with every change of these files",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Watch>,
    plan: watch,
};

pub(super) const SITE: Fix = Fix {
    id: "audit-site-watch",
    title: "Record changes of the files and folders that the profile names",
    changes: CHANGES,
    disruption: Disruption::None,
    may_break: "nothing; records grow with every change of these files",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Watch>,
    plan: watch,
};

pub(super) const ACTIVITY: Fix = Fix {
    id: "audit-activity",
    title: "Record doings that change the system",
    changes: CHANGES,
    disruption: Disruption::None,
    may_break: "nothing; a host on which programs often change owners or modes writes many records",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan: activity,
};

pub(super) const PERSIST: Fix = Fix {
    id: "audit-persist",
    title: "Write down audit rules that stand only in the kernel",
    changes: "/etc/audit/rules.d/50-palisade.rules, and what augenrules makes of it",
    disruption: Disruption::None,
    may_break: "nothing: the rules are in force already",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan: persist,
};

pub(super) const LOAD: Fix = Fix {
    id: "audit-load",
    title: "Load audit rules that stand only in files",
    changes: "the rules in the kernel, and what augenrules makes of /etc/audit/rules.d",
    disruption: Disruption::None,
    may_break: "nothing; what the rules name is recorded from now on",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan: load,
};

pub(super) const SETTING: Fix = Fix {
    id: "audit-setting",
    title: "Let the kernel record audit events, with a queue that holds bursts",
    changes: "/etc/audit/rules.d/zz-palisade.rules, what augenrules makes of it, and the kernel's setting",
    disruption: Disruption::None,
    may_break: "nothing; a longer queue takes some megabytes of memory during bursts",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Setting>,
    plan: setting,
};

pub(super) const IMMUTABLE: Fix = Fix {
    id: "audit-immutable",
    title: "Lock the audit rules from the next boot on",
    changes: "/etc/audit/rules.d/zz-palisade.rules and what augenrules makes of it; the kernel at the next boot",
    disruption: Disruption::Reboot,
    may_break: "changing audit rules: every change, also undoing this one, then takes a reboot",
    opt_in: true,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan: lock,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Watch {
    /// The key of the records.
    key: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    /// The least events that must fit into the queue.
    backlog: Option<u64>,
    /// Whether the kernel records.
    on: Option<bool>,
}

/// Why rules cannot be changed on this host.
fn hindered(ask: &Ask<'_>, audit: &Audit) -> Option<&'static str> {
    if audit.daemon.is_absent() {
        return Some("auditd is not installed: run `apt-get install auditd`, then harden again");
    }
    // Of a tree that does not run nobody knows what runs it.
    let runs = ask.facts.services.value().is_some_and(|services| services.systemd.value().is_some());
    if runs && audit.kernel.value().is_none() {
        return Some(
            "the kernel does not answer auditctl: run this as root; in a container, harden the machine that it \
                     runs on instead",
        );
    }
    if audit.kernel.value().is_some_and(|kernel| kernel.enabled == 2) {
        return Some(
            "the audit rules are locked until the next boot (-e 2): take the lock out of the rules, reboot, \
                     then harden again",
        );
    }
    if audit.persistence.loader.value().is_some_and(|loader| loader == "auditctl") {
        return Some(
            "this host loads /etc/audit/audit.rules itself: move its rules to a file in /etc/audit/rules.d, \
                     run `augenrules --load`, then harden again",
        );
    }
    None
}

/// Where a rule stands already. One that stands in two files stops auditctl at the second.
#[derive(Clone, Copy, Default)]
struct Stands {
    in_kernel: bool,
    in_files: bool,
}

/// Rules on their way into files and into the kernel.
#[derive(Default)]
struct Rules(BTreeMap<String, Stands>);

impl Rules {
    fn add(&mut self, rule: String, stands: Stands) {
        self.0.insert(rule, stands);
    }

    fn write(&self, draft: &mut Draft) {
        if self.0.is_empty() {
            return;
        }
        for (rule, _) in self.0.iter().filter(|(_, stands)| !stands.in_files) {
            draft.change(own_line(RULES, rule));
        }
        draft.change(Change::AuditRules);
        for (rule, _) in self.0.iter().filter(|(_, stands)| !stands.in_kernel) {
            draft.change(into_kernel(rule));
        }
    }
}

fn own_line(file: &str, text: &str) -> Change {
    let edit = Edit::Line { rank: 100, text: text.to_owned() };
    Change::Edit { file: file.to_owned(), mode: 0o640, edit }
}

/// Loads a rule; taking it back deletes exactly this one.
fn into_kernel(rule: &str) -> Change {
    let words: Vec<&str> = rule.split_ascii_whitespace().collect();
    let opposite = |word: &&str| match *word {
        "-w" => "-W".to_owned(),
        "-a" | "-A" => "-d".to_owned(),
        word => word.to_owned(),
    };
    let undo: Vec<String> = words.iter().map(opposite).collect();
    let undo: Vec<&str> = undo.iter().map(String::as_str).collect();
    Change::Live(Live {
        what: format!("audit rule in the kernel: {rule}"),
        apply: vec![Act::ensure("auditctl", &words, ALREADY)],
        undo: vec![Act::ensure("auditctl", &undo, ALREADY)],
    })
}

/// A watch as a rule; none for a path that auditctl would take apart.
fn watch_rule(path: &str, key: &str) -> Option<String> {
    let plain = |text: &str| !text.is_empty() && !text.contains([' ', '\t', '\n', '"', '\'', '#']);
    (path.starts_with('/') && plain(path) && plain(key)).then(|| format!("-w {path} -p wa -k {key}"))
}

fn watch(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(audit) = ask.facts.audit.value() else { return };
    let mut rules = Rules::default();
    ask.each(draft, |one, args: Watch, draft| {
        if let Some(reason) = hindered(ask, audit) {
            return draft.refuse(one, reason);
        }
        for path in paths(ask, audit, one) {
            let mut known = audit.watches.value().into_iter().flatten().filter(|known| {
                known.path == path
                    && known.permissions == "wa"
                    && known.conditions.is_empty()
                    && known.key.value() == Some(&args.key)
            });
            let stands =
                known.next().map_or_else(Stands::default, |known| stands(&known.loaded, &known.persisted));
            match watch_rule(&path, &args.key) {
                Some(rule) => rules.add(rule, stands),
                None => draft.refuse(one, format!("auditctl takes no path such as `{path}`: rename it")),
            }
        }
    });
    rules.write(draft);
}

/// What a finding wants watched: its own path, the folder of a volume, or what the profile names and nothing covers.
fn paths(ask: &Ask<'_>, audit: &Audit, one: &Use) -> Vec<String> {
    if one.subject.starts_with('/') {
        return vec![one.subject.clone()];
    }
    let docker = ask.facts.docker.value();
    let volumes = docker.and_then(|docker| docker.volumes.value()).into_iter().flatten();
    if let Some(place) =
        volumes.filter(|volume| volume.name == one.subject).find_map(|volume| volume.mountpoint.value())
    {
        // All volumes stand in one folder, and new ones will too.
        let folder = place.strip_suffix("/_data").and_then(|place| place.rsplit_once('/'));
        return vec![folder.map_or(place.as_str(), |(folder, _)| folder).to_owned()];
    }
    let covered = |path: &str| {
        audit.watches.value().into_iter().flatten().any(|watch| {
            let both = watch.loaded.value() == Some(&true) && watch.persisted.value() == Some(&true);
            let below = path.strip_prefix(&watch.path).is_some_and(|rest| rest.starts_with('/'));
            both && watch.changes
                && watch.conditions.is_empty()
                && (watch.path == path || (watch.recursive && below))
        })
    };
    let declared = ask.declared_list("audit_paths").unwrap_or_default();
    declared.into_iter().filter(|path| !covered(path)).collect()
}

fn activity(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(audit) = ask.facts.audit.value() else { return };
    let mut rules = Rules::default();
    ask.each(draft, |one, _: NoArgs, draft| {
        if let Some(reason) = hindered(ask, audit) {
            return draft.refuse(one, reason);
        }
        let doings = doings::rules(&one.subject);
        if doings.is_empty() {
            return draft.refuse(one, "no rules are known for this; write them by hand");
        }
        if ask.facts.os.value().and_then(|os| os.architecture.value()).is_some_and(|name| name != "x86_64") {
            return draft
                .refuse(one, "the system calls of this processor have other names; write the rules by hand");
        }
        for rule in doings {
            let mut known =
                audit.syscall_rules.value().into_iter().flatten().filter(|known| is_same(rule, known));
            let stands =
                known.next().map_or_else(Stands::default, |known| stands(&known.loaded, &known.persisted));
            rules.add((*rule).to_owned(), stands);
        }
    });
    rules.write(draft);
}

fn stands(loaded: &Fact<bool>, persisted: &Fact<bool>) -> Stands {
    Stands { in_kernel: loaded.value() == Some(&true), in_files: persisted.value() == Some(&true) }
}

/// Whether a rule of ours is one that is known, word for word.
fn is_same(rule: &str, known: &SyscallRule) -> bool {
    let words: Vec<&str> = rule.split(' ').collect();
    let given = |options: &[&str]| -> Vec<&str> {
        let pairs = words.windows(2).filter_map(|pair| match pair {
            [option, value] if options.contains(option) => Some(*value),
            _ => None,
        });
        pairs.filter(|value| !value.starts_with("arch=")).collect()
    };
    let calls: Vec<&str> = given(&["-S"]).iter().flat_map(|calls| calls.split(',')).collect();
    known.syscalls == calls
        && known.conditions == given(&["-F", "-C"])
        && known.arch == "b64"
        && known.key.value().map(String::as_str) == given(&["-k"]).first().copied()
}

fn persist(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(audit) = ask.facts.audit.value() else { return };
    let mut rules = Rules::default();
    ask.each(draft, |one, _: NoArgs, draft| {
        if let Some(reason) = hindered(ask, audit) {
            return draft.refuse(one, reason);
        }
        for rule in audit.persistence.only_loaded.value().into_iter().flatten() {
            match as_auditctl_reads(rule) {
                Some(rule) => rules.add(rule, Stands { in_kernel: true, in_files: false }),
                None => draft
                    .refuse(one, format!("the rule `{rule}` cannot be written down: its path holds blanks")),
            }
        }
    });
    rules.write(draft);
}

/// A rule as facts write it, which put comparisons of two fields as `-F` where auditctl wants `-C`.
fn as_auditctl_reads(rule: &str) -> Option<String> {
    const IDS: &[&str] =
        &["auid", "uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid", "obj_uid", "obj_gid"];
    let words: Vec<&str> = rule.split_ascii_whitespace().collect();
    let mut out: Vec<String> = Vec::new();
    let mut rest = words.iter();
    while let Some(option) = rest.next() {
        // Every option has one value; a word of a path with blanks would stand where an option must.
        let value = rest.next().filter(|_| option.starts_with('-'))?;
        let compares = value
            .split_once(['=', '!'])
            .is_some_and(|(one, other)| IDS.contains(&one) && IDS.contains(&other.trim_start_matches('=')));
        out.push(if *option == "-F" && compares { "-C".to_owned() } else { (*option).to_owned() });
        out.push((*value).to_owned());
    }
    Some(out.join(" "))
}

fn load(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(audit) = ask.facts.audit.value() else { return };
    let mut loading = BTreeSet::new();
    let mut any = false;
    ask.each(draft, |one, _: NoArgs, draft| {
        if let Some(reason) = hindered(ask, audit) {
            return draft.refuse(one, reason);
        }
        any = true;
        for rule in audit.persistence.only_persisted.value().into_iter().flatten() {
            let text = rule.split_once(": ").map_or(rule.as_str(), |(_, text)| text);
            loading.extend(as_auditctl_reads(text));
        }
    });
    if any {
        draft.change(Change::AuditRules);
    }
    for rule in loading {
        draft.change(into_kernel(&rule));
    }
}

fn setting(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(audit) = ask.facts.audit.value() else { return };
    let mut any = false;
    ask.each(draft, |one, args: Setting, draft| {
        if let Some(reason) = hindered(ask, audit) {
            return draft.refuse(one, reason);
        }
        let Some(kernel) = audit.kernel.value() else {
            return draft.refuse(one, "auditctl is not installed: run `apt-get install auditd`");
        };
        any = true;
        if let Some(events) = args.backlog {
            draft.change(own_line(SETTINGS, &format!("-b {events}")));
            draft.change(kernel_setting("-b", kernel.backlog_limit, events));
        }
        if args.on == Some(true) {
            if audit.persistence.enabled.value() != Some(&2) {
                draft.change(own_line(SETTINGS, "-e 1"));
            }
            draft.change(kernel_setting("-e", kernel.enabled, 1));
        }
    });
    if any {
        draft.change(Change::AuditRules);
    }
}

fn kernel_setting(option: &str, from: u64, to: u64) -> Change {
    let run = |value: u64| vec![Act::run("auditctl", &[option, &value.to_string()])];
    Change::Live(Live { what: format!("auditctl {option}: {from} -> {to}"), apply: run(to), undo: run(from) })
}

fn lock(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(audit) = ask.facts.audit.value() else { return };
    for one in ask.uses {
        if let Some(reason) = hindered(ask, audit) {
            return draft.refuse(one, reason);
        }
    }
    draft.change(own_line(SETTINGS, "-e 2"));
    draft.change(Change::AuditRules);
    draft.note("before the next boot undoing it is complete; after it, undoing takes another reboot");
}

#[cfg(test)]
mod tests {
    use model::facts::Facts;
    use model::facts::services::Services;

    use super::*;
    use crate::fix::Site;

    #[test]
    fn a_kernel_that_does_not_answer_gets_no_rules_and_a_tree_does() {
        let uses = [Use {
            rule: "audit.identity-watched".to_owned(),
            subject: "/etc/passwd".to_owned(),
            args: serde_json::json!({"key": "identity"}),
        }];
        for (systemd, refused) in [(Fact::known(false), 1), (Fact::unreadable("it does not run"), 0)] {
            let facts = Facts {
                audit: Fact::known(Audit::default()),
                services: Fact::known(Services { systemd, ..Services::default() }),
                ..Facts::default()
            };
            let (sources, site) = (BTreeMap::new(), Site::default());
            let mut draft = Draft::default();
            watch(&Ask { facts: &facts, sources: &sources, site: &site, uses: &uses }, &mut draft);
            assert_eq!(draft.refused.len(), refused, "{draft:?}");
            assert_eq!(draft.changes.is_empty(), refused == 1, "{draft:?}");
        }
    }

    #[test]
    fn rules_of_facts_are_written_as_auditctl_reads_them() {
        let rule = "-a always,exit -F arch=b64 -S execve -F euid!=uid -F euid=0 -k root";
        let wanted = "-a always,exit -F arch=b64 -S execve -C euid!=uid -F euid=0 -k root";
        assert_eq!(as_auditctl_reads(rule).as_deref(), Some(wanted));
        assert_eq!(as_auditctl_reads("-w /srv/a b -p wa"), None);
    }

    #[test]
    fn paths_that_auditctl_would_take_apart_are_no_rules() {
        assert_eq!(watch_rule("/etc/passwd", "id").as_deref(), Some("-w /etc/passwd -p wa -k id"));
        for path in ["/srv/a b", "relative", "/srv/\"x\"", "/srv/a\n-e 0"] {
            assert_eq!(watch_rule(path, "id"), None, "{path}");
        }
    }
}
