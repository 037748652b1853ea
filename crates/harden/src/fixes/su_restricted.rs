//! `su` is for administrators.

use super::{pam, people};
use crate::change::{Change, Edit};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

/// Groups of administrators, in order of preference.
const GROUPS: [&str; 3] = ["sudo", "wheel", "admin"];

pub(super) const FIX: Fix = Fix {
    id: "su-restricted",
    title: "Keep `su` to the group of administrators",
    changes: "/etc/pam.d/su: pam_wheel behind pam_rootok",
    disruption: Disruption::None,
    may_break: "`su` of users outside the group, who use passwords of others so far",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<NoArgs>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    for one in ask.uses {
        let Some((file, line)) = pam::line_of(ask, "accounts.su_restricted") else {
            draft.refuse(
                one,
                "/etc/pam.d/su has no pam_rootok: write `auth required pam_wheel.so use_uid group=GROUP` to it",
            );
            continue;
        };
        let Some(group) = GROUPS.into_iter().find(|name| people::gid(ask, name).is_some()) else {
            draft.refuse(
                one,
                "there is no group of administrators: run `groupadd --system wheel` and put them into it",
            );
            continue;
        };
        let in_group =
            |name: &str| people::user(ask, name).is_some_and(|user| user.groups.iter().any(|own| own == group));
        let operator = &ask.site.operator.name;
        let root_password = people::user(ask, "root").is_some_and(people::has_password);
        if root_password && !operator.is_empty() && operator != "root" && !in_group(operator) {
            draft.refuse(
                one,
                format!(
                    "you, {operator}, are not in the group {group}: run `gpasswd -a {operator} {group}` first"
                ),
            );
            continue;
        }
        let text = format!("auth required pam_wheel.so use_uid group={group}");
        let edit = Edit::After { line: line.to_owned(), text };
        draft.change(Change::Edit { file: file.to_owned(), mode: 0o644, edit });
    }
}
