//! Logins that an LDAP directory vouches for: find the one entry with a service account, then bind as it.
//!
//! Never in plain text. Unknown users cost the same messages as known ones, and get the same answer as a wrong password.

pub(crate) mod ber;
pub(crate) mod connection;
mod error;
pub(crate) mod names;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ldap3::{DerefAliases, Scope, SearchEntry, SearchOptions};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::gate::Attempt;
use crate::outbound::{self, Peer};
use connection::Connection;
pub(crate) use error::DirectoryError;
use names::{escaped, normal_dn};

/// A whole login takes no longer, unless settings say otherwise.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// How long the directory may look for an entry, in seconds: it is told so.
const SEARCH_SECONDS: i32 = 5;

/// What a directory may send in one login, TLS included: two entries with a thousand groups each are half of it.
const BUDGET: u64 = 1024 * 1024;

/// Logins under way at once; more wait. Each holds a connection to the directory.
const MAX_LOGINS: usize = 16;

/// Longer names and passwords are nobody's.
const MAX_NAME: usize = 256;
const MAX_PASSWORD: usize = 1024;

/// Groups of one person that are looked at.
const MAX_GROUPS: usize = 1000;

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DirectoryTls {
    /// At once: `ldaps://` (port 636).
    Ldaps,
    /// After the StartTLS operation (port 389); a server without it is refused.
    StartTls,
}

/// Where the groups of a person stand.
#[derive(Clone, Debug)]
pub(crate) enum Groups {
    /// In an attribute of the person's entry: `memberOf`.
    Attribute(String),
    /// In entries of their own.
    Search {
        /// Below which entry.
        base: String,
        /// `{dn}` becomes the person's entry, `{}` the name that was typed, such as `(&(objectClass=groupOfNames)(member={dn}))`.
        filter: String,
    },
}

/// How a directory is asked.
#[derive(Clone, Debug)]
pub(crate) struct DirectorySettings {
    /// Name of the server, as its certificate has it.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// When TLS begins.
    pub(crate) tls: DirectoryTls,
    /// Authorities to trust besides this machine's own.
    pub(crate) ca_file: Option<PathBuf>,
    /// The account that looks for entries.
    pub(crate) bind_dn: String,
    /// Its password.
    pub(crate) bind_password: SecretString,
    /// Below which entry people stand.
    pub(crate) base: String,
    /// Which entry is the person's: `(&(objectClass=person)(uid={}))`, where `{}` becomes the name that was typed.
    pub(crate) filter: String,
    /// The attribute that stays when a person is renamed, such as `entryUUID` or `objectGUID`.
    pub(crate) id_attribute: String,
    /// The attribute with the person's name, such as `cn`.
    pub(crate) name_attribute: String,
    /// The attribute with the mail address, such as `mail`.
    pub(crate) mail_attribute: String,
    /// Where the groups stand.
    pub(crate) groups: Groups,
    /// Which group (its distinguished name) gives which role.
    pub(crate) roles: Vec<(String, String)>,
    /// How long a login may take: [`TIME_LIMIT`].
    pub(crate) time_limit: Duration,
}

/// Whom the directory knows by this name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// What stays when the person is renamed: the value of the id attribute, bytes as hex digits.
    pub(crate) subject: String,
    /// The entry.
    pub(crate) dn: String,
    /// The person's name, where there is one.
    pub(crate) name: Option<String>,
    /// The mail address, where there is one. The directory vouches for it.
    pub(crate) mail: Option<String>,
    /// Distinguished names of groups, at most [`MAX_GROUPS`].
    pub(crate) groups: BTreeSet<String>,
    /// What they give.
    pub(crate) roles: BTreeSet<String>,
}

/// A directory that can be asked for logins.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    peer: Peer,
    settings: DirectorySettings,
    places: Semaphore,
}

