//! New passwords are hashed by a strong scheme.

use serde::Deserialize;

use super::pam;
use crate::change::{Change, Syntax};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

/// Schemes that pam_unix knows.
const SCHEMES: [&str; 7] = ["yescrypt", "gost_yescrypt", "sha512", "sha256", "blowfish", "md5", "bigcrypt"];

pub(super) const FIX: Fix = Fix {
    id: "password-hashing",
    title: "Hash new passwords by a strong scheme",
    changes: "the scheme of pam_unix in PAM, and ENCRYPT_METHOD in /etc/login.defs",
    disruption: Disruption::None,
    may_break: "copying hashes to systems that do not know the scheme; passwords in use stay",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// As pam_unix calls it.
    scheme: String,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    ask.each(draft, |_, args: Args, draft| {
        if let Some((file, line)) = pam::line_of(ask, "accounts.password_policy.hash_scheme") {
            let old = SCHEMES.into_iter().find(|scheme| pam::argument(line, scheme).is_some());
            draft.change(Change::word(file, line, old, Some(&args.scheme)));
        }
        let method = args.scheme.to_uppercase();
        draft.change(Change::set("/etc/login.defs", Syntax::Spaced, None, "ENCRYPT_METHOD", &method));
    });
}
