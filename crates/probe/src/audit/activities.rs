//! Doings that guides want recorded, by the system calls that do them.

use model::Fact;
use model::facts::audit::{Activity, SyscallRule};

/// Name, system calls of 64-bit programs, and the condition that a rule may be narrowed to.
const ACTIVITIES: &[(&str, &[&str], Option<&str>)] = &[
    ("clock", &["adjtimex", "settimeofday", "clock_settime"], None),
    ("host name", &["sethostname", "setdomainname"], None),
    (
        "permissions",
        &[
            "chmod",
            "fchmod",
            "fchmodat",
            "chown",
            "fchown",
            "fchownat",
            "lchown",
            "setxattr",
            "lsetxattr",
            "fsetxattr",
            "removexattr",
            "lremovexattr",
            "fremovexattr",
        ],
        None,
    ),
    ("deletion", &["unlink", "unlinkat", "rename", "renameat"], None),
    ("denied access", &["creat", "open", "openat", "truncate", "ftruncate"], Some("exit=-E")),
    ("mounts", &["mount"], None),
    ("kernel modules", &["init_module", "finit_module", "delete_module"], None),
    ("programs as root", &["execve"], Some("euid=0")),
];

/// Which system calls of each activity are recorded. `hidden` says why the kernel does not show its rules.
pub(crate) fn recorded(rules: &Fact<Vec<SyscallRule>>, hidden: Option<&str>) -> Fact<Vec<Activity>> {
    let rules = match rules {
        Fact::Known(rules, _) => rules.as_slice(),
        Fact::Absent => &[],
        Fact::Unreadable(reason) => return Fact::unreadable(reason.clone()),
    };
    let activities = ACTIVITIES.iter().map(|(name, calls, condition)| Activity {
        name: (*name).to_owned(),
        not_loaded: hidden.map_or_else(
            || missing(rules, calls, *condition, |rule| &rule.loaded).or_at("auditctl -l"),
            Fact::unreadable,
        ),
        not_persisted: missing(rules, calls, *condition, |rule| &rule.persisted).or_at("/etc/audit/rules.d"),
    });
    Fact::known(activities.collect())
}

/// Calls that no rule with the property records; unreadable when a rule might.
fn missing(
    rules: &[SyscallRule],
    calls: &[&str],
    condition: Option<&str>,
    property: fn(&SyscallRule) -> &Fact<bool>,
) -> Fact<Vec<String>> {
    let mut missing = Vec::new();
    for call in calls {
        let mut recorded = Fact::known(false);
        for rule in rules.iter().filter(|rule| records(rule, call, condition)) {
            match property(rule) {
                Fact::Known(true, _) => {
                    recorded = Fact::known(true);
                    break;
                }
                Fact::Unreadable(reason) => recorded = Fact::unreadable(reason.clone()),
                Fact::Known(false, _) | Fact::Absent => {}
            }
        }
        match recorded {
            Fact::Known(true, _) => {}
            Fact::Unreadable(reason) => return Fact::unreadable(reason),
            Fact::Known(false, _) | Fact::Absent => missing.push((*call).to_owned()),
        }
    }
    Fact::known(missing)
}

/// Whether the rule records the call: of ordinary users at least (`auid>=1000`), whichever the arguments.
fn records(rule: &SyscallRule, call: &str, wanted: Option<&str>) -> bool {
    let listed = rule.syscalls.iter().any(|listed| listed == call || listed == "all");
    let narrowed = rule.conditions.iter().any(|condition| {
        let usual = condition.starts_with("auid")
            || condition == "key"
            || condition == "euid!=uid"
            || wanted.is_some_and(|wanted| condition.starts_with(wanted))
            // The clock's usual rule leaves out readings: CLOCK_REALTIME is 0.
            || (call == "clock_settime" && condition == "a0=0");
        !usual
    });
    listed && !narrowed && rule.action == "always" && rule.list == "exit" && rule.arch != "b32"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_of_an_activity_must_be_recorded() {
        let rule = |calls: &[&str], conditions: &[&str]| SyscallRule {
            action: "always".into(),
            list: "exit".into(),
            arch: "b64".into(),
            syscalls: calls.iter().map(|call| (*call).to_owned()).collect(),
            conditions: conditions.iter().map(|condition| (*condition).to_owned()).collect(),
            loaded: Fact::known(true),
            persisted: Fact::known(false),
            ..SyscallRule::default()
        };
        let rules = vec![
            rule(&["adjtimex", "settimeofday"], &[]),
            rule(&["clock_settime"], &["a0=0"]),
            rule(&["mount"], &["path=/mnt"]),
            rule(&["execve"], &["euid!=uid", "euid=0"]),
        ];
        let activities = recorded(&Fact::known(rules), None);
        let of = |name: &str| activities.value().unwrap().iter().find(|a| a.name == name).unwrap().clone();
        assert_eq!(of("clock").not_loaded.value().unwrap().len(), 0);
        assert_eq!(of("clock").not_persisted.value().unwrap().len(), 3);
        assert_eq!(of("mounts").not_loaded.value().unwrap().len(), 1);
        assert_eq!(of("programs as root").not_loaded.value().unwrap().len(), 0);
        assert_eq!(of("deletion").not_loaded.value().unwrap().len(), 4);
    }
}