impl Directory {
    /// A directory by these settings. Reads the CA file; connects to nobody.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub(crate) fn new(settings: DirectorySettings) -> Result<Self, DirectoryError> {
        let wrong = |setting, why| Err(DirectoryError::Setting { setting, why });
        if settings.bind_dn.is_empty() || settings.bind_password.expose_secret().is_empty() {
            return wrong("bind_dn", "or its password is empty: name the account that looks for entries");
        }
        if !names::is_template(&settings.filter, false) {
            return wrong("filter", "is not a filter with one {}: write (&(objectClass=person)(uid={}))");
        }
        if let Groups::Search { filter, .. } = &settings.groups
            && !names::is_template(filter, true)
        {
            return wrong("groups.filter", "is not a filter with {dn} or {}: write (member={dn})");
        }
        let trust = outbound::trust(settings.ca_file.as_deref())?;
        let peer = Peer::new(&settings.host, settings.port, trust)?;
        Ok(Self { inner: Arc::new(Inner { peer, settings, places: Semaphore::new(MAX_LOGINS) }) })
    }

    /// Whom the directory knows by this name and password; nobody when either is wrong, or when the name is not one person's.
    ///
    /// # Errors
    /// When the directory cannot be asked: that says nothing of name and password.
    pub(crate) async fn login(
        &self,
        _attempt: &Attempt,
        name: &str,
        password: &SecretString,
    ) -> Result<Option<Identity>, DirectoryError> {
        // Many directories take a bind without a password for "nobody in particular" and say yes (RFC 4513, 5.1.2).
        let length = password.expose_secret().len();
        let is_name = !name.trim().is_empty() && name.len() <= MAX_NAME && !name.contains(char::is_control);
        if !is_name || length == 0 || length > MAX_PASSWORD {
            return Ok(None);
        }
        let (inner, name, password) = (Arc::clone(&self.inner), name.to_owned(), password.clone());
        self.apart(async move { inner.login(&name, &password).await }).await
    }

    /// Connects, logs in as the service account and looks for a name that nobody has.
    ///
    /// # Errors
    /// What every login would fail for.
    pub(crate) async fn check(&self) -> Result<(), DirectoryError> {
        let inner = Arc::clone(&self.inner);
        self.apart(async move {
            let mut connection = inner.as_service().await?;
            inner.entry(&mut connection, &random_name()?).await?;
            connection.close().await;
            Ok(())
        })
        .await
    }

    /// Does the work in a task of its own, ended with this future: the library panics at answers that are no LDAP, and that
    /// shall cost one login only.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, DirectoryError>> + Send + 'static,
    ) -> Result<T, DirectoryError> {
        let inner = &self.inner;
        let broken = || DirectoryError::Broken { server: inner.server() };
        inner
            .peer
            .within(inner.settings.time_limit, async {
                let _place = inner.places.acquire().await.map_err(|_| broken())?;
                let mut task = JoinSet::new();
                task.spawn(work);
                match task.join_next().await {
                    Some(Ok(done)) => done,
                    Some(Err(_)) => Err(DirectoryError::Protocol { server: inner.server() }),
                    None => Err(broken()),
                }
            })
            .await
    }
}

impl Inner {
    async fn login(&self, name: &str, password: &SecretString) -> Result<Option<Identity>, DirectoryError> {
        let mut connection = self.as_service().await?;
        let entry = self.entry(&mut connection, name).await?;
        // Nobody's name is looked up and tried like somebody's.
        let dn = match &entry {
            Some(entry) => entry.dn.clone(),
            None => format!("uid={},{}", random_name()?, self.settings.base),
        };
        let groups = self.groups(&mut connection, entry.as_ref(), &dn, name).await?;
        let code = connection.bind(&dn, password.expose_secret()).await.map_err(|_| self.broken())?;
        connection.close().await;
        match (code, entry) {
            (SUCCESS, Some(entry)) => self.identity(entry, groups).map(Some),
            (SUCCESS, None) => Ok(None),
            (code, _) if NO.contains(&code) => Ok(None),
            (code, _) => Err(DirectoryError::Undecided { server: self.server(), code }),
        }
    }

    async fn as_service(&self) -> Result<Connection, DirectoryError> {
        let settings = &self.settings;
        let mut connection = connection::open(&self.peer, settings.tls, BUDGET).await?;
        let password = settings.bind_password.expose_secret();
        match connection.bind(&settings.bind_dn, password).await.map_err(|_| self.broken())? {
            SUCCESS => Ok(connection),
            code => Err(DirectoryError::Service { server: self.server(), dn: settings.bind_dn.clone(), code }),
        }
    }

    /// The one entry that the filter finds for this name.
    async fn entry(
        &self,
        connection: &mut Connection,
        name: &str,
    ) -> Result<Option<SearchEntry>, DirectoryError> {
        let settings = &self.settings;
        let mut attributes =
            vec![&*settings.id_attribute, &*settings.name_attribute, &*settings.mail_attribute];
        if let Groups::Attribute(attribute) = &settings.groups {
            attributes.push(attribute);
        }
        let filter = settings.filter.replace("{}", &escaped(name));
        // Two are enough to know that the name is not one person's.
        let mut found = self.search(connection, &settings.base, &filter, &attributes, 2).await?;
        if found.len() > 1 {
            tracing::warn!(
                server = self.server(),
                "a user name fits several entries of the directory: nobody is let in"
            );
            return Ok(None);
        }
        Ok(found.pop().filter(|entry| !entry.dn.trim().is_empty()))
    }

