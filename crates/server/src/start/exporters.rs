//! Receivers of the ledger as the configuration names them.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use url::Url;

use super::StartError;
use crate::app::App;
use crate::config::{Config, LedgerOpensearch, LedgerSyslog};
use crate::ledger::exporters::{
    self, Exporter, Exporters, Login, Receiver, SearchError, SearchSettings, SearchStore, Syslog,
    SyslogSettings, TIME_LIMIT,
};
use crate::outbound::OutboundError;
use crate::serve::Metrics;

/// What is configured of them. Reads files; connects to nobody.
pub(super) fn open(config: &Config, origin: &str) -> Result<Exporters, StartError> {
    let syslog = syslog(&config.ledger_syslog, origin).map_err(|error| StartError::Outside(error.into()))?;
    let search = search(&config.ledger_opensearch).map_err(|error| StartError::Outside(error.into()))?;
    let named = |name, receiver| Exporter { name, receiver: Arc::new(receiver) };
    let syslog = syslog.map(|syslog| named("syslog", Receiver::Syslog(syslog)));
    let search = search.map(|store| named("opensearch", Receiver::Search(store)));
    Ok(Exporters::new(syslog.into_iter().chain(search).collect()))
}

/// Hands the ledger on until the server stops.
pub(super) async fn run(app: App, metrics: Metrics, ended: CancellationToken) -> Result<(), StartError> {
    Ok(exporters::run(app, metrics, ended).await?)
}

fn syslog(syslog: &LedgerSyslog, origin: &str) -> Result<Option<Syslog>, OutboundError> {
    let Some(host) = &syslog.host else { return Ok(None) };
    let own = Url::parse(origin).ok();
    let own = own.as_ref().and_then(Url::host_str).unwrap_or_default();
    let client = syslog.client_certificate_file.clone();
    let settings = SyslogSettings {
        host: host.to_string(),
        port: u16::try_from(syslog.port.get()).unwrap_or(u16::MAX),
        ca_file: syslog.ca_file.clone(),
        client: client.zip(syslog.client_key_file.as_ref().map(|key| key.path().to_owned())),
        own_name: own.trim_start_matches('[').trim_end_matches(']').to_owned(),
        time_limit: TIME_LIMIT,
    };
    Syslog::new(settings).map(Some)
}

fn search(search: &LedgerOpensearch) -> Result<Option<SearchStore>, SearchError> {
    let Some(url) = &search.url else { return Ok(None) };
    let login = match (&search.username, &search.password_file, &search.api_key_file) {
        (Some(name), Some(file), _) => Login::User(name.clone(), file.secret().clone()),
        (_, _, Some(file)) => Login::Key(file.secret().clone()),
        _ => Login::Nobody,
    };
    let settings = SearchSettings {
        host: url.host(),
        port: url.port(),
        path: url.path().to_owned(),
        is_plain: url.is_plain(),
        index: search.index.as_str().to_owned(),
        login,
        ca_file: search.ca_file.clone(),
        time_limit: TIME_LIMIT,
    };
    SearchStore::new(settings).map(Some)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use secrecy::SecretString;

    use super::*;
    use crate::config::{Overrides, SecretError, Text};

    fn config(text: &str) -> Config {
        let secrets = |_: &Path| -> Result<SecretString, SecretError> { Ok("made-up".into()) };
        let file = Text { name: "palisade.toml", text };
        Config::parse(Some(file), [], &Overrides::default(), &secrets).unwrap().0
    }

    #[test]
    fn without_settings_nothing_is_handed_on() {
        assert!(open(&config(""), "https://localhost:8443").unwrap().all().is_empty());
    }

    #[test]
    fn what_is_configured_is_named_without_its_secrets() {
        let text = r#"
            [ledger_syslog]
            host = "logs.plant.example"
            [ledger_opensearch]
            url = "https://search.plant.example/logs/"
            username = "palisade"
            password_file = "/etc/palisade/search"
        "#;
        let exporters = open(&config(text), "https://palisade.plant.example:8443").unwrap();
        let places: Vec<String> =
            exporters.all().iter().map(|one| format!("{} {}", one.name, one.receiver.place())).collect();
        assert_eq!(
            places,
            [
                "syslog logs.plant.example:6514",
                "opensearch https://search.plant.example:443/logs (palisade-ledger-{stream}-{date})"
            ]
        );
        let shown = format!("{exporters:?}");
        assert!(!shown.contains("made-up") && !shown.contains("Basic"), "{shown}");
    }

    #[test]
    fn files_that_are_missing_are_named_at_the_start() {
        for (text, named) in [
            ("[ledger_syslog]\nhost = \"logs\"\nca_file = \"/nowhere/ca.pem\"\n", "/nowhere/ca.pem"),
            (
                "[ledger_syslog]\nhost = \"logs\"\nclient_certificate_file = \"/nowhere/own.pem\"\nclient_key_file = \"/nowhere/own.key\"\n",
                "/nowhere/own.pem",
            ),
            (
                "[ledger_opensearch]\nurl = \"https://search\"\nca_file = \"/nowhere/ca.pem\"\n",
                "/nowhere/ca.pem",
            ),
        ] {
            let error = open(&config(text), "https://localhost:8443").unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }
}
