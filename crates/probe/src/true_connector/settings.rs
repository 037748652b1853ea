//! Settings, passwords, users and firewalls of the parts.

use model::Fact;
use model::facts::true_connector::{ColumnKey, Firewall, Peer, Secret, Setting, User};

use super::parts::{Folder, Part};
use super::properties::{canonical, properties};

/// Properties of parts that matter: kind, key, and the documented default.
const SETTINGS: &[(&str, &str, Option<&str>)] = &[
    ("connector", "application.isEnabledDapsInteraction", None),
    ("connector", "application.extendedTokenValidation", None),
    ("connector", "application.OCSP_RevocationCheckValue", None),
    ("connector", "application.validateProtocol", Some("true")),
    ("connector", "application.enableProtocolValidation", Some("true")),
    ("connector", "application.isEnabledUsageControl", None),
    ("connector", "application.clearinghouse.isEnabledClearingHouse", None),
    ("connector", "application.user.lock.maxattempts", None),
    ("connector", "application.user.lock.duration", None),
    ("connector", "application.user.lock.unit", None),
    ("connector", "application.password.validator.minLength", None),
    ("connector", "application.password.validator.maxLength", None),
    ("connector", "application.password.validator.minUpperCase", None),
    ("connector", "application.password.validator.minLowerCase", None),
    ("connector", "application.password.validator.minDigit", None),
    ("connector", "application.password.validator.minSpecial", None),
    ("connector", "application.logging.auditableEvents", Some("ALL")),
    ("connector", "spring.datasource.username", None),
    ("connector", "spring.h2.console.enabled", Some("false")),
    ("connector", "springdoc.swagger-ui.enabled", Some("true")),
    ("connector", "springdoc.api-docs.enabled", Some("true")),
    ("connector", "spring.devtools.restart.enabled", None),
    ("connector", "application.firewall.isEnabled", None),
    ("connector", "application.healthcheck.enabled", None),
    ("connector", "application.healthcheck.threshold.audit", None),
    ("connector", "application.cors.allowed.origins", Some("*")),
    ("connector", "application.cors.allowed.methods", Some("*")),
    ("connector", "application.cors.allowed.headers", Some("*")),
    ("connector", "application.selfdescription.description", None),
    ("connector", "application.selfdescription.title", None),
    ("connector", "application.selfdescription.curator", None),
    ("connector", "application.selfdescription.maintainer", None),
    ("connector", "server.ssl.enabled", None),
    ("connector", "server.ssl.key-store-type", Some("JKS")),
    ("connector", "server.ssl.enabled-protocols", None),
    ("data-app", "application.contract.negotiation.demo", None),
    ("data-app", "application.verifyCheckSum", None),
    ("data-app", "application.validateSelfDescription", None),
    ("data-app", "application.firewall.isEnabled", None),
    ("data-app", "server.ssl.enabled", None),
    ("usage-control", "spring.h2.console.enabled", Some("false")),
    ("usage-control", "spring.datasource.username", None),
    ("usage-control", "http.port", None),
];

/// Settings of `.env` that matter, beside passwords and addresses.
const ENVIRONMENT: [&str; 11] = [
    "PROVIDER_DATA_APP_FIREWALL",
    "CONSUMER_DATA_APP_FIREWALL",
    "PROVIDER_ECC_FIREWALL",
    "CONSUMER_ECC_FIREWALL",
    "VALIDATE_SELF_DESCRIPTION",
    "KEYSTORE_NAME",
    "PROVIDER_DAPS_KEYSTORE_NAME",
    "CONSUMER_DAPS_KEYSTORE_NAME",
    "PROVIDER_ISSUER_CONNECTOR_URI",
    "CONSUMER_ISSUER_CONNECTOR_URI",
    "DISABLE_SSL_VALIDATION",
];

/// Properties that are passwords.
const PASSWORDS: [&str; 6] = [
    "spring.datasource.password",
    "server.ssl.key-password",
    "server.ssl.key-store-password",
    "application.keyStorePassword",
    "application.trustStorePassword",
    "spring.security.user.password",
];

