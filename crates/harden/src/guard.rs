//! Keeps the operator's own way in open: what a plan would do to SSH is compared with how they came.

use model::facts::Facts;

use crate::disk::Content;
use crate::fix::Operator;
use crate::plan::Plan;

/// The fixes of a plan that would lock the operator out of SSH, each with the reason. None for an operator at a
/// console: what can cut others off still reverts unless confirmed.
pub fn guard(facts: &Facts, plan: &Plan, operator: &Operator) -> Vec<(String, String)> {
    if operator.ssh_from.is_none() {
        return Vec::new();
    }
    let mut refused = Vec::new();
    for step in plan.steps.iter().filter(|step| step.path.starts_with("/etc/ssh/sshd_config")) {
        let before = step.before.content().and_then(Content::as_text).unwrap_or_default();
        let after = step.after.content().and_then(Content::as_text).unwrap_or_default();
        for line in after.lines().filter(|line| !before.lines().any(|old| old == *line)) {
            let Some((key, value)) = line.trim().split_once(char::is_whitespace) else { continue };
            if let Some(reason) = locks_out(facts, operator, &key.to_lowercase(), value.trim()) {
                refused.extend(step.fixes.iter().map(|fix| (fix.clone(), reason.clone())));
            }
        }
    }
    refused
}

/// Why the operator could not come back with this option.
fn locks_out(facts: &Facts, operator: &Operator, key: &str, value: &str) -> Option<String> {
    let name = &operator.name;
    match (key, value) {
        ("passwordauthentication" | "kbdinteractiveauthentication" | "usepam", "no")
            if keys(facts, name) == 0 =>
        {
            Some(format!(
                "you are logged in as {name} over SSH, and {name} has no key in authorized_keys: add one first"
            ))
        }
        ("pubkeyauthentication", "no") => {
            Some(format!("you are logged in over SSH, and {name} could not use a key any more"))
        }
        ("permitrootlogin", "no") if name == "root" => Some(
            "you are logged in as root over SSH: log in as an administrator of your own and use sudo"
                .to_owned(),
        ),
        ("permitrootlogin", "prohibit-password" | "without-password")
            if name == "root" && keys(facts, name) == 0 =>
        {
            Some("you are logged in as root over SSH, and root has no key in authorized_keys".to_owned())
        }
        ("allowgroups", groups) if !in_groups(facts, name, groups) => Some(format!(
            "you are logged in as {name} over SSH, and {name} is in none of the groups {groups}: \
             run `gpasswd -a {name} GROUP` first"
        )),
        ("allowusers", users) if !users.split_whitespace().any(|user| user == name) => {
            Some(format!("you are logged in as {name} over SSH, who is not among {users}"))
        }
        _ => None,
    }
}

fn keys(facts: &Facts, name: &str) -> usize {
    let Some(ssh) = facts.ssh.value() else { return 0 };
    ssh.authorized_keys
        .iter()
        .filter_map(|key| key.value())
        .filter(|key| key.user == name && key.parsable)
        .count()
}

fn in_groups(facts: &Facts, name: &str, groups: &str) -> bool {
    let Some(accounts) = facts.accounts.value() else { return false };
    let Some(users) = accounts.users.value() else { return false };
    users
        .iter()
        .filter(|user| user.name == name)
        .any(|user| groups.split_whitespace().any(|group| user.groups.iter().any(|own| own == group)))
}
