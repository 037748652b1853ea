//! Keeps ways in open: what a plan would do to SSH and accounts is compared with how its operator came in, and with
//! how administrators do.

use std::collections::BTreeSet;

use model::facts::Facts;

use crate::disk::{Content, State};
use crate::fix::Operator;
use crate::keys;
use crate::plan::{Plan, PlannedFix, Shown, Step};
use crate::ways_in::{After, closed};

/// Options that say where the server listens: no fix changes them, and one that did would cut everybody off.
const WHERE: [&str; 3] = ["port", "listenaddress", "addressfamily"];

/// The fixes of a plan that would lock the operator out of SSH, or the last administrator, each with the reason.
///
/// An operator at a console loses nothing by SSH, so only the administrators count then; what can cut others off
/// still reverts unless confirmed.
pub fn guard(facts: &Facts, plan: &Plan, operator: &Operator) -> Vec<(String, String)> {
    let mut after = After::default();
    let mut refused = Vec::new();
    for fix in &plan.fixes {
        let mut with = after.clone();
        let moved = settings(facts, fix, &mut with);
        keys_and_accounts(facts, plan, fix, &mut with);
        let reason = match moved {
            Some(option) => Some(format!("{option} would change, and you could not find the server any more")),
            None if with == after => None,
            None => closed(facts, operator, &with),
        };
        match reason {
            Some(reason) => refused.push((fix.id.clone(), reason)),
            None => after = with,
        }
    }
    refused
}

/// What a fix does to sshd's settings. Gives the option that moves the server elsewhere.
fn settings(facts: &Facts, fix: &PlannedFix, after: &mut After) -> Option<String> {
    let server = facts.ssh.value().and_then(|ssh| ssh.server.value());
    let is_config = |path: &str| {
        path.starts_with("/etc/ssh/sshd_config")
            || server.is_some_and(|server| server.config_files.iter().any(|file| file.path == path))
    };
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for change in &fix.changes {
        let Shown::Diff { path, diff } = change else { continue };
        if is_config(path) {
            added.extend(lines(diff, '+').filter_map(setting));
            removed.extend(lines(diff, '-').filter_map(setting));
        }
    }
    for one in added.iter().chain(&removed) {
        if WHERE.contains(&one.0.as_str()) && added.contains(one) != removed.contains(one) {
            return Some(one.0.clone());
        }
    }
    let mut set = BTreeSet::new();
    for (key, value) in added {
        if set.insert(key.clone()) {
            after.options.insert(key, value);
        }
    }
    // A line that goes leaves what holds for everybody.
    for (key, _) in removed {
        let global = server.and_then(|server| server.options.get(&key)?.value().cloned());
        if let Some(global) = global
            && set.insert(key.clone())
        {
            after.options.entry(key).or_insert(global);
        }
    }
    None
}

/// The changed lines of a unified diff, below its headers.
fn lines(diff: &str, sign: char) -> impl Iterator<Item = &str> {
    let body = diff.lines().skip_while(|line| !line.starts_with("@@"));
    body.filter_map(move |line| line.strip_prefix(sign))
}

/// A line of sshd's configuration that sets something.
fn setting(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let (key, value) = line.split_once(|c: char| c.is_whitespace() || c == '=')?;
    let key = match key.to_lowercase().as_str() {
        key if key.starts_with('#') || key == "match" || key == "include" => return None,
        "challengeresponseauthentication" => "kbdinteractiveauthentication".to_owned(),
        "pubkeyacceptedkeytypes" => "pubkeyacceptedalgorithms".to_owned(),
        key => key.to_owned(),
    };
    Some((key, value.trim_start_matches([' ', '\t', '=']).trim_end().to_owned()))
}

fn keys_and_accounts(facts: &Facts, plan: &Plan, fix: &PlannedFix, after: &mut After) {
    let Some(ssh) = facts.ssh.value() else { return };
    for step in plan.steps.iter().filter(|step| step.fixes.contains(&fix.id)) {
        match step.path.as_str() {
            "/etc/passwd" => passwd(step, after),
            "/etc/shadow" => shadow(step, after),
            "/etc/group" => group(step, after),
            path => {
                let keys: Vec<_> = ssh
                    .authorized_keys
                    .iter()
                    .filter_map(|key| key.value())
                    .filter(|k| k.file == path)
                    .collect();
                if keys.is_empty() {
                    continue;
                }
                let left: BTreeSet<String> =
                    text(&step.after).unwrap_or_default().lines().filter_map(keys::fingerprint).collect();
                let knows = step.after.content().is_some() || step.after == State::Absent;
                for key in keys {
                    let print = key.fingerprint.value().cloned().unwrap_or_default();
                    if knows && !left.contains(&print) {
                        after.gone.insert((path.to_owned(), print));
                    }
                    let readable = step.after.perms().is_none_or(|perms| {
                        let own = perms.uid == key.uid && perms.mode & 0o400 != 0;
                        key.uid == 0 || own || (perms.uid != key.uid && perms.mode & 0o044 != 0)
                    });
                    if !readable {
                        after.unreadable.insert(path.to_owned());
                    }
                }
            }
        }
    }
}

fn text(state: &State) -> Option<&str> {
    state.content().and_then(Content::as_text)
}

/// The fields of a line of an account file.
type Fields<'a> = Vec<&'a str>;

/// The lines of an account file before, each with the line of the same name after.
fn pairs(step: &Step) -> Vec<(&str, Fields<'_>, Option<Fields<'_>>)> {
    let (Some(before), Some(now)) = (text(&step.before), text(&step.after)) else { return Vec::new() };
    let name = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    before
        .lines()
        .filter_map(|line| {
            let own = line.split(':').next()?;
            let other = now.lines().find(|other| name(other) == own);
            Some((own, line.split(':').collect(), other.map(|other| other.split(':').collect())))
        })
        .collect()
}

fn passwd(step: &Step, after: &mut After) {
    let open = |fields: &Fields<'_>| {
        fields.get(6).is_some_and(|shell| !shell.ends_with("nologin") && !shell.ends_with("/false"))
    };
    for (name, before, now) in pairs(step) {
        if open(&before) && !now.is_some_and(|now| open(&now)) {
            after.closed_accounts.insert(name.to_owned());
        }
    }
}

fn shadow(step: &Step, after: &mut After) {
    for (name, before, now) in pairs(step) {
        let hash = |fields: &[&str]| fields.get(1).is_some_and(|hash| hash.starts_with('$'));
        if hash(&before) && !now.is_some_and(|now| hash(&now)) {
            after.no_password.insert(name.to_owned());
        }
    }
}

fn group(step: &Step, after: &mut After) {
    for (name, before, now) in pairs(step) {
        let members = |fields: &[&str]| -> BTreeSet<String> {
            fields.get(3).into_iter().flat_map(|list| list.split(',')).map(str::to_owned).collect()
        };
        let stay = now.map(|now| members(&now)).unwrap_or_default();
        let left = members(&before).into_iter().filter(|member| !member.is_empty() && !stay.contains(member));
        after.left_groups.extend(left.map(|member| (member, name.to_owned())));
    }
}

#[cfg(test)]
mod tests;