/// Passwords that the project publishes in its samples.
pub(super) const PUBLISHED: [&str; 7] =
    ["changeit", "allpassword", "password", "file_password", "file_12345", "12345", "sa"];

/// Users that the project publishes, with their passwords; all of them are in its documentation.
const USERS: [(&str, &str); 4] = [
    ("apiUser", "passwordApiUser"),
    ("alice", "passwordAlice"),
    ("idsUser", "passwordIdsUser"),
    ("bob", "passwordBob"),
];

/// Other passwords of the samples that a user may have.
const MORE: [&str; 2] = ["password", "changeit"];

/// The highest cost of bcrypt that is tried: one more doubles the time.
const COST: u64 = 12;

/// Users of one file whose hashes are tried.
const TRIED: usize = 12;

/// Switches of `firewall.properties` that let risky paths through.
const RISKY: [&str; 6] = [
    "allowBackSlash",
    "allowUrlEncodedSlash",
    "allowUrlEncodedDoubleSlash",
    "allowSemicolon",
    "allowUrlEncodedPercent",
    "allowUrlEncodedPeriod",
];

pub(super) fn settings(folder: &Folder<'_>, parts: &[Part]) -> Vec<Setting> {
    let mut settings = Vec::new();
    for key in ENVIRONMENT {
        if let Some(found) = folder.env.get(key) {
            settings.push(setting(".env", "environment", key, folder.env_fact(key), true, found.at.clone()));
        }
    }
    for part in parts.iter().filter(|part| !part.properties.is_empty()) {
        for (_, key, default) in SETTINGS.iter().filter(|(kind, ..)| *kind == part.kind) {
            let found = part.found(key);
            let value = match (part.fact(key), default) {
                (Fact::Absent, Some(default)) => Fact::read_at(
                    (*default).to_owned(),
                    format!("{}: the default, as no file sets it", part.name),
                ),
                (value, _) => value,
            };
            let at = found.map_or_else(|| part.name.clone(), |found| found.at.clone());
            settings.push(setting(&part.name, part.kind, key, value, found.is_some(), at));
        }
    }
    settings
}

fn setting(part: &str, kind: &str, key: &str, value: Fact<String>, set: bool, source: String) -> Setting {
    let number = value.clone().and_then(|value| Fact::from_option(value.trim().parse().ok()));
    let value = value.map(|value| value.trim().chars().take(500).collect());
    Setting {
        name: format!("{part}: {key}"),
        part: part.to_owned(),
        kind: kind.to_owned(),
        key: key.to_owned(),
        value,
        number,
        set,
        source,
    }
}

/// The key of the encrypted columns.
pub(super) fn column_key(folder: &Folder<'_>) -> Fact<ColumnKey> {
    let names = ["AES_SECRET_KEY", "AES256-SECRET-KEY"];
    let Some((name, found)) = names.iter().find_map(|name| folder.env.get_key_value(*name)) else {
        return Fact::Absent;
    };
    match folder.env_fact(name) {
        Fact::Unreadable(reason) => Fact::unreadable(format!(
            "{reason}; look with `docker inspect` whether AES256-SECRET-KEY is set in the running container"
        )),
        Fact::Absent => Fact::Absent,
        Fact::Known(value, _) if value.is_empty() => Fact::Absent,
        Fact::Known(value, _) => Fact::read_at(
            ColumnKey {
                length: value.chars().count() as u64,
                strength_bits: strength(&value),
                in_file: !found.value.contains("${"),
            },
            found.at.clone(),
        ),
    }
}

/// Whether a character is of a kind.
type Is = fn(char) -> bool;

/// Bits by length and kinds of characters; what repeats itself counts once.
fn strength(text: &str) -> u64 {
    let kinds: [(u64, Is); 4] = [
        (26, |letter| letter.is_ascii_lowercase()),
        (26, |letter| letter.is_ascii_uppercase()),
        (10, |letter| letter.is_ascii_digit()),
        (32, |letter| !letter.is_ascii_alphanumeric()),
    ];
    let alphabet: u64 = kinds.iter().filter(|(_, is)| text.chars().any(is)).map(|(count, _)| count).sum();
    let mut distinct: Vec<char> = text.chars().collect();
    distinct.sort_unstable();
    distinct.dedup();
    // A word written over and over is no longer than the word.
    let letters = text.chars().count().min(distinct.len() * 3) as u64;
    letters * u64::from(alphabet.max(1).ilog2())
}

