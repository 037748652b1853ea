//! SSH logins for the members of one group.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::sshd::{Settings, Value};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};
use crate::ways_in::administrators;

pub(super) const FIX: Fix = Fix {
    id: "ssh-login-group",
    title: "Keep SSH logins to the members of a group",
    changes: "/etc/ssh/sshd_config.d/00-palisade.conf, and an Include at the top of sshd_config when it needs one",
    disruption: Disruption::Reload,
    may_break: "SSH logins of everybody who is not in the group: the plan names them",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    group: String,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(mut settings) = Settings::or_refuse(ask, draft) else { return };
    ask.each(draft, |one, Args { group }, draft| {
        let done = fit(ask, &group).and_then(|()| {
            settings.add_for_all(one, BTreeMap::from([("AllowGroups".to_owned(), Value::Text(group.clone()))]))
        });
        match done {
            Err(why) => draft.refuse(one, why),
            Ok(()) => {
                let out = left_out(ask, &group);
                let note = format!("these could not log in over SSH any more: {}", out.join(", "));
                if !out.is_empty() && !draft.notes.contains(&note) {
                    draft.note(note);
                }
            }
        }
    });
    settings.finish(draft);
}

/// Whether the group is there and holds whoever administers the host over SSH.
fn fit(ask: &Ask<'_>, group: &str) -> Result<(), String> {
    let groups = ask.facts.accounts.value().and_then(|accounts| accounts.groups.value());
    let groups = groups.ok_or("the groups of this host are not known")?;
    let Some(group) = groups.iter().find(|known| known.name == group) else {
        return Err(format!(
            "there is no group {group}: run `groupadd {group}`, and `gpasswd -a USER {group}` for everybody who needs \
             SSH, yourself first; or name another group in the rule's parameter `group`"
        ));
    };
    let name = &group.name;
    if group.members.is_empty() {
        return Err(format!(
            "the group {name} has no members: run `gpasswd -a USER {name}`, for yourself first"
        ));
    }
    let outside = administrators(ask.facts).into_iter().find(|admin| {
        // Root gets in by other accounts and sudo; whether somebody does is looked at besides.
        admin != "root" && !group.members.contains(admin) && can_log_in(ask, admin)
    });
    match outside {
        Some(admin) => Err(format!(
            "{admin} administers this host over SSH and is not in the group {name}: run `gpasswd -a {admin} {name}` first"
        )),
        None => Ok(()),
    }
}

/// Whether somebody has what it takes to log in over SSH now.
fn can_log_in(ask: &Ask<'_>, name: &str) -> bool {
    let users = ask.facts.ssh.value().and_then(|ssh| ssh.login_users.value());
    let account = ask.facts.accounts.value().and_then(|accounts| accounts.users.value());
    let has_password = account
        .and_then(|users| users.iter().find(|user| user.name == name)?.password.value())
        .is_none_or(|password| password == "set");
    users.is_some_and(|users| {
        users.iter().any(|user| {
            user.name == name && (user.keys > 0 && user.key_accepted || user.password_accepted && has_password)
        })
    })
}

/// Who logs in now and could not any more.
fn left_out(ask: &Ask<'_>, group: &str) -> Vec<String> {
    let users = ask.facts.ssh.value().and_then(|ssh| ssh.login_users.value());
    let groups = ask.facts.accounts.value().and_then(|accounts| accounts.groups.value());
    let members = groups.and_then(|groups| groups.iter().find(|known| known.name == group));
    let is_member = |name: &String| members.is_some_and(|group| group.members.contains(name));
    let names = users.into_iter().flatten().map(|user| &user.name);
    names.filter(|name| !is_member(name) && can_log_in(ask, name)).cloned().collect()
}
