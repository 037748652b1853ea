//! Mail server, directory, login provider and witnesses as the configuration names them.

use std::sync::Arc;

use url::Url;

use super::StartError;
use crate::causes::with_causes;
use crate::config::{Config, Ldap, Mail, MailTls, Oidc, RoleMap, Witnessing};
use crate::identity::api::external::BACK;
use crate::identity::external::Outside;
use crate::identity::ldap::{self, Directory, DirectoryError, DirectorySettings, DirectoryTls, Groups};
use crate::identity::oidc::{self, OidcError, OidcSettings, Provider};
use crate::identity::post::{self, Carrier};
use crate::ledger::witnesses::{Witness, Witnesses};
use crate::mail::{self, Line, MailError, MailSettings, Mailer, Site};
use crate::outbound;

/// What is configured of them, and who carries letters. Connects to nobody.
pub(super) fn open(config: &Config, origin: &str) -> Result<(Outside, Option<Carrier>), StartError> {
    let directory = directory(&config.ldap).map_err(|error| StartError::Outside(error.into()))?;
    let provider = provider(&config.oidc, origin).map_err(|error| StartError::Outside(error.into()))?;
    let mailer = mailer(&config.mail).map_err(|error| StartError::Outside(error.into()))?;
    let mut outside = Outside { directory, provider, outbox: None };
    let Some(mailer) = mailer else { return Ok((outside, None)) };
    let site = site(origin).map_err(|error| StartError::Outside(error.into()))?;
    let (outbox, carrier) = post::outbox(mailer, site, post::PAUSES);
    outside.outbox = Some(outbox);
    Ok((outside, Some(carrier)))
}

/// Asks each of them once, so that what every login would fail for stands in the log at the start.
pub(super) async fn check(outside: &Outside, now: jiff::Timestamp) {
    if let Some(directory) = &outside.directory
        && let Err(error) = directory.check().await
    {
        tracing::warn!(error = %with_causes(&error), "the directory does not answer as it should");
    }
    if let Some(provider) = &outside.provider
        && let Err(error) = provider.check(now).await
    {
        tracing::warn!(error = %with_causes(&error), provider = provider.issuer(), "the login provider does not answer as it should");
    }
}

/// The witnesses of the ledger. Connects to nobody.
pub(super) fn witnesses(settings: &Witnessing) -> Result<Witnesses, StartError> {
    if settings.witnesses.is_empty() {
        return Ok(Witnesses::default());
    }
    let trust = outbound::trust(settings.ca_file.as_deref());
    let trust = trust.map_err(|error| StartError::Outside(error.into()))?;
    let all = settings
        .witnesses
        .iter()
        .map(|witness| Witness { key: witness.key().clone(), prefix: witness.prefix().to_owned() });
    Ok(Witnesses::new(all.collect(), trust))
}

fn site(origin: &str) -> Result<Site, MailError> {
    Ok(Site { name: Line::new("the name", "Palisade")?, address: Line::new("the public address", origin)? })
}

fn mailer(mail: &Mail) -> Result<Option<Mailer>, MailError> {
    let (Some(host), Some(from)) = (&mail.host, &mail.from) else { return Ok(None) };
    let settings = MailSettings {
        host: host.to_string(),
        port: u16::try_from(mail.port.get()).unwrap_or(u16::MAX),
        tls: match mail.tls {
            MailTls::Starttls => mail::MailTls::StartTls,
            MailTls::Tls => mail::MailTls::Implicit,
        },
        username: mail.username.clone(),
        password: mail.password_file.as_ref().map(|file| file.secret().clone()),
        from: format!("Palisade <{}>", from.as_str()),
        ca_file: mail.ca_file.clone(),
        time_limit: mail::TIME_LIMIT,
    };
    Mailer::new(settings).map(Some)
}

fn provider(oidc: &Oidc, origin: &str) -> Result<Option<Arc<Provider>>, OidcError> {
    let (Some(issuer), Some(client_id)) = (&oidc.issuer, &oidc.client_id) else { return Ok(None) };
    let settings = OidcSettings {
        issuer: issuer.as_str().to_owned(),
        client_id: client_id.clone(),
        client_secret: oidc.client_secret_file.as_ref().map(|file| file.secret().clone()),
        redirect_url: format!("{origin}{BACK}"),
        scopes: oidc.scopes.iter().filter(|scope| *scope != "openid").cloned().collect(),
        ca_file: oidc.ca_file.clone(),
        username_claim: oidc.username_claim.clone(),
        groups_claim: oidc.groups_claim.clone(),
        roles: pairs(&oidc.roles),
        // A second factor is shown here, whatever was shown there.
        second_factor_amr: Vec::new(),
        second_factor_acr: Vec::new(),
        max_age: None,
        time_limit: oidc::TIME_LIMIT,
    };
    Provider::new(settings).map(|provider| Some(Arc::new(provider)))
}