pub(super) fn secrets(folder: &Folder<'_>, parts: &[Part]) -> Vec<Secret> {
    // Key, value in effect, whether it stands there as it is, place, part.
    let mut found: Vec<(String, String, bool, String, String)> = Vec::new();
    for (key, entry) in &folder.env {
        // A keystore that is not used has no password.
        let unused = entry.value.is_empty() && key.contains("DAPS");
        if key.ends_with("PASSWORD")
            && !unused
            && let Some(value) = folder.compose_value(&entry.value, 8)
        {
            found.push((key.clone(), value, !entry.value.contains("${"), entry.at.clone(), ".env".to_owned()));
        }
    }
    for part in parts {
        for key in PASSWORDS {
            if let Some(entry) = part.found(key)
                && let Some(value) = part.resolved(&entry.value)
                && !value.starts_with("$2")
            {
                let literal = !entry.value.contains("${");
                found.push((key.to_owned(), value, literal, entry.at.clone(), part.name.clone()));
            }
        }
    }
    let reused = |at: usize| {
        found.get(at).is_some_and(|(_, value, literal, _, part)| {
            let same = |(other, it): (usize, &(String, String, bool, String, String))| {
                other != at && it.1 == *value && it.4 == *part && it.2
            };
            *literal && !value.is_empty() && found.iter().enumerate().any(same)
        })
    };
    let secret =
        |(at, (key, value, literal, source, part)): (usize, &(String, String, bool, String, String))| Secret {
            name: format!("{part}: {key}"),
            key: key.clone(),
            empty: value.trim().is_empty(),
            published: value.split_whitespace().any(|word| PUBLISHED.contains(&word)),
            literal: *literal,
            // H2 with CIPHER=AES takes two passwords: of the file and of the user.
            length: value.split_whitespace().map(|word| word.chars().count()).min().unwrap_or(0) as u64,
            reused: reused(at),
            source: source.clone(),
        };
    found.iter().enumerate().map(secret).collect()
}

/// Addresses of `.env`.
pub(super) fn peers(folder: &Folder<'_>) -> Vec<Peer> {
    folder
        .env
        .iter()
        .filter(|(key, _)| {
            (key.ends_with("_ENDPOINT")
                || key.ends_with("DATAAPP_URI")
                || key.ends_with("_URL")
                || *key == "CLEARING_HOUSE")
                && !key.contains("ISSUER")
        })
        .filter_map(|(key, entry)| {
            let value = folder.compose_value(&entry.value, 8)?;
            let (scheme, rest) = value.split_once("://")?;
            let host =
                rest.split(['/', '?', '#']).next().unwrap_or_default().rsplit('@').next().unwrap_or_default();
            Some(Peer {
                name: key.clone(),
                scheme: scheme.to_ascii_lowercase(),
                host: host.chars().take(300).collect(),
                source: entry.at.clone(),
            })
        })
        .collect()
}

pub(super) fn users(folder: &mut Folder<'_>, parts: &[Part]) -> Vec<User> {
    let mut users = Vec::new();
    for part in parts {
        let path = format!("{}/users.properties", part.name);
        let Some(text) = folder.text(&path) else { continue };
        let entries = properties(&text);
        let list = entries.iter().rfind(|entry| entry.key == "users.list");
        let names = list.map(|entry| entry.value.split(',').map(str::trim).filter(|name| !name.is_empty()));
        for (index, name) in names.into_iter().flatten().take(1_000).enumerate() {
            let key = format!("{name}.password");
            let entry = entries.iter().rfind(|entry| entry.key == key);
            let line = entry.or(list).map_or(1, |entry| entry.line);
            let hash = entry.map(|entry| entry.value.as_str());
            let (scheme, cost, published_password) = judge(name, hash, index < TRIED);
            users.push(User {
                name: name.chars().take(100).collect(),
                part: part.name.clone(),
                published_name: USERS.iter().any(|(known, _)| *known == name),
                published_password,
                scheme,
                cost,
                source: format!("{path}:{line}"),
            });
        }
    }
    users
}