    /// Distinguished names of the groups. Searched for also when there is no entry.
    async fn groups(
        &self,
        connection: &mut Connection,
        entry: Option<&SearchEntry>,
        dn: &str,
        name: &str,
    ) -> Result<BTreeSet<String>, DirectoryError> {
        let groups: Vec<String> = match &self.settings.groups {
            Groups::Attribute(attribute) => {
                entry.and_then(|entry| values(entry, attribute)).cloned().unwrap_or_default()
            }
            Groups::Search { base, filter } => {
                let filter = filter.replace("{}", &escaped(name)).replace("{dn}", &escaped(dn));
                let limit = i32::try_from(MAX_GROUPS).unwrap_or(i32::MAX);
                let found = self.search(connection, base, &filter, &["1.1"], limit).await?;
                found.into_iter().map(|group| group.dn).collect()
            }
        };
        if groups.len() > MAX_GROUPS {
            tracing::warn!(
                server = self.server(),
                "an entry has more groups than are looked at: the first count"
            );
        }
        Ok(groups.into_iter().take(MAX_GROUPS).collect())
    }

    async fn search(
        &self,
        connection: &mut Connection,
        base: &str,
        filter: &str,
        attributes: &[&str],
        limit: i32,
    ) -> Result<Vec<SearchEntry>, DirectoryError> {
        let options =
            SearchOptions::new().deref(DerefAliases::Never).sizelimit(limit).timelimit(SEARCH_SECONDS);
        let ldap = connection.ldap().with_search_options(options);
        let found = ldap.search(base, Scope::Subtree, filter, attributes.to_vec()).await;
        let found = found.map_err(|_| self.broken())?;
        // More than asked for is an answer too; a referral (code 10) is not: it could lead anywhere.
        match found.1.rc {
            SUCCESS | SIZE_LIMIT => Ok(found
                .0
                .into_iter()
                .filter(|entry| !entry.is_ref() && !entry.is_intermediate())
                .map(SearchEntry::construct)
                .collect()),
            code => Err(DirectoryError::Search { server: self.server(), base: base.to_owned(), code }),
        }
    }

    fn identity(&self, entry: SearchEntry, groups: BTreeSet<String>) -> Result<Identity, DirectoryError> {
        let settings = &self.settings;
        let first = |attribute: &str| {
            values(&entry, attribute).and_then(|values| values.first()).map(|value| value.trim())
        };
        let subject = match first(&settings.id_attribute) {
            Some(text) if !text.is_empty() => text.to_owned(),
            _ => bytes(&entry, &settings.id_attribute).ok_or_else(|| DirectoryError::NoId {
                server: self.server(),
                attribute: settings.id_attribute.clone(),
            })?,
        };
        let member_of: BTreeSet<String> = groups.iter().map(|group| normal_dn(group)).collect();
        let given = settings.roles.iter().filter(|(group, _)| member_of.contains(&normal_dn(group)));
        Ok(Identity {
            subject,
            name: first(&settings.name_attribute).filter(|name| !name.is_empty()).map(str::to_owned),
            mail: first(&settings.mail_attribute).filter(|mail| !mail.is_empty()).map(str::to_owned),
            roles: given.map(|(_, role)| role.clone()).collect(),
            dn: entry.dn,
            groups,
        })
    }

    fn broken(&self) -> DirectoryError {
        DirectoryError::Broken { server: self.server() }
    }

    fn server(&self) -> String {
        format!("{}:{}", self.peer.host, self.peer.port)
    }
}

/// Result codes of RFC 4511.
const SUCCESS: u32 = 0;
const SIZE_LIMIT: u32 = 4;

/// Those with which directories say no to a bind: a constraint such as a lock, no such entry, a name that is none, a way or
/// password that does not fit, no right, unwilling (an expired or locked account).
const NO: [u32; 7] = [19, 32, 34, 48, 49, 50, 53];

fn values<'a>(entry: &'a SearchEntry, attribute: &str) -> Option<&'a Vec<String>> {
    entry.attrs.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute)).map(|(_, values)| values)
}

fn bytes(entry: &SearchEntry, attribute: &str) -> Option<String> {
    let (_, values) = entry.bin_attrs.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute))?;
    let value = values.first().filter(|value| !value.is_empty())?;
    Some(hex::encode(value))
}

fn random_name() -> Result<String, DirectoryError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(DirectoryError::Random)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}
