//! How many failed logins lock an account and for how long, where pam_faillock counts.

use std::collections::BTreeMap;

use super::pam;
use super::scalar::Scalar;
use crate::change::{Change, Syntax};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

const FILE: &str = "/etc/security/faillock.conf";

/// The settings and the facts that they decide.
const FACTS: [(&str, &str); 2] =
    [("deny", "accounts.lockout.attempts"), ("unlock_time", "accounts.lockout.unlock_secs")];

pub(super) const FIX: Fix = Fix {
    id: "faillock",
    title: "Lock accounts for some time after failed logins",
    changes: "/etc/security/faillock.conf, where pam_faillock stands in PAM",
    disruption: Disruption::None,
    may_break: "logins of a user whose name somebody tries with wrong passwords; root is not locked",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<BTreeMap<String, Scalar>>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(accounts) = ask.facts.accounts.value() else { return };
    let module = accounts.lockout.module.value().map(String::as_str);
    ask.each(draft, |one, settings: BTreeMap<String, Scalar>, draft| {
        match module {
            Some("pam_faillock") => {}
            Some(other) => {
                return draft.refuse(one, format!("{other} counts failed logins here, and it is no longer kept: move to pam_faillock"));
            }
            None => {
                return draft.refuse(
                    one,
                    "nothing counts failed logins, and a mistake in PAM's stacks locks everybody out: keep a session \
                     open, put pam_faillock into /etc/pam.d/common-auth and common-account as its manual page shows, \
                     try a login, then run this again for its settings",
                );
            }
        }
        for (key, value) in settings {
            let fact = FACTS.iter().find(|(name, _)| *name == key).map(|(_, fact)| *fact);
            match fact.and_then(|fact| ask.line_of(fact)) {
                // Each of its lines has arguments of its own, and only the first is known.
                Some((file, number, _)) if pam::is_pam(file) => {
                    let reason = format!("`{key}=` stands in {file}:{number} and wins: take it out of all lines of pam_faillock");
                    return draft.refuse(one, reason);
                }
                Some((file, ..)) => draft.change(Change::set(file, Syntax::Equals, None, &key, &value.to_string())),
                None => draft.change(Change::set(FILE, Syntax::Equals, None, &key, &value.to_string())),
            }
        }
    });
}
