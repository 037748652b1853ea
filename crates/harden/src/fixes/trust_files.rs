//! Files that let other hosts or users in without a password are taken away.

use super::access;
use crate::change::Change;
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

pub(super) const FIX: Fix = Fix {
    id: "trust-files",
    title: "Take away files that let others in without a password",
    changes: ".rhosts, .shosts and hosts.equiv; undoing brings them back",
    disruption: Disruption::None,
    may_break: "rlogin, rsh and SSH's host-based logins",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<NoArgs>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let all = ask.facts.files.value().and_then(|files| files.trust_files.value());
    for one in ask.uses {
        if access::is_cut(ask, "trust_files") {
            draft.refuse(one, access::CUT);
            continue;
        }
        for file in all.into_iter().flatten() {
            draft.change(Change::Remove { path: file.path.clone() });
        }
    }
}
