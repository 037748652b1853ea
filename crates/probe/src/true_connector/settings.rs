//! Settings, passwords, users and firewalls of the parts.

use model::Fact;
use model::facts::true_connector::{ColumnKey, Firewall, Peer, Secret, Setting, User};

use super::parts::{Folder, Part, refers};
use super::properties::{canonical, properties};

/// Properties of parts that matter: kind, key, and the documented default.
const SETTINGS: &[(&str, &str, Option<&str>)] = &[
    ("connector", "application.isEnabledDapsInteraction", None),
    ("connector", "application.extendedTokenValidation", None),
    ("connector", "application.OCSP_RevocationCheckValue", None),
    ("connector", "application.disableSslVerification", None),
    ("connector", "application.validateProtocol", None),
    ("connector", "application.enableProtocolValidation", None),
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
    // An embedded database has this user where nothing is set.
    ("connector", "spring.datasource.username", Some("sa")),
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
    ("usage-control", "spring.datasource.username", Some("sa")),
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
const PASSWORDS: [&str; 7] = [
    "spring.datasource.password",
    "mydata.datasource.password",
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

/// What the connector calls the key of the encrypted columns.
const IN_CONTAINER: &str = "AES256-SECRET-KEY";

/// Other passwords of the samples that a user may have.
const MORE: [&str; 2] = ["password", "changeit"];

/// Rounds of bcrypt that are spent on trying hashes, of all files together: some forty passwords at cost 12, ten seconds.
const ROUNDS: u64 = 40 << 12;

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
            let set = found.is_some() || part.variable(key).is_some();
            let value = match (part.fact(key), default) {
                (Fact::Absent, Some(default)) => Fact::read_at(
                    (*default).to_owned(),
                    format!("{}: the default, as no file sets it", part.name),
                ),
                (value, _) => value,
            };
            let at = found.map_or_else(|| part.name.clone(), |found| found.at.clone());
            settings.push(setting(&part.name, part.kind, key, value, set, at));
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
pub(super) fn column_key(folder: &Folder<'_>, parts: &[Part]) -> Fact<ColumnKey> {
    let names = ["AES_SECRET_KEY", IN_CONTAINER];
    let Some((name, found)) = names.iter().find_map(|name| folder.env.get_key_value(*name)) else {
        return column_key_of_compose(parts);
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
                in_file: !refers(&found.value, true),
            },
            found.at.clone(),
        ),
    }
}

