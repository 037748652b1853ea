//! PAM refuses empty passwords.

use super::{pam, people};
use crate::change::Change;
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

pub(super) const FIX: Fix = Fix {
    id: "empty-passwords",
    title: "Refuse logins with an empty password",
    changes: "`nullok` of pam_unix in PAM; pam-auth-update keeps the change",
    disruption: Disruption::None,
    may_break: "logins of accounts without a password",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<NoArgs>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let is_empty =
        |user: &model::facts::accounts::User| user.password.value().is_some_and(|state| state == "empty");
    for one in ask.uses {
        let operator = &ask.site.operator.name;
        if people::user(ask, operator).is_some_and(is_empty) {
            draft.refuse(one, format!("you work as {operator}, whose password is empty: run `passwd` first"));
            continue;
        }
        let place = pam::line_of(ask, "accounts.password_policy.empty_accepted");
        let flag = |(file, line)| {
            let word = ["nullok", "nullok_secure"].into_iter().find_map(|word| pam::argument(line, word))?;
            Some(Change::word(file, line, Some(word), None))
        };
        match place.and_then(flag) {
            Some(change) => draft.change(change),
            None => draft.refuse(one, "the line of PAM is not known: take `nullok` off pam_unix in /etc/pam.d"),
        }
    }
}
