//! The configuration as its users meet it: texts in, values, problems and dangers out.
#![allow(clippy::disallowed_methods, reason = "tests write the files that are read")]

mod refused;
mod secrets;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use policy::Problem;
use proptest::prelude::*;
use secrecy::SecretString;

use super::*;

/// Secrets that are all the same.
fn known(_: &Path) -> Result<SecretString, SecretError> {
    Ok("hunter2".into())
}

fn variables(given: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
}

fn read_with(text: &str, environment: &[(&str, &str)]) -> Result<(Config, Effective), Vec<Problem>> {
    let file = Text { name: "palisade.toml", text };
    Config::parse(Some(file), variables(environment), &Overrides::default(), &known)
}

fn read(text: &str) -> (Config, Effective) {
    read_with(text, &[]).unwrap_or_else(|problems| panic!("{}", told(&problems)))
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_the_guide_names_has_the_guides_defaults() {
    let (config, _) = read("");
    let force = &config.brute_force;
    assert_eq!(force.max_attempts_by_ip_and_username.get(), 5);
    for ten in [
        force.max_attempts_by_ip_and_username_node_users,
        force.max_attempts_by_ip_and_username_dashboard_users,
        force.max_attempts_by_ip_and_username_validate_token,
        force.max_attempts_by_ip_and_username_verify_log_agent,
        force.max_attempts_by_ip_and_username_ws_tunnel,
        force.max_attempts_by_ip_and_username_mfa_validation,
    ] {
        assert_eq!(ten.get(), 10);
    }
    assert_eq!(force.reset_attempts_interval_by_ip_and_username.seconds(), 1800);
    assert_eq!(force.block_duration_by_ip_and_username.seconds(), 1800);
    assert_eq!(force.max_attempts_by_ip.get(), 100);
    assert_eq!(force.reset_attempts_interval_by_ip.seconds(), 86_400);
    assert_eq!(force.block_duration_by_ip.seconds(), 86_400);
    assert_eq!(config.remote_connection.session_duration.get(), Duration::from_secs(3600));
    let half_a_year = 180 * 86_400;
    assert_eq!(config.audit_logs.file_warm_state_retention_policy_audit_ms.seconds(), half_a_year);
    assert_eq!(config.audit_logs.file_warm_state_retention_policy_security_auditlog.seconds(), half_a_year);
    assert_eq!(config.audit_logs.file_warm_state_retention_policy_audit_docker_log.seconds(), half_a_year);
    assert!(!config.mfa.mfa_enabled);
    let named = PARAMETERS.iter().filter_map(|row| row.guide).collect::<BTreeSet<_>>();
    for number in 37..=53 {
        assert!(named.contains(format!("NRV-MS-{number:03}").as_str()), "NRV-MS-{number:03} has no parameter");
    }
}

#[test]
fn nothing_written_is_safe_but_for_the_second_factor() {
    let (config, effective) = read("");
    assert_eq!(effective.settings.len(), PARAMETERS.len());
    for (setting, row) in effective.settings.iter().zip(PARAMETERS) {
        assert_eq!(setting.key(), row.key());
        assert_eq!(setting.source, Source::Default);
        assert_eq!(setting.value, setting.default);
        assert!(setting.about.ends_with(['.', ')']) && !setting.about.contains('\n'), "{}", setting.about);
    }
    insta::assert_snapshot!(told(&effective.dangers()), @r"
    error: mfa.mfa_enabled is false: a stolen password is enough to log in as anybody but an administrator
      --> built-in default
      help: write true: users are led through it at their next login
    ");
    assert!(
        matches!(config.database(), Database::Sqlite(path) if path == Path::new("/var/lib/palisade/palisade.db"))
    );
}

#[test]
fn every_parameter_has_one_name_and_one_variable() {
    let keys: BTreeSet<String> = PARAMETERS.iter().map(Parameter::key).collect();
    let variables: BTreeSet<String> = PARAMETERS.iter().map(Parameter::variable).collect();
    assert_eq!(keys.len(), PARAMETERS.len());
    assert_eq!(variables.len(), PARAMETERS.len());
    assert!(variables.contains("PALISADE_DATABASE_URL"));
    assert!(variables.contains("PALISADE_BRUTE_FORCE_MAX_ATTEMPTS_BY_IP"));
    for row in PARAMETERS {
        if let (Some(accepted), Some((safe, _))) = (&row.accepted, &row.safe) {
            let outside = !safe.contains(accepted.start()) || !safe.contains(accepted.end());
            assert!(outside, "{}: nothing that is accepted is unsafe", row.key());
        }
    }
}

#[test]
fn the_later_source_wins_and_is_named() {
    let text =
        "[server]\nlisten = \"127.0.0.1:1001\"\nstate_dir = \"/srv/a\"\n\n  [mfa]\n  mfa_enabled = false\n";
    let environment = variables(&[
        ("PALISADE_SERVER_LISTEN", "127.0.0.1:1002"),
        ("PALISADE_MFA_MFA_ENABLED", "true"),
        ("PALISADE_SERVER_TRUSTED_PROXIES", "10.0.0.1, fd00::/8"),
        ("PALISADE_SERVER_METRICS_LISTEN", "off"),
        ("PALISADE_OIDC_ISSUER", "https://login.example/"),
        ("PALISADE_OIDC_CLIENT_ID", "palisade"),
        ("PALISADE_OIDC_ROLES", "{ \"ot, south\" = \"operator\" }"),
        ("PATH", "/bin"),
        ("PALISADE_SERVICE_HOST", "10.43.0.7"),
        ("PALISADE_PORT_8443_TCP", "tcp://10.43.0.7:8443"),
    ]);
    let overrides = Overrides { listen: Some("127.0.0.1:1003".to_owned()), ..Overrides::default() };
    let file = Text { name: "palisade.toml", text };
    let (config, effective) = Config::parse(Some(file), environment, &overrides, &known).unwrap();
    assert_eq!(config.server.listen.port(), 1003);
    assert!(config.mfa.mfa_enabled);
    assert_eq!(config.server.metrics_listen.get(), None);
    assert_eq!(config.oidc.roles.iter().collect::<Vec<_>>(), [("ot, south", "operator")]);
    assert_eq!(config.oidc.issuer.unwrap().as_str(), "https://login.example/");
    let shown = |key: &str| {
        let setting = effective.setting(key).unwrap();
        format!("{} ({})", setting.text().unwrap_or_default(), setting.source)
    };
    assert_eq!(shown("server.listen"), "\"127.0.0.1:1003\" (command line --listen)");
    assert_eq!(shown("server.state_dir"), "\"/srv/a\" (palisade.toml:3)");
    assert_eq!(shown("mfa.mfa_enabled"), "true (environment PALISADE_MFA_MFA_ENABLED)");
    assert_eq!(
        shown("server.trusted_proxies"),
        "[\"10.0.0.1/32\", \"fd00::/8\"] (environment PALISADE_SERVER_TRUSTED_PROXIES)"
    );
    assert_eq!(shown("server.max_connections"), "4096 (default)");
}

#[test]
fn the_caller_may_know_a_better_state_directory() {
    let home = Overrides {
        usual_state_dir: Some(PathBuf::from("/home/a/.local/state/palisade")),
        usual_log_level: Some("warn"),
        is_up: true,
        ..Overrides::default()
    };
    let (config, effective) = Config::parse(None, [], &home, &known).unwrap();
    assert_eq!(config.server.state_dir, Path::new("/home/a/.local/state/palisade"));
    assert_eq!(effective.setting("server.state_dir").unwrap().source, Source::Default);
    // Whoever only types `palisade up` has what the guide asks for; what is written counts more.
    assert!(config.mfa.mfa_enabled);
    assert_eq!(
        effective.setting("mfa.mfa_enabled").unwrap().source,
        Source::CommandLine { option: "up".to_owned() }
    );
    let off = [("PALISADE_MFA_MFA_ENABLED".into(), "false".into())];
    assert!(!Config::parse(None, off, &home, &known).unwrap().0.mfa.mfa_enabled);
    let both = Overrides { state_dir: Some(PathBuf::from("relative")), ..home };
    let problems = Config::parse(None, [], &both, &known).unwrap_err();
    insta::assert_snapshot!(told(&problems), @r#"
    error: server.state_dir is the relative path "relative"
      --> command line --state-dir
      help: write an absolute path: the server starts in no particular folder
    "#);
}

#[test]
fn who_is_not_root_keeps_the_state_at_home() {
    let usual = |is_root: bool, given: &[(&str, &str)]| {
        let found = |name: &str| {
            given.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(*value))
        };
        usual_state_dir(is_root, found).map(|path| path.display().to_string())
    };
    let home = ("HOME", "/home/a");
    assert_eq!(usual(true, &[home]), None);
    assert_eq!(usual(false, &[home]).unwrap(), "/home/a/.local/state/palisade");
    assert_eq!(usual(false, &[home, ("XDG_STATE_HOME", "/s")]).unwrap(), "/s/palisade");
    assert_eq!(
        usual(false, &[home, ("STATE_DIRECTORY", "/var/lib/palisade:/x")]).unwrap(),
        "/var/lib/palisade"
    );
    assert_eq!(usual(false, &[("HOME", "relative")]), None);
}

#[test]
fn what_is_shown_reads_as_the_same() {
    let text = "[server]\ntrusted_proxies = [\"10.0.0.0/24\"]\nmetrics_listen = \"off\"\nhost_names = [\"A.example\", \"10.0.0.1\"]\n\
        [sessions]\nuse_notice = \"\"\"Only\nfor \"us\".\"\"\"\n[passwords]\nmax_age = \"365d\"\n\
        [oidc]\nissuer = \"https://login.example\"\nclient_id = \"p\"\nroles = { \"a b\" = \"operator\" }\n";
    let (_, first) = read(text);
    let mut again = String::new();
    let mut section = "";
    for setting in &first.settings {
        if setting.section != section {
            section = &setting.section;
            again.push_str(&format!("[{section}]\n"));
        }
        // A parameter that does nothing without another one may only stand beside it.
        let is_of_nothing = matches!(section, "mail" | "ldap" | "ledger_syslog" | "ledger_opensearch");
        if let (Some(text), false) = (setting.text(), is_of_nothing) {
            again.push_str(&format!("{} = {text}\n", setting.name));
        }
    }
    let (_, second) = read(&again);
    for (first, second) in first.settings.iter().zip(&second.settings) {
        assert_eq!((first.key(), &first.value), (second.key(), &second.value));
    }
}

#[test]
fn the_example_is_the_defaults() {
    let example = example();
    assert!(read(&example).1.settings.iter().all(|setting| setting.source == Source::Default));
    let written: Vec<&str> = example
        .lines()
        .filter_map(|line| match line.strip_prefix("# ") {
            Some(setting) if setting.contains(" = ") && !setting.contains(" = ...") => Some(setting),
            Some(_) => None,
            None => Some(line),
        })
        .collect();
    let text = written.join("\n");
    // Sections that nothing switches on have defaults that would do nothing.
    let text = text.split("\n[mail]").next().unwrap();
    for setting in read(text).1.settings {
        assert_eq!(setting.value, setting.default, "{}", setting.key());
    }
}

#[test]
fn the_committed_reference_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let committed = std::fs::read_to_string(path).unwrap();
    assert!(committed == reference(), "docs/configuration.md is stale: run `cargo xtask docs` and commit it");
}

/// A line of a configuration file, made up from names that exist and values of every kind.
fn line() -> impl Strategy<Value = String> {
    let names: Vec<String> = PARAMETERS.iter().map(|row| row.name.to_owned()).collect();
    let sections: Vec<String> = SECTIONS.iter().map(|section| format!("[{}]", section.name)).collect();
    let defaults: Vec<String> = PARAMETERS.iter().map(|row| format!("{:?}", row.default)).collect();
    let value = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:?}")),
        any::<bool>().prop_map(|value| value.to_string()),
        ".{0,12}".prop_map(|text| format!("{text:?}")),
        "[0-9]{1,22}[smhdKMGiB]{0,3}".prop_map(|text| format!("\"{text}\"")),
        "(postgres|sqlite|ldaps|https)://?[a-z:@/?=%\\[\\]]{0,16}".prop_map(|text| format!("\"{text}\"")),
        "[0-9a-f:.]{1,20}/[0-9]{1,3}".prop_map(|text| format!("[\"{text}\"]")),
        proptest::sample::select(defaults),
    ];
    prop_oneof![
        1 => proptest::sample::select(sections),
        4 => (proptest::sample::select(names), value).prop_map(|(name, value)| format!("{name} = {value}")),
    ]
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _either = read_with(&text, &[("PALISADE_DATABASE_URL", &text), ("PALISADE_OIDC_ROLES", &text)]);
    }

    #[test]
    fn no_value_of_a_parameter_makes_the_reader_panic(lines in proptest::collection::vec(line(), 0..12)) {
        if let Ok((config, effective)) = read_with(&lines.join("\n"), &[]) {
            let printed = format!("{config:?}");
            prop_assert!(!printed.contains("hunter2"));
            prop_assert_eq!(effective.settings.len(), PARAMETERS.len());
        }
    }
}
