//! root's password is locked, where somebody else becomes root by sudo.

use super::account_lock::PASSWORD;
use super::people;
use crate::change::{Change, Field};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

pub(super) const FIX: Fix = Fix {
    id: "root-lock",
    title: "Lock the password of root",
    changes: "a `!` before root's password in /etc/shadow",
    disruption: Disruption::None,
    may_break: "`su`, logins as root at the console, and the rescue shell of a host that does not boot",
    opt_in: true,
    can_cut_off: true,
    accepts: accepts::<NoArgs>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let grants = ask.facts.accounts.value().and_then(|accounts| accounts.sudo.value());
    let grants = grants.and_then(|sudo| sudo.grants.value()).map_or(&[][..], Vec::as_slice);
    let becomes_root = people::users(ask).iter().any(|user| {
        let granted = |grant: &&model::facts::accounts::SudoGrant| {
            grant.all_commands && grant.as_root && grant.users.contains(&user.name)
        };
        user.uid != 0
            && user.can_log_in
            && people::has_password(user)
            && grants.iter().any(|grant| granted(&grant))
    });
    for one in ask.uses {
        if people::user(ask, &one.subject).is_none_or(|user| user.name != "root") {
            draft.refuse(one, "it is not called root: remove it, or give it a number of its own");
        } else if becomes_root {
            draft.change(Change::field("/etc/shadow", "root", PASSWORD, Field::Begins("!".to_owned())));
        } else {
            draft.refuse(
                one,
                "nobody else could become root: give an administrator a password and the group sudo first",
            );
        }
    }
}
