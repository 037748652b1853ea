//! Section `nerve`: parameters of a Nerve Management System, and the DNA of a node, from a file.

pub(crate) mod map;

use std::collections::BTreeMap;

use host::FileKind;
use model::Fact;
use model::facts::nerve::{BruteForce, Nerve, Parameter, Sessions};

use crate::fact::reason;
use crate::{Context, Subject};
use map::Entry;

/// The most bytes of a file.
const FILE: usize = 4 << 20;
/// The most notes of a kind.
const NOTES: usize = 100;

/// Parameters of the Management System that the hardening guide names.
const PARAMETERS: [&str; 17] = [
    "max_attempts_by_ip_and_username",
    "max_attempts_by_ip_and_username_node_users",
    "max_attempts_by_ip_and_username_dashboard_users",
    "max_attempts_by_ip_and_username_validate_token",
    "max_attempts_by_ip_and_username_verify_log_agent",
    "max_attempts_by_ip_and_username_ws_tunnel",
    "max_attempts_by_ip_and_username_mfa_validation",
    "reset_attempts_interval_by_ip_and_username",
    "block_duration_by_ip_and_username",
    "max_attempts_by_ip",
    "reset_attempts_interval_by_ip",
    "block_duration_by_ip",
    "session_duration",
    "file_warm_state_retention_policy_audit_ms",
    "file_warm_state_retention_policy_security_auditlog",
    "file_warm_state_retention_policy_audit_docker_log",
    "mfa_enabled",
];

/// How names of parameters begin: others that do are misspelt.
const FAMILIES: [&str; 6] =
    ["max_attempts", "reset_attempts", "block_duration", "session_dur", "file_warm_state", "mfa_"];

/// Words of names whose values are secret.
const SECRET: [&str; 6] = ["password", "passwd", "secret", "token", "apikey", "privatekey"];

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Nerve> {
    let Subject::NerveFile(path) = &cx.subject else { return Fact::unreadable("only a target `nerve:` tells") };
    if cx.door.stat(path).is_ok_and(|stat| stat.kind == FileKind::Directory) {
        return Fact::unreadable("a folder; name the file that holds the parameters");
    }
    let text = match cx.door.read_up_to(path, FILE) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => return Fact::unreadable(format!("{path} is no UTF-8 text")),
        },
        Err(error) => return Fact::unreadable(reason(&error, &cx.door)),
    };
    let name = path.trim_start_matches('/');
    match map::entries(&text) {
        Ok(entries) => nerve(name, &entries),
        Err(why) => Fact::unreadable(format!("{name}: {why}")),
    }
}

fn nerve(file: &str, entries: &[Entry]) -> Fact<Nerve> {
    let place = |entry: &Entry| {
        if entry.line == 0 { format!("{file} ({})", entry.name) } else { format!("{file}:{}", entry.line) }
    };
    let mut nerve = Nerve::default();
    let mut found: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in entries {
        let own = entry.name.rsplit('.').next().unwrap_or(&entry.name);
        if let Some(name) = PARAMETERS.into_iter().find(|name| *name == own) {
            if let Some(former) = found.insert(name, entry)
                && nerve.repeated.len() < NOTES
            {
                nerve.repeated.push(format!("{name} at {}", place(former)));
            }
        } else if FAMILIES.iter().any(|family| own.to_ascii_lowercase().starts_with(family))
            && nerve.unknown.len() < NOTES
        {
            nerve.unknown.push(format!("{own} at {}", place(entry)));
        }
        let plain: String =
            own.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        let is_parameter = PARAMETERS.contains(&own);
        if !is_parameter
            && !entry.value.is_empty()
            && SECRET.iter().any(|word| plain.ends_with(word))
            && nerve.credentials.len() < NOTES
        {
            nerve.credentials.push(format!("{own} at {}", place(entry)));
        }
    }
    for name in PARAMETERS {
        let fact = match found.get(name) {
            None => Fact::Absent,
            Some(entry) => Fact::read_at(
                Parameter {
                    value: entry.value.chars().take(200).collect(),
                    number: Fact::from_option(number(name, &entry.value)),
                },
                place(entry),
            ),
        };
        nerve.parameters.insert(name.to_owned(), fact);
    }
    let block = |block: &str| -> Vec<&Entry> {
        let within = format!("{block}.");
        entries
            .iter()
            .filter(|entry| entry.name.starts_with(&within) || entry.name.contains(&format!(".{within}")))
            .collect()
    };
    let value = |of: &[&Entry], key: &str| -> Fact<i64> {
        match of.iter().rfind(|entry| entry.name.ends_with(&format!(".{key}"))) {
            None => Fact::Absent,
            Some(entry) => match entry.value.trim().parse() {
                Ok(number) => Fact::read_at(number, place(entry)),
                Err(_) => Fact::unreadable(format!("{}: {key} is no number", place(entry))),
            },
        }
    };
    let (brute, sessions) = (block("BruteForce"), block("Sessions"));
    nerve.brute_force = if brute.is_empty() {
        Fact::Absent
    } else {
        Fact::known(BruteForce {
            max_failed_logins: value(&brute, "maxFailedLoginAttemptsBeforeLockout"),
            window_minutes: value(&brute, "loginAttemptWindowMinutes"),
            lockout_minutes: value(&brute, "lockoutDurationMinutes"),
        })
    };
    nerve.sessions = if sessions.is_empty() {
        Fact::Absent
    } else {
        Fact::known(Sessions {
            timeout: value(&sessions, "sessionTimeout"),
            max_per_user: value(&sessions, "maxSessionsPerUser"),
            max_ssh: value(&sessions, "maxSSHConnections"),
        })
    };
    if found.is_empty() && brute.is_empty() && sessions.is_empty() {
        return Fact::unreadable(format!(
            "{file} names no parameter of a Management System and no block of a node's DNA that is known; name parameters as \
             the hardening guide does, such as max_attempts_by_ip"
        ));
    }
    Fact::read_at(nerve, file)
}

