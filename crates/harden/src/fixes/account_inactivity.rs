//! Accounts lock some days after their password expired: the default for new ones, and those that exist.

use serde::Deserialize;

use super::people;
use crate::change::{Change, Field, Syntax};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

const DEFAULTS: &str = "/etc/default/useradd";
const SHADOW: &str = "/etc/shadow";
/// The field of /etc/shadow.
const INACTIVE: usize = 6;

pub(super) const FIX: Fix = Fix {
    id: "account-inactivity",
    title: "Lock accounts some days after their password expired",
    changes: "INACTIVE in /etc/default/useradd; the seventh field of /etc/shadow",
    disruption: Disruption::None,
    may_break: "logins of accounts whose password has expired and that nobody uses for that many days",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// Days after the password's expiry.
    days: i64,
    /// Whether the finding is about an account; about the default otherwise.
    #[serde(default)]
    account: bool,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    ask.each(draft, |one, args: Args, draft| {
        let days = args.days.to_string();
        if !args.account {
            draft.change(Change::set(DEFAULTS, Syntax::Ini, None, "INACTIVE", &days));
            return;
        }
        let Some(user) = people::user(ask, &one.subject) else { return };
        let lasts = user.password_max_days.value().map(|max| max.saturating_add(args.days));
        if let (Some(changed), Some(days)) = (user.password_changed_at.value(), lasts)
            && people::is_older(ask, changed, days)
        {
            let name = &user.name;
            return draft.refuse(
                one,
                format!("{name} would be locked at once: let its owner set a new password (`passwd {name}`) or lock it"),
            );
        }
        draft.change(Change::field(SHADOW, &user.name, INACTIVE, Field::Is(days)));
    });
}
