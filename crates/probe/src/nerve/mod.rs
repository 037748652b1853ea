//! Section `nerve`: parameters of a Nerve Management System and the DNA of a node from a file, or what the Management
//! System's API tells.

mod api;
mod connections;
pub(crate) mod map;
mod nodes;
mod people;
mod workloads;

use std::collections::BTreeMap;

use host::FileKind;
use model::Fact;
use model::facts::nerve::{BruteForce, Dna, Nerve, Parameter, Sessions};
use serde_json::Value;

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
    match &cx.subject {
        Subject::NerveFile(path) => file(cx, path),
        Subject::Nerve(service) => api::probe(cx, service),
        _ => Fact::unreadable("only a target `nerve:` tells"),
    }
}

fn file(cx: &Context, path: &str) -> Fact<Nerve> {
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
    let place = |entry: &Entry| place(file, entry);
    let (mut unknown, mut repeated) = (Vec::new(), Vec::new());
    let mut found: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in entries {
        let own = own(entry);
        if let Some(name) = PARAMETERS.into_iter().find(|name| *name == own) {
            if let Some(former) = found.insert(name, entry)
                && repeated.len() < NOTES
            {
                repeated.push(format!("{name} at {}", place(former)));
            }
        } else if FAMILIES.iter().any(|family| own.to_ascii_lowercase().starts_with(family))
            && unknown.len() < NOTES
        {
            unknown.push(format!("{own} at {}", place(entry)));
        }
    }
    let parameter = |name: &str| match found.get(name) {
        None => Fact::Absent,
        Some(entry) => Fact::read_at(
            Parameter {
                value: entry.value.chars().take(200).collect(),
                number: Fact::from_option(number(name, &entry.value)),
            },
            place(entry),
        ),
    };
    let dna = dna(file, file, entries);
    if found.is_empty() && dna.is_none() {
        return Fact::unreadable(format!(
            "{file} names no parameter of a Management System and no block of a node's DNA that is known; name parameters as \
             the hardening guide does, such as max_attempts_by_ip"
        ));
    }
    let nerve = Nerve {
        url: Fact::Absent,
        https: Fact::Absent,
        version: Fact::Absent,
        parameters: Fact::known(
            PARAMETERS.into_iter().map(|name| (name.to_owned(), parameter(name))).collect(),
        ),
        unknown: Fact::known(unknown),
        repeated: Fact::known(repeated),
        dna: Fact::known(dna.into_iter().map(Fact::known).collect()),
        credentials: Fact::known(credentials(file, entries)),
        users: Fact::Absent,
        roles: Fact::Absent,
        ldap: Fact::Absent,
        notice: Fact::Absent,
        tokens: Fact::Absent,
        nodes: Fact::Absent,
        node_users: Fact::Absent,
        connections: Fact::Absent,
        workloads: Fact::Absent,
    };
    Fact::read_at(nerve, file)
}

/// Where an entry of a file or of an answer stands.
fn place(file: &str, entry: &Entry) -> String {
    if entry.line == 0 { format!("{file} ({})", entry.name) } else { format!("{file}:{}", entry.line) }
}

/// The last part of an entry's name.
fn own(entry: &Entry) -> &str {
    entry.name.rsplit('.').next().unwrap_or(&entry.name)
}

/// Whether a name is one of a value that must not be read.
fn is_secret(name: &str) -> bool {
    let plain: String =
        name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    SECRET.iter().any(|word| plain.ends_with(word))
}

/// Names of values that look like credentials.
fn credentials(file: &str, entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .filter(|entry| !entry.value.is_empty() && !PARAMETERS.contains(&own(entry)) && is_secret(own(entry)))
        .take(NOTES)
        .map(|entry| format!("{} at {}", own(entry), place(file, entry)))
        .collect()
}

/// The blocks of a node's DNA; none when there are none.
fn dna(name: &str, source: &str, entries: &[Entry]) -> Option<Dna> {
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
                Ok(number) => Fact::read_at(number, place(source, entry)),
                Err(_) => Fact::unreadable(format!("{}: {key} is no number", place(source, entry))),
            },
        }
    };
    let (brute, sessions) = (block("BruteForce"), block("Sessions"));
    if brute.is_empty() && sessions.is_empty() {
        return None;
    }
    Some(Dna {
        name: name.to_owned(),
        brute_force: Fact::from_option((!brute.is_empty()).then(|| BruteForce {
            max_failed_logins: value(&brute, "maxFailedLoginAttemptsBeforeLockout"),
            window_minutes: value(&brute, "loginAttemptWindowMinutes"),
            lockout_minutes: value(&brute, "lockoutDurationMinutes"),
        })),
        sessions: Fact::from_option((!sessions.is_empty()).then(|| Sessions {
            timeout: value(&sessions, "sessionTimeout"),
            max_per_user: value(&sessions, "maxSessionsPerUser"),
            max_ssh: value(&sessions, "maxSSHConnections"),
        })),
        source: source.to_owned(),
    })
}

/// How much is found in an object of an answer when it is taken for each kind that there is.
pub fn heard(answer: Value) -> usize {
    let object = api::lenient(answer, "GET /");
    let user = people::user(&object, "local", &Err(String::new()));
    let version = workloads::version_of(&object, &object);
    connections::connections("node", "node", &object).len() + user.name.len() + version.name.len()
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
        let parameters = nerve.parameters.value().unwrap();
        let parameter = |name: &str| parameters[name].value().cloned();
        assert_eq!(parameter("max_attempts_by_ip").unwrap().number.value(), Some(&100));
        assert_eq!(parameter("file_warm_state_retention_policy_audit_ms").unwrap().number.value(), Some(&180));
        assert!(parameters["session_duration"].is_absent());
        assert_eq!(nerve.unknown.value().unwrap(), &["max_attempts_by_IP_and_user at ms.yaml:5"]);
        let Fact::Known(_, Some(source)) = &parameters["mfa_enabled"] else { panic!() };
        assert_eq!(source.at, "ms.yaml:4");
    }

    #[test]
    fn blocks_of_a_node_are_found_and_credentials_are_told_without_their_values() {
        let nerve = of(
            "node:\n  BruteForce:\n    maxFailedLoginAttemptsBeforeLockout: 10\n    lockoutDurationMinutes: soon\n  proxy:\n    password: hunter2\n",
        );
        let [Fact::Known(dna, _)] = nerve.dna.value().unwrap().as_slice() else { panic!("{:?}", nerve.dna) };
        let brute = dna.brute_force.value().unwrap();
        assert_eq!(brute.max_failed_logins.value(), Some(&10));
        assert!(brute.lockout_minutes.is_unreadable() && brute.window_minutes.is_absent());
        assert_eq!(nerve.credentials.value().unwrap(), &["password at ms.yaml:6"]);
        assert!(dna.sessions.is_absent());
    }

    #[test]
    fn the_last_copy_of_a_name_wins_and_a_foreign_file_is_not_judged() {
        let nerve = of("max_attempts_by_ip=1\nmax_attempts_by_ip=100\n");
        let parameters = nerve.parameters.value().unwrap();
        assert_eq!(parameters["max_attempts_by_ip"].value().unwrap().number.value(), Some(&100));
        assert_eq!(nerve.repeated.value().unwrap(), &["max_attempts_by_ip at ms.yaml:1"]);
        assert!(super::nerve("x", &map::entries("a=b").unwrap()).is_unreadable());
    }
}
