//! Settings of new accounts in /etc/login.defs.

use std::collections::BTreeMap;

use super::scalar::Scalar;
use crate::change::{Change, Syntax};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

const FILE: &str = "/etc/login.defs";

pub(super) const FIX: Fix = Fix {
    id: "login-defs",
    title: "Set what holds for accounts made from now on",
    changes: "settings of /etc/login.defs",
    disruption: Disruption::None,
    may_break: "scripts that make accounts and rely on passwords that never expire; accounts that exist stay as they are",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<BTreeMap<String, Scalar>>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    ask.each(draft, |_, settings: BTreeMap<String, Scalar>, draft| {
        for (key, value) in settings {
            draft.change(Change::set(FILE, Syntax::Spaced, None, &key, &value.to_string()));
        }
    });
}