fn directory(ldap: &Ldap) -> Result<Option<Directory>, DirectoryError> {
    let (Some(url), Some(base)) = (&ldap.url, &ldap.base) else { return Ok(None) };
    let tls = if url.is_starttls() { DirectoryTls::StartTls } else { DirectoryTls::Ldaps };
    let place = Url::parse(url.as_str()).ok();
    let place = place.as_ref().and_then(|place| Some((place.host_str()?, place.port())));
    let (host, port) =
        place.ok_or(DirectoryError::Setting { setting: "url", why: "has no host: write ldaps://host" })?;
    let usual = if url.is_starttls() { 389 } else { 636 };
    // Directories of the standards have the one, Active Directory the other.
    let is_active = ["samaccountname", "userprincipalname"];
    let is_active = is_active.iter().any(|name| ldap.filter.to_lowercase().contains(name));
    let settings = DirectorySettings {
        host: host.to_owned(),
        port: port.unwrap_or(usual),
        tls,
        ca_file: ldap.ca_file.clone(),
        bind_dn: ldap.bind_dn.clone().unwrap_or_default(),
        bind_password: ldap
            .bind_password_file
            .as_ref()
            .map_or_else(|| String::new().into(), |file| file.secret().clone()),
        base: base.clone(),
        filter: ldap.filter.replace("{username}", "{}"),
        id_attribute: if is_active { "objectGUID" } else { "entryUUID" }.to_owned(),
        name_attribute: "cn".to_owned(),
        mail_attribute: "mail".to_owned(),
        groups: match &ldap.group_base {
            Some(base) => Groups::Search { base: base.clone(), filter: ldap.group_filter.clone() },
            None => Groups::Attribute(ldap.group_attribute.clone()),
        },
        roles: pairs(&ldap.roles),
        time_limit: ldap::TIME_LIMIT,
    };
    Directory::new(settings).map(Some)
}

fn pairs(roles: &RoleMap) -> Vec<(String, String)> {
    roles.iter().map(|(group, role)| (group.to_owned(), role.to_owned())).collect()
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
    fn without_settings_nobody_outside_is_asked() {
        let (outside, carrier) = open(&config(""), "https://localhost:8443").unwrap();
        assert!(outside.directory.is_none() && outside.provider.is_none() && outside.outbox.is_none());
        assert!(carrier.is_none());
    }

    #[test]
    fn what_is_configured_becomes_settings_that_will_do() {
        let text = r#"
            [mail]
            host = "mail.plant.example"
            from = "palisade@plant.example"
            [oidc]
            issuer = "https://id.plant.example"
            client_id = "palisade"
            [oidc.roles]
            operators = "operator"
            [ldap]
            url = "ldaps://directory.plant.example"
            bind_dn = "cn=palisade,dc=plant,dc=example"
            bind_password_file = "/etc/palisade/ldap"
            base = "dc=plant,dc=example"
            filter = "(&(objectClass=user)(sAMAccountName={username}))"
            [ldap.roles]
            "cn=Operators,dc=plant,dc=example" = "operator"
        "#;
        let (outside, carrier) = open(&config(text), "https://localhost:8443").unwrap();
        assert_eq!(outside.provider.unwrap().issuer(), "https://id.plant.example");
        assert!(outside.outbox.is_some() && carrier.is_some());
        let directory = format!("{:?}", outside.directory.unwrap());
        for part in ["port: 636", "sAMAccountName={}", "objectGUID", "Ldaps"] {
            assert!(directory.contains(part), "{directory}");
        }
        assert!(!directory.contains("made-up"), "{directory}");
    }

    #[test]
    fn a_file_of_authorities_that_is_missing_is_named_at_the_start() {
        let text = "[mail]\nhost = \"mail.plant.example\"\nfrom = \"a@plant.example\"\nca_file = \"/nowhere/ca.pem\"\n";
        let error = open(&config(text), "https://localhost:8443").unwrap_err().to_string();
        assert!(error.contains("/nowhere/ca.pem"), "{error}");
    }
}
