//! What a new password must be, where PAM asks libpwquality.

use std::collections::BTreeMap;

use super::pam;
use super::scalar::Scalar;
use crate::change::{Change, Syntax};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

/// It is read behind its drop-ins, so it wins.
const FILE: &str = "/etc/security/pwquality.conf";

pub(super) const FIX: Fix = Fix {
    id: "password-quality",
    title: "Demand good passwords of whoever sets a new one",
    changes: "/etc/security/pwquality.conf, and arguments of pam_pwquality that win over it",
    disruption: Disruption::None,
    may_break: "scripts that set short passwords; passwords in use stay",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<BTreeMap<String, Scalar>>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(accounts) = ask.facts.accounts.value() else { return };
    let module = accounts.password_policy.quality_module.value().map(String::as_str);
    // Its arguments win over its files.
    let place = pam::line_of(ask, "accounts.password_policy.quality_module");
    ask.each(draft, |one, settings: BTreeMap<String, Scalar>, draft| {
        match module {
            Some("pam_pwquality") => {}
            Some(other) => {
                return draft.refuse(one, format!("{other} tries new passwords here, and its settings are not touched"));
            }
            None => {
                return draft.refuse(
                    one,
                    "nothing tries new passwords: run `apt-get install libpam-pwquality`, which puts itself into PAM, \
                     then run this again",
                );
            }
        }
        // `enforcing = 0` makes of every demand a warning.
        let quiet = ask.line_of("accounts.password_policy.dictionary_check");
        if let Some((file, _, line)) = quiet.filter(|(.., line)| line.contains("enforcing")) {
            if pam::is_pam(file) {
                draft.change(pam::set(file, line, "enforcing", "1"));
            } else {
                draft.change(Change::set(FILE, Syntax::Equals, None, "enforcing", "1"));
            }
        }
        for (key, value) in settings {
            let argument = place.filter(|(_, line)| pam::argument(line, &key).is_some());
            match argument {
                Some((file, line)) => draft.change(pam::set(file, line, &key, &value.to_string())),
                None => draft.change(Change::set(FILE, Syntax::Equals, None, &key, &value.to_string())),
            }
        }
    });
}
