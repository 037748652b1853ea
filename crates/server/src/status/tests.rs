//! What is written of the configuration and of users, and that it is read as it was meant.

use super::*;
use crate::config::{Overrides, Text};

const NOW: &str = "2026-06-01T00:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

fn settled_by(file: &str) -> State {
    let text = Text { name: "palisade.toml", text: file };
    let secrets = |_: &std::path::Path| Ok("hunter2".into());
    let (config, effective) = Config::parse(Some(text), [], &Overrides::default(), &secrets).unwrap();
    settled(&config, &effective)
}

fn read_again(state: State) -> Published {
    let text = text(state, now()).unwrap();
    assert!(!text.contains("hunter2"), "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_guides_defaults_are_written_and_read_again() {
    let published = read_again(with(settled_by(""), Survey::default(), Vec::new(), now()));
    assert_eq!((published.schema.as_str(), published.written_at.as_str()), (Published::SCHEMA, NOW));
    let state = published.state;
    let limits = state.brute_force.value().unwrap();
    assert_eq!(limits.max_attempts_by_ip_and_username.value(), Some(&5));
    assert_eq!(limits.block_duration_by_ip.value(), Some(&86_400));
    assert_eq!(state.mfa_enabled.value(), Some(&false));
    assert_eq!(state.passwords.value().unwrap().min_length.value(), Some(&12));
    assert!(state.passwords.value().unwrap().max_age_days.is_absent());
    assert_eq!(state.sessions.value().unwrap().idle_lock_seconds.value(), Some(&900));
    assert_eq!(state.set_up_open.value(), Some(&true));
    assert_eq!(state.weakened_by.value(), Some(&Vec::new()), "what the guide names has rules of its own");
    assert!(state.mail.is_absent() && state.review_due_at.is_absent());
}

#[test]
fn secrets_are_not_written_and_what_weakens_is_named() {
    let state = settled_by(
        "[server]\nstate_dir = \"/tmp/palisade\"\n[sessions]\nuse_notice = \"\"\n[mail]\nhost = \"mail.example\"\n\
         from = \"p@example.com\"\nusername = \"p\"\npassword_file = \"/run/secrets/mail\"\n",
    );
    let state = read_again(state).state;
    let mail = state.mail.value().unwrap();
    assert_eq!((mail.port.value(), mail.tls.value().map(String::as_str)), (Some(&587), Some("starttls")));
    assert_eq!(state.notice.value(), Some(&false));
    let [weak] = state.weakened_by.value().unwrap().as_slice() else { panic!("{:?}", state.weakened_by) };
    assert!(weak.starts_with("server.state_dir: everybody can write there"), "{weak}");
}

#[test]
fn of_a_list_that_is_too_long_nothing_is_said() {
    let many = (0..=Published::MOST_NAMES).map(|number| format!("user{number}")).collect();
    let survey = Survey { without_factor: many, ..Survey::default() };
    let state = read_again(with(State::default(), survey, Vec::new(), now())).state;
    assert!(state.users_without_second_factor.is_unreadable());
    assert_eq!(state.idle_users.value(), Some(&Vec::new()));
}

#[test]
fn the_longest_document_fits() {
    let names: Vec<String> = (0..Published::MOST_NAMES).map(|number| format!("{number:064}")).collect();
    let survey = Survey {
        users: 100_000,
        administrators: names.clone(),
        administrators_without_factor: names.clone(),
        without_factor: names.clone(),
        guessable: names.clone(),
        idle: names.clone(),
        workload_managers: names.clone(),
        connection_managers: names.clone(),
        ..Survey::default()
    };
    let targets = names.into_iter().map(|name| (name, now())).collect();
    let text = text(with(settled_by(""), survey, targets, now()), now()).unwrap();
    assert!(text.len() < Published::MOST_BYTES, "{}", text.len());
}