/// A number in the parameter's own unit: retention is written in days (`180d`), the rest without a unit.
fn number(name: &str, value: &str) -> Option<i64> {
    let value = value.trim();
    if name.starts_with("file_warm_state") {
        return value.strip_suffix('d')?.trim().parse().ok();
    }
    value.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Nerve {
        match nerve("ms.yaml", &map::entries(text).unwrap()) {
            Fact::Known(nerve, _) => nerve,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn parameters_are_found_wherever_they_stand() {
        let nerve = of(
            "security:\n  max_attempts_by_ip: 100\n  file_warm_state_retention_policy_audit_ms: 180d\n  mfa_enabled: true\n  max_attempts_by_IP_and_user: 5\n",
        );
        let parameter = |name: &str| nerve.parameters[name].value().cloned();
        assert_eq!(parameter("max_attempts_by_ip").unwrap().number.value(), Some(&100));
        assert_eq!(parameter("file_warm_state_retention_policy_audit_ms").unwrap().number.value(), Some(&180));
        assert!(nerve.parameters["session_duration"].is_absent());
        assert_eq!(nerve.unknown, ["max_attempts_by_IP_and_user at ms.yaml:5"]);
        let Fact::Known(_, Some(source)) = &nerve.parameters["mfa_enabled"] else { panic!() };
        assert_eq!(source.at, "ms.yaml:4");
    }

    #[test]
    fn blocks_of_a_node_are_found_and_credentials_are_told_without_their_values() {
        let nerve = of(
            "node:\n  BruteForce:\n    maxFailedLoginAttemptsBeforeLockout: 10\n    lockoutDurationMinutes: soon\n  proxy:\n    password: hunter2\n",
        );
        let brute = nerve.brute_force.value().unwrap();
        assert_eq!(brute.max_failed_logins.value(), Some(&10));
        assert!(brute.lockout_minutes.is_unreadable() && brute.window_minutes.is_absent());
        assert_eq!(nerve.credentials, ["password at ms.yaml:6"]);
        assert!(nerve.sessions.is_absent());
    }

    #[test]
    fn the_last_copy_of_a_name_wins_and_a_foreign_file_is_not_judged() {
        let nerve = of("max_attempts_by_ip=1\nmax_attempts_by_ip=100\n");
        assert_eq!(nerve.parameters["max_attempts_by_ip"].value().unwrap().number.value(), Some(&100));
        assert_eq!(nerve.repeated, ["max_attempts_by_ip at ms.yaml:1"]);
        assert!(super::nerve("x", &map::entries("a=b").unwrap()).is_unreadable());
    }
}