/// The same where only the compose file gives it to a container.
fn column_key_of_compose(parts: &[Part]) -> Fact<ColumnKey> {
    let mut connectors = parts.iter().filter(|part| part.kind == "connector");
    let given = connectors.find_map(|part| part.variable(IN_CONTAINER).map(|value| (part, value)));
    match given {
        None => Fact::Absent,
        Some((part, None)) => Fact::unreadable(format!(
            "{}: the value of {IN_CONTAINER} comes from whoever starts the connector; look with `docker inspect` whether it \
             is set in the running container",
            part.name
        )),
        Some((_, Some(value))) if value.is_empty() => Fact::Absent,
        Some((part, Some(value))) => Fact::read_at(
            ColumnKey { length: value.chars().count() as u64, strength_bits: strength(value), in_file: true },
            format!("{}: {IN_CONTAINER} as a variable of its container", part.name),
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

/// A password before it is judged.
struct Password {
    key: String,
    part: String,
    /// None when it comes from whoever starts the connector.
    value: Option<String>,
    literal: bool,
    at: String,
}

pub(super) fn secrets(folder: &Folder<'_>, parts: &[Part]) -> Vec<Secret> {
    let mut found: Vec<Password> = Vec::new();
    for (key, entry) in &folder.env {
        // A keystore that is not used has no password.
        let unused = entry.value.is_empty() && key.contains("DAPS");
        if key.ends_with("PASSWORD") && !unused {
            found.push(Password {
                key: key.clone(),
                part: ".env".to_owned(),
                value: folder.compose_value(&entry.value, 8),
                literal: !refers(&entry.value, true),
                at: entry.at.clone(),
            });
        }
    }
    for part in parts {
        for key in PASSWORDS {
            let Some(entry) = part.found(key) else { continue };
            let value = part.resolved(&entry.value);
            if value.as_ref().is_some_and(|value| value.starts_with("$2")) {
                continue;
            }
            found.push(Password {
                key: key.to_owned(),
                part: part.name.clone(),
                value,
                literal: !refers(&entry.value, false),
                at: entry.at.clone(),
            });
        }
    }
    let reused = |at: usize, one: &Password| {
        let same = |(other, it): (usize, &Password)| {
            other != at && it.value == one.value && it.part == one.part && it.literal
        };
        let set = one.value.as_ref().is_some_and(|value| !value.is_empty());
        one.literal && set && found.iter().enumerate().any(same)
    };
    let secret = |(at, one): (usize, &Password)| {
        let value = match &one.value {
            Some(value) => Fact::known(value.as_str()),
            None => Fact::unreadable(format!(
                "{}: the password comes from the environment of whoever starts the connector",
                one.at
            )),
        };
        // H2 with CIPHER=AES takes two passwords: of the file and of the user.
        let shortest =
            |value: &str| value.split_whitespace().map(|word| word.chars().count()).min().unwrap_or(0) as u64;
        Secret {
            name: format!("{}: {}", one.part, one.key),
            key: one.key.clone(),
            empty: value.clone().map(|value| value.trim().is_empty()),
            published: value
                .clone()
                .map(|value| value.split_whitespace().any(|word| PUBLISHED.contains(&word))),
            literal: one.literal,
            length: value.map(shortest),
            reused: reused(at, one),
            source: one.at.clone(),
        }
    };
    found.iter().enumerate().map(secret).collect()
}

/// Addresses of `.env`.
pub(super) fn peers(folder: &Folder<'_>) -> Fact<Vec<Peer>> {
    let mut peers = Vec::new();
    for (key, entry) in &folder.env {
        let is_address = ["_ENDPOINT", "DATAAPP_URI", "_URL"].iter().any(|ending| key.ends_with(ending))
            || key == "CLEARING_HOUSE";
        if !is_address || key.contains("ISSUER") {
            continue;
        }
        let Some(value) = folder.compose_value(&entry.value, 8) else {
            return Fact::unreadable(format!("{}: `{key}` refers to what .env does not set", entry.at));
        };
        if value.trim().is_empty() {
            continue;
        }
        let (scheme, rest) = value.split_once("://").unwrap_or(("", value.as_str()));
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default();
        peers.push(Peer {
            name: key.clone(),
            scheme: scheme.to_ascii_lowercase(),
            host: host.chars().take(300).collect(),
            source: entry.at.clone(),
        });
    }
    Fact::known(peers)
}

pub(super) fn users(folder: &mut Folder<'_>, parts: &[Part]) -> Vec<User> {
    let mut users = Vec::new();
    let mut rounds = ROUNDS;
    for part in parts {
        let path = format!("{}/users.properties", part.name);
        let Some(text) = folder.text(&path) else { continue };
        let shown = folder.shown(&path);
        let entries = properties(&text);
        let list = entries.iter().rfind(|entry| entry.key == "users.list");
        let names = list.map(|entry| entry.value.split(',').map(str::trim).filter(|name| !name.is_empty()));
        for name in names.into_iter().flatten().take(1_000) {
            let key = format!("{name}.password");
            let entry = entries.iter().rfind(|entry| entry.key == key);
            let line = entry.or(list).map_or(1, |entry| entry.line);
            let hash = entry.map(|entry| entry.value.as_str());
            let (scheme, cost, published_password) = judge(hash, &mut rounds);
            users.push(User {
                name: name.chars().take(100).collect(),
                part: part.name.clone(),
                published_name: USERS.iter().any(|(known, _)| *known == name),
                published_password,
                scheme,
                cost,
                source: format!("{shown}:{line}"),
            });
        }
    }
    users
}

/// What a hash is, its cost, and whether it is of a published password, while there are `rounds` left to try with.
fn judge(hash: Option<&str>, rounds: &mut u64) -> (Fact<String>, Fact<u64>, Fact<bool>) {
    let Some(hash) = hash.map(str::trim).filter(|hash| !hash.is_empty()) else {
        return (Fact::Absent, Fact::Absent, Fact::known(false));
    };
    let published: Vec<&str> = USERS.iter().map(|(_, password)| *password).chain(MORE).collect();
    if !hash.starts_with('$') && !hash.starts_with('{') {
        return (Fact::known("plain".to_owned()), Fact::Absent, Fact::known(published.contains(&hash)));
    }
    let hash = hash.strip_prefix("{bcrypt}").unwrap_or(hash);
    if !hash.starts_with("$2") {
        return (
            Fact::known("other".to_owned()),
            Fact::Absent,
            Fact::unreadable("the hash is of another kind than bcrypt"),
        );
    }
    let cost = hash.split('$').nth(2).and_then(|cost| cost.parse::<u32>().ok());
    let scheme = Fact::known("bcrypt".to_owned());
    let Some(cost) = cost else { return (scheme, Fact::Absent, Fact::unreadable("the hash names no cost")) };
    let wanted = 1_u64.checked_shl(cost).and_then(|once| once.checked_mul(published.len() as u64));
    let known = match wanted.and_then(|wanted| rounds.checked_sub(wanted)) {
        None => Fact::unreadable(format!(
            "a hash of cost {cost} takes too long to try, or many were tried before it; log in with the published \
             passwords to see"
        )),
        Some(left) => {
            *rounds = left;
            let tries: Result<Vec<bool>, _> =
                published.iter().map(|password| bcrypt::verify(password, hash)).collect();
            match tries {
                Ok(tries) => Fact::known(tries.contains(&true)),
                Err(_) => Fact::unreadable("the hash is not well-formed"),
            }
        }
    };
    (scheme, Fact::known(u64::from(cost)), known)
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
            source: folder.shown(&path),
        });
    }
    firewalls
}

