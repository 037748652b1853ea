//! A changed parameter, secret or certificate is an event at the next start, on both databases.

use super::*;
use crate::api::tests::benches;
use crate::ledger::{Filter, Stream, list};

fn begun(settings: &[(&str, &str)], secret: &str) -> Begun {
    let settings: BTreeMap<String, String> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Begun {
        defaults: [("audit.interval".to_owned(), "\"1h\"".to_owned())].into(),
        settings,
        secrets: [("what mail.password_file holds".to_owned(), secret.to_owned())].into(),
        certificate: "AB until 2027".to_owned(),
    }
}

/// What was told since the last look.
async fn told(app: &App) -> Vec<(String, BTreeMap<String, String>)> {
    app.ledger.sequence_all().await;
    let all = list(app.store(), Stream::ManagementSystem, &Filter::default(), None).await.unwrap();
    all.into_iter().rev().map(|placed| (placed.event.event, placed.event.details)).collect()
}

#[tokio::test]
async fn each_changed_parameter_is_told_with_both_values_and_a_secret_without() {
    for api in benches(|_| axum::Router::new()).await {
        let directory = tempfile::tempdir().unwrap();
        let first = begun(&[("log.level", "\"info\""), ("mail.port", "587")], "a1");
        tell(&api.app, &first, directory.path()).await.unwrap();
        tell(&api.app, &first, directory.path()).await.unwrap();
        assert!(told(&api.app).await.is_empty(), "nothing changed");
        // A parameter that a new version brought has its default, and that is no change.
        let second = begun(
            &[
                ("log.level", "\"debug\""),
                ("mail.port", "587"),
                ("audit.interval", "\"1h\""),
                ("mail.host", ""),
            ],
            "b2",
        );
        tell(&api.app, &second, directory.path()).await.unwrap();
        let expected = [
            ("log.level before", "\"info\""),
            ("log.level now", "\"debug\""),
            ("what mail.password_file holds", "changed"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(told(&api.app).await, [("configuration.changed".to_owned(), expected)]);
        let third = Begun { certificate: "CD until 2028".to_owned(), ..second.clone() };
        tell(&api.app, &third, directory.path()).await.unwrap();
        let all = told(&api.app).await;
        let certificate = [("before", "AB until 2027"), ("now", "CD until 2028")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(all[1..], [("certificate.changed".to_owned(), certificate.into())]);
        // Another server on the same database has parameters of its own.
        let other = tempfile::tempdir().unwrap();
        tell(&api.app, &first, other.path()).await.unwrap();
        tell(&api.app, &third, directory.path()).await.unwrap();
        assert_eq!(told(&api.app).await.len(), 2);
    }
}

#[tokio::test]
async fn many_changes_are_all_told() {
    let api = benches(|_| axum::Router::new()).await.remove(0);
    let directory = tempfile::tempdir().unwrap();
    let names: Vec<String> = (0..40).map(|number| format!("a.{number:02}")).collect();
    let with = |value| names.iter().map(|name| (name.as_str(), value)).collect::<Vec<_>>();
    tell(&api.app, &begun(&with("1"), ""), directory.path()).await.unwrap();
    tell(&api.app, &begun(&with("2"), ""), directory.path()).await.unwrap();
    let all = told(&api.app).await;
    let count: usize = all.iter().map(|(_, details)| details.len()).sum();
    assert_eq!((all.len(), count), (3, 80));
}

#[tokio::test]
async fn a_certificate_that_is_renewed_while_the_server_runs_is_told_once() {
    for api in benches(|_| axum::Router::new()).await {
        let directory = tempfile::tempdir().unwrap();
        let names = crate::pki::Names::new(&["localhost".to_owned()], None, &[], 8443).unwrap();
        let now = api.app.now();
        let pki = Pki::open_or_create(&directory.path().join("pki"), names, now).unwrap();
        let first = Begun { certificate: shown(&pki), ..begun(&[], "") };
        tell(&api.app, &first, directory.path()).await.unwrap();
        let later = now + jiff::SignedDuration::from_hours(24 * 3000);
        assert_ne!(pki.refresh(later).unwrap(), crate::pki::Refreshed::Unchanged);
        tell_certificate(&api.app, &pki, directory.path()).await;
        // The next start finds the same certificate.
        tell(&api.app, &Begun { certificate: shown(&pki), ..first.clone() }, directory.path()).await.unwrap();
        let all = told(&api.app).await;
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!(all[0].1["before"], first.certificate);
    }
}
