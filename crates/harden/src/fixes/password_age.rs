//! Passwords of accounts that exist expire.

use serde::Deserialize;

use super::people;
use crate::change::{Change, Field};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

/// The field of /etc/shadow.
const MAX_DAYS: usize = 4;

pub(super) const FIX: Fix = Fix {
    id: "password-age",
    title: "Let passwords of accounts that exist expire",
    changes: "the fifth field of /etc/shadow",
    disruption: Disruption::None,
    may_break: "jobs that log in or run as an account whose password expires one day and is not changed",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// Days for which a password holds.
    days: i64,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    ask.each(draft, |one, args: Args, draft| {
        let Some(user) = people::user(ask, &one.subject) else { return };
        let name = &user.name;
        if user.uid == 0 || user.is_system {
            return draft.refuse(
                one,
                format!(
                    "jobs of {name} would stop when its password expires: lock the password instead (`passwd -l {name}`)"
                ),
            );
        }
        if user.password_changed_at.value().is_some_and(|changed| people::is_older(ask, changed, args.days)) {
            let days = args.days;
            return draft.refuse(
                one,
                format!(
                    "the password of {name} is older than {days} days and would be expired at once: let its owner \
                     change it (`passwd {name}`), then run this again"
                ),
            );
        }
        draft.change(Change::field("/etc/shadow", name, MAX_DAYS, Field::Is(args.days.to_string())));
    });
}
