//! Home directories belong to their users and are closed to everybody else.

use super::access::{self, Wish};
use super::people;
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

/// Places that are nobody's home alone, whatever /etc/passwd says.
const SHARED: [&str; 12] =
    ["/", "/bin", "/dev", "/etc", "/home", "/lib", "/opt", "/run", "/srv", "/tmp", "/usr", "/var"];

pub(super) const FIX: Fix = Fix {
    id: "home-access",
    title: "Close home directories to everybody but their users",
    changes: "owner and permissions of the home directory itself, not of what is in it",
    disruption: Disruption::None,
    may_break: "web pages in ~/public_html, and others who reach files through somebody's home",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    for one in ask.uses {
        let Some(user) = people::user(ask, &one.subject) else { continue };
        let home = user.home.trim_end_matches('/');
        let shares = people::users(ask)
            .iter()
            .any(|other| other.uid != user.uid && other.can_log_in && other.home.trim_end_matches('/') == home);
        if home.is_empty() || SHARED.contains(&home) || shares {
            draft.refuse(
                one,
                format!("{} is not the home of {} alone: give it one of its own", user.home, user.name),
            );
            continue;
        }
        let wish = Wish {
            owner: (user.owns_home.value() == Some(&false)).then(|| user.name.clone()),
            clear: 0o027,
            ..Wish::default()
        };
        match access::give(ask, home, &wish) {
            Ok(change) => draft.change(change),
            Err(reason) => draft.refuse(one, reason),
        }
    }
}