#[cfg(test)]
mod tests {
    use test_support::Machine;

    use super::*;

    #[test]
    fn what_repeats_itself_is_weak() {
        assert!(strength("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") < 80);
        assert!(strength("3f9Kq!vT0aZx7Lm2Rw8bYc5NdPe4") >= 80);
    }

    #[test]
    fn a_hash_of_a_published_password_is_known_and_others_are_not() {
        let of = |password: &str| bcrypt::hash(password, 4).unwrap();
        assert_eq!(tried(&of("passwordBob")), Fact::known(true));
        assert_eq!(tried(&of("another")), Fact::known(false));
        assert!(tried("$2a$12$short").is_unreadable());
        assert!(tried("$6$salt$hash").is_unreadable());
        assert_eq!(judge(Some("changeit"), &mut 0).0, Fact::known("plain".to_owned()));
    }

    fn tried(hash: &str) -> Fact<bool> {
        let mut rounds = ROUNDS;
        judge(Some(hash), &mut rounds).2
    }

    #[test]
    fn a_hash_that_takes_too_long_is_not_said_to_be_of_another_password() {
        let slow = "$2a$31$zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz";
        assert!(tried(slow).is_unreadable() && tried(&slow.replace("31", "99")).is_unreadable());
        let (quick, mut rounds) = (bcrypt::hash("another", 4).unwrap(), 100);
        assert_eq!(judge(Some(&quick), &mut rounds).2, Fact::known(false));
        assert!(judge(Some(&quick), &mut rounds).2.is_unreadable());
    }

    const CONNECTOR: &str = "/tc/ecc_resources_provider/application-docker.properties";

