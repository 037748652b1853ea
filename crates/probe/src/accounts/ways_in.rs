//! What failed logins lead to, where a second factor is asked, and who may become somebody else.

use std::collections::BTreeMap;

use host::Door;
use model::Fact;
use model::facts::accounts::Lockout;

use crate::accounts::pam::{self, Stack};
use crate::accounts::values::{argument, key_values, parsed};

const COUNTERS: [&str; 3] = ["pam_faillock", "pam_tally2", "pam_tally"];

/// Modules that ask for something else than a password.
const SECOND_FACTORS: [&str; 11] = [
    "pam_google_authenticator",
    "pam_u2f",
    "pam_oath",
    "pam_duo",
    "pam_yubico",
    "pam_pkcs11",
    "pam_p11",
    "pam_rsa",
    "pam_securid",
    "pam_privacyidea",
    "pam_linotp",
];

/// What happens after failed logins: the counter must stand in the way of every service that lets people in.
pub(crate) fn lockout(door: &Door) -> Lockout {
    let stacks: Vec<Stack> = ["login", "sshd"]
        .into_iter()
        .filter(|service| pam::has_service(door, service))
        .map(|service| pam::stack(door, service, "auth"))
        .collect();
    let mut counters = Vec::new();
    for stack in stacks {
        match stack {
            Ok(modules) => counters.push(modules.into_iter().find(|m| COUNTERS.contains(&m.name.as_str()))),
            Err(why) => {
                return Lockout {
                    module: Fact::unreadable(why.clone()),
                    attempts: Fact::unreadable(why.clone()),
                    unlock_secs: Fact::unreadable(why.clone()),
                    locks_root: Fact::unreadable(why),
                };
            }
        }
    }
    let Some(module) = counters.first().cloned().flatten().filter(|_| counters.iter().all(Option::is_some))
    else {
        return Lockout {
            module: Fact::Absent,
            attempts: Fact::Absent,
            unlock_secs: Fact::Absent,
            locks_root: Fact::Absent,
        };
    };
    let conf = match module.name.as_str() {
        "pam_faillock" => {
            let path = module.arg("conf").unwrap_or("/etc/security/faillock.conf").to_owned();
            key_values(door, &[path])
        }
        _ => Fact::Absent,
    };
    let number = |name: &str| match argument(&module, &conf, name) {
        Fact::Known(text, _) if text == "never" => Fact::known(0),
        other => other.and_then(parsed),
    };
    // pam_tally2 never locks and never opens again unless told; pam_faillock has defaults.
    let (attempts, unlock) = if module.name == "pam_faillock" { (3, 600) } else { (0, 0) };
    Lockout {
        attempts: number("deny").or_default_value(attempts),
        unlock_secs: number("unlock_time").or_default_value(unlock),
        locks_root: match (module.has("even_deny_root"), argument(&module, &conf, "even_deny_root")) {
            (true, _) => Fact::sourced(true, module.place()),
            (false, Fact::Absent) => Fact::known(false),
            (false, other) => other.map(|_| true),
        },
        module: Fact::sourced(module.name.clone(), module.place()),
    }
}

/// Modules that ask for a second factor, by service. Services without a PAM file are left out.
pub(crate) fn second_factor(door: &Door) -> BTreeMap<String, Fact<Vec<String>>> {
    let services =
        ["sshd", "login", "sudo", "su"].into_iter().filter(|service| pam::has_service(door, service));
    services
        .map(|service| {
            let modules = match pam::stack(door, service, "auth") {
                Ok(modules) => Fact::known(
                    modules
                        .into_iter()
                        .map(|m| m.name)
                        .filter(|name| SECOND_FACTORS.contains(&name.as_str()))
                        .collect(),
                ),
                Err(why) => Fact::unreadable(why),
            };
            (service.to_owned(), modules)
        })
        .collect()
}

/// Whether `su` is kept to a group.
pub(crate) fn su_restricted(door: &Door) -> Fact<bool> {
    if !pam::has_service(door, "su") {
        return Fact::Absent;
    }
    match pam::stack(door, "su", "auth") {
        Ok(modules) => match modules.iter().find(|module| module.name == "pam_wheel" && !module.has("trust")) {
            Some(module) => Fact::sourced(true, module.place()),
            // Behind this one it would have to stand: root may always.
            None => match modules.iter().find(|module| module.name == "pam_rootok") {
                Some(root) => Fact::sourced(false, root.place()),
                None => Fact::read_at(false, "/etc/pam.d/su"),
            },
        },
        Err(why) => Fact::unreadable(why),
    }
}
