//! Accounts of services get a shell that starts no session.

use super::people;
use crate::change::{Change, Field};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

const NOLOGIN: &str = "/usr/sbin/nologin";
/// The field of /etc/passwd.
const SHELL: usize = 6;

pub(super) const FIX: Fix = Fix {
    id: "system-shell",
    title: "Give accounts of services a shell that starts no session",
    changes: "the last field of /etc/passwd",
    disruption: Disruption::None,
    may_break: "`su - SERVICE`, in scripts too; `sudo -u SERVICE` goes on working",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    for one in ask.uses {
        let Some(user) = people::user(ask, &one.subject) else { continue };
        let name = &user.name;
        if people::is_operator(ask, name) {
            draft.refuse(one, format!("you work as {name}"));
        } else if people::has_key(ask, name) || people::has_password(user) {
            draft.refuse(
                one,
                format!(
                    "somebody logs in as {name}, which has a key or a password: take that away first, or give {name} a \
                     number that people have"
                ),
            );
        } else {
            draft.change(Change::field("/etc/passwd", name, SHELL, Field::Is(NOLOGIN.to_owned())));
        }
    }
}
