//! What counts as a secret, and what only looks like one.

use super::*;

fn kinds(path: &str, text: &str) -> Vec<(&'static str, u64)> {
    search(path, text.as_bytes()).into_iter().map(|hit| (hit.kind, hit.line)).collect()
}

/// A token that no scanner of this repository takes for a real one: it is put together here.
fn token(prefix: &str, length: usize) -> String {
    let random =
        "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1dF3hG5iJ7kL9nM2oP4qR6tS8uV1wX3zA5cD7eF9gH2jK4lM6nP8qR1sT3uV5wX7yZ9";
    format!("{prefix}{}", &random[..length])
}

#[test]
fn every_pattern_is_one() {
    for kind in KINDS {
        assert!(Regex::new(kind.pattern).is_ok(), "{kind:?}");
    }
    assert!(WORDS.is_some());
}

#[test]
fn known_forms_are_found_wherever_they_stand() {
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7";
    for (text, expected) in [
        (format!("-----BEGIN PRIVATE KEY-----\n{body}\n"), "private-key"),
        (
            format!("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\n{body}\n"),
            "encrypted-private-key",
        ),
        (format!(r#"{{"private_key": "-----BEGIN PRIVATE KEY-----\n{body}\n"}}"#), "private-key"),
        (format!("x = '{}'", token("ghp_", 36)), "github-token"),
        (format!("x {} y", token("glpat-", 20)), "gitlab-token"),
        (format!("k={}", "AKIA2E0A8F3B7C6D5Q4Z".replace(['0', '8', '9', '1'], "R")), "aws-access-key"),
        (format!("aws_secret_access_key = {}", token("", 40)), "aws-secret-key"),
        (token("xoxb-", 40), "slack-token"),
        (token("sk_live_", 24), "stripe-key"),
        (format!("//registry.npmjs.org/:_authToken={}", token("", 36)), "npm-token"),
        (format!(r#"{{"auths":{{"r":{{"auth": "{}"}}}}}}"#, token("", 28)), "registry-login"),
        (token("AIza", 35), "google-api-key"),
        (token("hf_", 34), "hugging-face-token"),
    ] {
        assert_eq!(kinds("opt/thing", &format!("first\n{text}")), [(expected, 2)], "{text}");
    }
}

#[test]
fn assignments_count_in_files_of_settings_only() {
    for (path, text, expected) in [
        ("app/.env", "A=1\nDB_PASSWORD=Tr0ub4dor\n", vec![("assignment", 2)]),
        ("etc/app/app.yaml", "db:\n  password: \"Tr0ub4dor\"\n", vec![("assignment", 2)]),
        ("app/config.json", "{\"client_secret\": \"s8Fj2kd0\"}", vec![("assignment", 1)]),
        ("etc/app.conf", "url = postgres://app:geheim@db/x\n", vec![("password-in-url", 1)]),
        ("root/.pgpass", "db:5432:*:app:geheim\n", vec![("database-password", 1)]),
        ("root/.netrc", "machine x login y password geheim\n", vec![("netrc-password", 1)]),
        (
            "app/.env",
            "DB_PASSWORD=${DB_PASSWORD}\nTOKEN=<your token>\nSECRET_FILE=/run/secrets/x\n#PASSWORD=abcd\n",
            vec![],
        ),
        (
            "app/.env",
            "PASSWORD=changeit-EXAMPLE\nKEY=name\nPASSWORD_MIN_LENGTH=12\nREQUIRE_PASSWORD=true\n",
            vec![],
        ),
        ("app/main.py", "password = 'Tr0ub4dor'\n", vec![]),
        ("usr/lib/python3/x.conf", "password = Tr0ub4dor\n", vec![]),
        ("app/node_modules/x/config.json", "{\"password\": \"Tr0ub4dor\"}", vec![]),
        ("etc/shadow", "root:*:1::\nann:$6$salt$hash:1::\nbob:!:1::\n", vec![("password-hash", 2)]),
    ] {
        assert_eq!(kinds(path, text), expected, "{path} {text}");
    }
}

#[test]
fn programs_that_only_speak_of_keys_hold_none() {
    for text in [
        "if line == '-----BEGIN PRIVATE KEY-----': parse()",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "ghp_000000000000000000000000000000000000",
        "the auth_token of npm_",
        "",
        "\u{0}\u{fffd}",
    ] {
        assert_eq!(kinds("app/x.py", text), [], "{text}");
    }
}

#[test]
fn what_others_publish_is_not_searched() {
    for (path, expected) in [
        ("app/key.pem", true),
        ("root/.ssh/id_rsa", true),
        ("usr/share/doc/x/example.txt", false),
        ("usr/lib/app/server.key", true),
        ("usr/local/lib/python3.11/site-packages/x/tests/key.pem", false),
        ("usr/local/lib/python3.11/site-packages/x/settings.py", true),
        ("app/node_modules/x/test/fixtures/key.pem", false),
        ("app/tests/key.pem", true),
    ] {
        assert_eq!(is_searched(path), expected, "{path}");
    }
}