/// What a hash is, its cost, and whether it is of a published password.
fn judge(name: &str, hash: Option<&str>, tried: bool) -> (Fact<String>, Fact<u64>, Fact<bool>) {
    let Some(hash) = hash.map(str::trim).filter(|hash| !hash.is_empty()) else {
        return (Fact::Absent, Fact::Absent, Fact::known(false));
    };
    let published = || USERS.iter().map(|(_, password)| *password).chain(MORE);
    let published_user = USERS.iter().any(|(user, _)| *user == name);
    if !hash.starts_with('$') && !hash.starts_with('{') {
        return (
            Fact::known("plain".to_owned()),
            Fact::Absent,
            Fact::known(published().any(|one| one == hash)),
        );
    }
    let hash = hash.strip_prefix("{bcrypt}").unwrap_or(hash);
    if !hash.starts_with("$2") {
        return (
            Fact::known("other".to_owned()),
            Fact::Absent,
            Fact::unreadable("the hash is of another kind than bcrypt"),
        );
    }
    let cost = hash.split('$').nth(2).and_then(|cost| cost.parse::<u64>().ok());
    let scheme = Fact::known("bcrypt".to_owned());
    let Some(cost) = cost else { return (scheme, Fact::Absent, Fact::unreadable("the hash names no cost")) };
    let known = if !tried {
        Fact::unreadable(format!("only the first {TRIED} users of a file are tried"))
    } else if cost > COST && published_user {
        Fact::unreadable(format!("a hash of cost {cost} takes too long to try; give the user another name"))
    } else if cost > COST {
        // The samples' hashes have a cost of 10 and 12, and no such user.
        Fact::known(false)
    } else {
        let tries: Result<Vec<bool>, _> = published().map(|password| bcrypt::verify(password, hash)).collect();
        match tries {
            Ok(tries) => Fact::known(tries.contains(&true)),
            Err(_) => Fact::unreadable("the hash is not well-formed"),
        }
    };
    (scheme, Fact::known(cost), known)
}

pub(super) fn firewalls(folder: &mut Folder<'_>, parts: &[Part]) -> Vec<Firewall> {
    let mut firewalls = Vec::new();
    for part in parts {
        let path = format!("{}/firewall.properties", part.name);
        let Some(text) = folder.text(&path) else { continue };
        let entries = properties(&text);
        let value = |key: &str| {
            let entry = entries.iter().rfind(|entry| canonical(&entry.key) == canonical(key));
            entry.map(|entry| entry.value.trim()).unwrap_or_default()
        };
        let methods = value("allowedMethods").split(',').map(str::trim).filter(|method| !method.is_empty());
        firewalls.push(Firewall {
            name: part.name.clone(),
            methods: methods.take(50).map(str::to_ascii_uppercase).collect(),
            risky_paths: RISKY
                .into_iter()
                .filter(|key| value(key).eq_ignore_ascii_case("true"))
                .map(str::to_owned)
                .collect(),
            header_names_listed: !value("allowedHeaderNames").is_empty(),
            header_values_listed: !value("allowedHeaderValues").is_empty(),
            source: path,
        });
    }
    firewalls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_repeats_itself_is_weak() {
        assert!(strength("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") < 80);
        assert!(strength("3f9Kq!vT0aZx7Lm2Rw8bYc5NdPe4") >= 80);
    }

    #[test]
    fn a_hash_of_a_published_password_is_known_and_others_are_not() {
        let of = |password: &str| bcrypt::hash(password, 4).unwrap();
        assert_eq!(judge("a", Some(&of("passwordBob")), true).2, Fact::known(true));
        assert_eq!(judge("a", Some(&of("another")), true).2, Fact::known(false));
        assert!(judge("a", Some("$2a$12$short"), true).2.is_unreadable());
        assert!(judge("a", Some("$6$salt$hash"), true).2.is_unreadable());
        assert_eq!(judge("a", Some("changeit"), true).0, Fact::known("plain".to_owned()));
        assert_eq!(
            judge("a", Some("$2a$31$zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"), true).2,
            Fact::known(false)
        );
    }
}
