//! What is other than when this server was started before: parameters, secrets, the certificate. Each change is an event.

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::StartError;
use crate::app::App;
use crate::causes::with_causes;
use crate::config::{Config, Database};
use crate::ledger::{Happened, Said, note};
use crate::pki::Pki;
use crate::random;
use crate::state;
use crate::store::{self, StoreError, json};

#[cfg(test)]
mod tests;

/// The file of the state directory that tells this server from others on the same database.
const NAME: &str = "server-id";

/// Parameters that one event names: two details each.
const AT_ONCE: usize = 15;

/// With what a server began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Begun {
    /// Values of parameters as the file would write them; empty for nothing.
    settings: BTreeMap<String, String>,
    /// Keyed hashes of secrets: they tell that one changed.
    secrets: BTreeMap<String, String>,
    /// The certificate that is shown, by its fingerprint and its end.
    certificate: String,
    /// What holds where nothing is written; not kept.
    #[serde(skip)]
    defaults: BTreeMap<String, String>,
}

impl Begun {
    pub(super) fn new(config: &Config, app: &App, pki: &Pki) -> Self {
        let sealer = &app.logins.sealer;
        let hash = |(name, secret): (&str, SecretString)| {
            let hash = sealer.keyed_hash(&format!("parameter {name}"), secret.expose_secret());
            (name.to_owned(), hash)
        };
        let settings = &app.effective.settings;
        let of =
            |setting: &crate::config::Setting, text: Option<String>| (setting.key(), text.unwrap_or_default());
        Self {
            settings: settings.iter().map(|setting| of(setting, setting.text())).collect(),
            defaults: settings.iter().map(|setting| of(setting, setting.default_text())).collect(),
            secrets: secrets(config).into_iter().map(hash).collect(),
            certificate: shown(pki),
        }
    }

    /// What differs from `before`: a parameter's name, its value then and now; a secret has neither.
    fn since<'a>(&'a self, before: &'a Self) -> Vec<(&'a str, Option<(&'a str, &'a str)>)> {
        let mut changes = Vec::new();
        for (name, now) in &self.settings {
            // What an older version did not know had its default.
            let then = before.settings.get(name).or_else(|| self.defaults.get(name));
            if let Some(then) = then.filter(|then| *then != now) {
                changes.push((name.as_str(), Some((then.as_str(), now.as_str()))));
            }
        }
        let names: std::collections::BTreeSet<&String> =
            self.secrets.keys().chain(before.secrets.keys()).collect();
        for name in names {
            if self.secrets.get(name) != before.secrets.get(name) {
                changes.push((name.as_str(), None));
            }
        }
        changes
    }
}

/// The secrets that the configuration brings, each by what names it.
fn secrets(config: &Config) -> Vec<(&'static str, SecretString)> {
    let files = [
        ("what mail.password_file holds", &config.mail.password_file),
        ("what oidc.client_secret_file holds", &config.oidc.client_secret_file),
        ("what ldap.bind_password_file holds", &config.ldap.bind_password_file),
    ];
    let mut secrets: Vec<(&str, SecretString)> =
        files.into_iter().filter_map(|(name, file)| Some((name, file.as_ref()?.secret().clone()))).collect();
    if let Database::Postgres(url) = config.database()
        && let Ok(url) = Url::parse(url.expose_secret())
        && let Some(password) = url.password()
    {
        secrets.push(("the password of the database", password.to_owned().into()));
    }
    secrets
}

/// The certificate, as it is compared.
fn shown(pki: &Pki) -> String {
    format!("{} until {}", pki.fingerprint(), pki.until())
}

/// Tells what is other than at the start before, and remembers how it is now.
pub(super) async fn tell(app: &App, begun: &Begun, directory: &Path) -> Result<(), StartError> {
    let place = place(directory)?;
    let before = app.store().remembered(&place).await?;
    let now = written(begun)?;
    if before.as_ref() == Some(&now) {
        return Ok(());
    }
    let before: Option<Begun> = before.and_then(|text| serde_json::from_str(&text).ok());
    let mut transaction = app.store().writer().begin().await.map_err(StoreError::from)?;
    if let Some(before) = &before {
        for changes in begun.since(before).chunks(AT_ONCE) {
            let said =
                changes.iter().fold(Said::done(Happened::ConfigurationChanged), |said, change| match change {
                    (name, Some((then, now))) => said
                        .with(&format!("{name} before"), or_nothing(then))
                        .with(&format!("{name} now"), or_nothing(now)),
                    (name, None) => said.with(name, "changed"),
                });
            note(&mut transaction, said).await?;
        }
        if before.certificate != begun.certificate {
            note(&mut transaction, replaced(&before.certificate, &begun.certificate)).await?;
        }
    }
    store::remember(&mut transaction, &place, &now).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    app.ledger.wake();
    Ok(())
}

/// Tells that the server shows another certificate than before, while it runs.
pub(super) async fn tell_certificate(app: &App, pki: &Pki, directory: &Path) {
    let told = async {
        let place = place(directory)?;
        let before = app.store().remembered(&place).await?.unwrap_or_default();
        let mut begun: Begun = serde_json::from_str(&before).unwrap_or_default();
        let now = shown(pki);
        let mut transaction = app.store().writer().begin().await.map_err(StoreError::from)?;
        note(&mut transaction, replaced(&begun.certificate, &now)).await?;
        begun.certificate = now;
        store::remember(&mut transaction, &place, &written(&begun)?).await?;
        transaction.commit().await.map_err(StoreError::from)?;
        Ok::<(), StartError>(())
    };
    match told.await {
        Ok(()) => app.ledger.wake(),
        // It is noted at the next start: what is remembered is still the one before.
        Err(error) => {
            tracing::error!(error = %with_causes(&error), "that the certificate is another one is not in the ledger yet")
        }
    }
}

fn replaced(before: &str, now: &str) -> Said {
    Said::done(Happened::CertificateChanged).with("before", or_nothing(before)).with("now", now)
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}

fn written(begun: &Begun) -> Result<String, StoreError> {
    Ok(json(begun)?)
}

/// Under which name this server remembers: its own, which stands in its state directory.
fn place(directory: &Path) -> Result<String, StartError> {
    let kept = state::read_up_to(&directory.join(NAME), 64).unwrap_or_default();
    let kept = kept.trim();
    if !kept.is_empty() {
        return Ok(format!("start of {kept}"));
    }
    let id = random::public_id()?;
    state::publish(directory, NAME, &format!("{id}\n"))?;
    Ok(format!("start of {id}"))
}