    fn of(machine: Machine, see: impl Fn(&mut Folder<'_>, &[Part])) {
        let (door, _tree) = machine.door();
        let mut folder = Folder::read(&door, "/tc", true);
        let parts = folder.parts().unwrap();
        see(&mut folder, &parts);
    }

    fn value(settings: &[Setting], key: &str) -> Fact<String> {
        settings.iter().find(|one| one.key == key && one.kind != "environment").unwrap().value.clone()
    }

    #[test]
    fn variables_of_the_container_win_over_property_files() {
        let compose = "services:\n  ecc:\n    environment:\n      - SPRING_H2_CONSOLE_ENABLED=true\n      \
            - APPLICATION_ISENABLEDDAPSINTERACTION=${DAPS}\n      - SERVER_SSL_ENABLED\n    \
            volumes: [\"/srv/tc/ecc_resources_provider/:/config\"]\n";
        let machine = Machine::new().file("/tc/.env", "DAPS=true\n").file("/tc/docker-compose.yml", compose).file(
            CONNECTOR,
            "spring.h2.console.enabled=false\napplication.isEnabledDapsInteraction=false\nserver.ssl.enabled=true\n",
        );
        of(machine, |folder, parts| {
            let settings = settings(folder, parts);
            let of = |key: &str| value(&settings, key);
            assert_eq!(of("spring.h2.console.enabled").value().map(String::as_str), Some("true"));
            assert_eq!(of("application.isEnabledDapsInteraction").value().map(String::as_str), Some("true"));
            assert!(of("server.ssl.enabled").is_unreadable());
            assert_eq!(of("spring.datasource.username").value().map(String::as_str), Some("sa"));
            // The documentation of some releases says true, that of others false.
            assert!(of("application.validateProtocol").is_absent());
        });
    }

    #[test]
    fn a_key_of_the_columns_that_only_the_compose_file_gives_is_seen() {
        let machine = |variable: &str| {
            let compose = format!(
                "services:\n  ecc:\n    environment: [\"{variable}\"]\n    volumes: [\"./ecc_resources_provider:/config\"]\n"
            );
            Machine::new().file("/tc/docker-compose.yml", compose).file(CONNECTOR, "")
        };
        of(machine("AES256-SECRET-KEY=3f9Kq!vT0aZx7Lm2"), |folder, parts| {
            assert_eq!(column_key(folder, parts).value().map(|key| key.length), Some(16));
        });
        of(machine("AES256-SECRET-KEY"), |folder, parts| assert!(column_key(folder, parts).is_unreadable()));
        of(machine("AES256-SECRET-KEY="), |folder, parts| assert!(column_key(folder, parts).is_absent()));
        of(machine("TZ=Europe/Rome"), |folder, parts| assert!(column_key(folder, parts).is_absent()));
    }

    #[test]
    fn a_password_that_comes_from_elsewhere_is_not_known_and_one_without_a_value_is_empty() {
        let env = "KEYSTORE_PASSWORD=${KEYSTORE_PASSWORD:?set it}\nKEY_PASSWORD=$KEYSTORE_PASSWORD\n\
            TRUSTORE_PASSWORD='a$b'\nOTHER_PASSWORD=${NONE:-changeit}\n";
        let yaml =
            "spring:\n  datasource:\n    password:\nmydata:\n  datasource:\n    password: ${A:${B:sa}}\n";
        let machine =
            Machine::new().file("/tc/.env", env).file("/tc/uc-dataapp_resources_mydata/application.yml", yaml);
        of(machine, |folder, parts| {
            let secrets = secrets(folder, parts);
            let of = |key: &str| secrets.iter().find(|one| one.key == key).unwrap();
            assert!(
                of("KEYSTORE_PASSWORD").empty.is_unreadable() && of("KEY_PASSWORD").published.is_unreadable()
            );
            assert_eq!(of("TRUSTORE_PASSWORD").length, Fact::known(3));
            assert!(of("TRUSTORE_PASSWORD").literal && !of("OTHER_PASSWORD").literal);
            assert_eq!(of("OTHER_PASSWORD").published, Fact::known(true));
            assert_eq!(of("spring.datasource.password").empty, Fact::known(true));
            assert_eq!(of("mydata.datasource.password").published, Fact::known(true));
        });
    }

    #[test]
    fn references_that_branch_for_ever_come_to_an_end() {
        let branches = "${A:-}".repeat(1_000);
        let machine = Machine::new().file("/tc/.env", format!("A={branches}\nX_PASSWORD={branches}\n")).file(
            CONNECTOR,
            format!("http.port={0}\nserver.ssl.enabled={0}\n", "${server.ssl.enabled:}".repeat(1_000)),
        );
        of(machine, |folder, parts| {
            assert!(secrets(folder, parts)[0].empty.is_unreadable());
            assert!(value(&settings(folder, parts), "server.ssl.enabled").is_unreadable());
        });
    }

    #[test]
    fn addresses_without_a_scheme_are_told() {
        let machine = Machine::new().file("/tc/.env", "BROKER_URL=broker:8080/x\nCLEARING_HOUSE=\n");
        of(machine, |folder, _| {
            let Fact::Known(peers, _) = peers(folder) else { panic!() };
            assert_eq!((peers.len(), peers[0].scheme.as_str(), peers[0].host.as_str()), (1, "", "broker:8080"));
        });
        of(Machine::new().file("/tc/.env", "BROKER_URL=${BROKER}\n"), |folder, _| {
            assert!(peers(folder).is_unreadable());
        });
    }
}
