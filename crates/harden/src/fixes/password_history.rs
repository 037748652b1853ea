//! Former passwords are refused.

use serde::Deserialize;

use super::pam;
use super::scalar::Scalar;
use crate::change::{Change, Syntax};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

const CONF: &str = "/etc/security/pwhistory.conf";
const OLD: &str = "/etc/security/opasswd";

pub(super) const FIX: Fix = Fix {
    id: "password-history",
    title: "Refuse passwords that the user had before",
    changes: "`remember=` of the module that stores passwords in PAM, or /etc/security/pwhistory.conf",
    disruption: Disruption::None,
    may_break: "scripts that set the same password again",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// How many are refused.
    remember: Scalar,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    ask.each(draft, |one, args: Args, draft| {
        let count = args.remember.to_string();
        let is_known = ask
            .facts
            .accounts
            .value()
            .is_some_and(|accounts| accounts.password_policy.remembered.value().is_some());
        if let Some((file, line)) = pam::line_of(ask, "accounts.password_policy.remembered") {
            draft.change(pam::set(file, line, "remember", &count));
        } else if is_known {
            // pam_pwhistory with its file or its default.
            draft.change(Change::set(CONF, Syntax::Equals, None, "remember", &count));
        } else if let Some((file, line)) = pam::line_of(ask, "accounts.password_policy.hash_scheme")
            .filter(|(_, line)| line.contains("pam_unix.so"))
        {
            draft.change(pam::set(file, line, "remember", &count));
            // pam_unix takes no new password when the file that it keeps old ones in is missing.
            let files = ask.facts.files.value().and_then(|files| files.system_files.value());
            if files.is_some_and(|files| !files.iter().any(|file| file.path == OLD)) {
                draft.change(Change::whole(OLD, 0o600, ""));
            }
        } else {
            draft.refuse(
                one,
                "the line of PAM that stores passwords is not known: write `password required pam_pwhistory.so \
                 remember=5 use_authtok` before pam_unix in /etc/pam.d/common-password",
            );
        }
    });
}
