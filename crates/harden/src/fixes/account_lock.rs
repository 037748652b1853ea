//! Passwords that nobody should log in with are locked.

use super::people;
use crate::change::{Change, Field};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

/// The field of /etc/passwd and /etc/shadow.
pub(super) const PASSWORD: usize = 1;

pub(super) const FIX: Fix = Fix {
    id: "account-lock",
    title: "Lock passwords that nobody should log in with",
    changes: "a `!` before the password in /etc/shadow",
    disruption: Disruption::None,
    may_break: "logins with an empty password, such as a display that logs in by itself; logins as a service",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<NoArgs>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let locked: Vec<&str> = ask.uses.iter().map(|one| one.subject.as_str()).collect();
    for one in ask.uses {
        let Some(user) = people::user(ask, &one.subject) else { continue };
        let name = &user.name;
        let administers =
            people::administrators(ask).iter().any(|admin| admin.name == *name && admin.can_log_in);
        if people::is_operator(ask, name) {
            draft.refuse(
                one,
                format!("you work as {name}: set a password with `passwd`, or lock it from another account"),
            );
        } else if administers && !people::others_administer(ask, &locked) {
            draft.refuse(
                one,
                format!("nobody else could become root: give another administrator a password or a key first, then run `passwd -l {name}`"),
            );
        } else if administers && people::has_password(user) {
            draft.refuse(
                one,
                format!("{name} becomes root with this password: take the rights away, or give sudo another proof, then run `passwd -l {name}`"),
            );
        } else {
            let file = if user.password_in_passwd { "/etc/passwd" } else { "/etc/shadow" };
            draft.change(Change::field(file, name, PASSWORD, Field::Begins("!".to_owned())));
        }
    }
}
