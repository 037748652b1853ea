//! Users leave groups that amount to root and in which nobody approved them.

use serde::Deserialize;

use super::people;
use crate::change::{Change, Field};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

/// The field of /etc/group and /etc/gshadow.
const MEMBERS: usize = 3;

pub(super) const FIX: Fix = Fix {
    id: "group-members",
    title: "Take users that the profile does not approve out of groups that amount to root",
    changes: "members in /etc/group and /etc/gshadow; it holds from the next login",
    disruption: Disruption::None,
    may_break: "whatever these users do by the group: sudo, docker, reading disks",
    opt_in: true,
    can_cut_off: true,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// The declaration that names who may be a member.
    approved: String,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(accounts) = ask.facts.accounts.value() else { return };
    let gshadow = accounts.files.iter().any(|file| file.path == "/etc/gshadow");
    ask.each(draft, |one, args: Args, draft| {
        let group =
            accounts.groups.value().and_then(|groups| groups.iter().find(|group| group.name == one.subject));
        let (Some(group), Some(approved)) = (group, ask.declared_list(&args.approved)) else { return };
        let leave: Vec<&str> =
            group.members.iter().filter(|member| !approved.contains(member)).map(String::as_str).collect();
        let primary =
            leave.iter().find(|name| people::user(ask, name).is_some_and(|user| user.gid == group.gid));
        if let Some(name) = primary {
            draft.refuse(
                one,
                format!("{} is the first group of {name}: run `usermod -g GROUP {name}`", group.name),
            );
        } else if leave.iter().any(|name| people::is_operator(ask, name)) {
            draft.refuse(
                one,
                format!(
                    "you are in {} yourself: add your name to `{}`, or leave by hand",
                    group.name, args.approved
                ),
            );
        } else if !people::others_administer(ask, &leave) {
            draft.refuse(one, "nobody else could become root: approve an administrator first");
        } else {
            for name in leave {
                let without = || Field::Without(name.to_owned());
                draft.change(Change::field("/etc/group", &group.name, MEMBERS, without()));
                if gshadow {
                    draft.change(Change::field("/etc/gshadow", &group.name, MEMBERS, without()));
                }
            }
        }
    });
}
