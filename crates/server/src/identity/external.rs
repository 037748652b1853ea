//! Users for whom a directory or an OpenID provider vouches: logged in there, with what their groups give here.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use openidconnect::url::Url;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretString};

use super::gate::{Attempt, Surface};
use super::ldap::{self, Directory};
use super::login::{Begun, From, LoginError, Logins};
use super::oidc::{Callback, OidcError, Pending, Provider};
use super::post::Outbox;
use super::roles::{self, Assignment};
use super::sessions::Factors;
use super::users::{self, NewUser, Origin, State, User, UserError};
use crate::ledger::{Happened, Said, note};
use crate::random;
use crate::serve::ClientAddress;

#[cfg(test)]
pub(crate) mod tests;

/// Logins at the provider that were begun from one address and have not come back.
const PENDING: i64 = 100;

/// Bytes of a full name that are kept.
const FULL_NAME: usize = 200;

/// Servers of others that are asked about users, and the outbox for letters; none is needed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outside {
    /// Knows names and passwords.
    pub(crate) directory: Option<Directory>,
    /// Logs people in by itself.
    pub(crate) provider: Option<Arc<Provider>>,
    /// Takes letters.
    pub(crate) outbox: Option<Outbox>,
}

/// Somebody for whom others vouch.
struct Person {
    origin: Origin,
    /// Who it is there, for ever.
    external_id: String,
    /// What the user could be called here, the best first.
    names: Vec<String>,
    full_name: Option<String>,
    mail: Option<String>,
    roles: BTreeSet<String>,
}

impl Logins {
    /// Checks a name and a password, and begins a session.
    ///
    /// # Errors
    /// [`LoginError::Wrong`] after the same work whether there is such a user or not.
    pub(crate) async fn log_in(
        &self,
        from: &From<'_>,
        name: &str,
        password: SecretString,
        now: Timestamp,
    ) -> Result<Begun, LoginError> {
        let user = users::by_name(&self.store, name).await?;
        let known = user.as_ref().map(|user| user.name.as_str());
        let attempt =
            self.gate.attempt(Surface::Login, from.client, &users::name_key(name), known, now).await?;
        let user = self.whose(&attempt, user, name.trim(), password, now).await?.ok_or(LoginError::Wrong)?;
        self.begin_after(attempt, from, user, Factors::Password, now).await
    }

    /// Whose name and password this is: of `user`, who has the name here, or of whom the directory knows by it.
    ///
    /// Every wrong password costs a hash and, where there is one, a question to the directory. It is never told a password of
    /// a user of ours.
    pub(super) async fn whose(
        &self,
        attempt: &Attempt,
        user: Option<User>,
        name: &str,
        password: SecretString,
        now: Timestamp,
    ) -> Result<Option<User>, LoginError> {
        let is_ours = user.as_ref().is_some_and(|user| user.origin != Origin::Ldap);
        let right = self.password_is_right(attempt, user, password.clone()).await?;
        let Some(directory) = self.outside.directory.as_ref().filter(|_| right.is_none()) else {
            return Ok(right);
        };
        // Other spellings, which a directory may take for the same name, would be counted as other names at the gate.
        if is_ours || !users::is_name(name) {
            directory.login(attempt, &random::public_id()?, &random::token()?).await?;
            return Ok(None);
        }
        match directory.login(attempt, name, &password).await? {
            Some(identity) => self.admitted(&person_of_directory(identity, name), now).await,
            None => Ok(None),
        }
    }

    /// Begins a login at the provider: where to send the browser, and what its cookie holds meanwhile.
    ///
    /// # Errors
    /// When there is no provider, or it does not answer, or too many logins were begun and not ended.
    pub(crate) async fn begin_at_provider(
        &self,
        client: ClientAddress,
        now: Timestamp,
    ) -> Result<(Url, SecretString), LoginError> {
        let provider = self.outside.provider.as_ref().ok_or(LoginError::NoRole)?;
        let (url, pending) = provider.start(now).await?;
        let token = random::token()?;
        let hash = random::sha256_hex(&token);
        let plain = serde_json::to_vec(&pending).map_err(|error| sqlx::Error::Encode(error.into()))?;
        let sealed = self.sealer.seal(&pending_context(&hash), &Zeroizing::new(plain))?;
        sqlx::query("delete from oidc_logins where ends_at <= $1")
            .bind(now.as_millisecond())
            .execute(self.store.writer())
            .await?;
        let kept = sqlx::query(
            "insert into oidc_logins (token_hash, address, sealed, ends_at)
             select $1, $2, $3, $4 where (select count(*) from oidc_logins where address = $2) < $5",
        )
        .bind(&hash)
        .bind(client.ip_key().to_string())
        .bind(&sealed)
        .bind(pending.expires().as_millisecond())
        .bind(PENDING)
        .execute(self.store.writer())
        .await?;
        if kept.rows_affected() == 0 { Err(OidcError::Busy.into()) } else { Ok((url, token)) }
    }

    /// Ends a login at the provider and begins a session. `token` is what the cookie holds; it counts once.
    ///
    /// # Errors
    /// When the answer belongs to no login of this browser, or the provider vouches for nobody with a role.
    pub(crate) async fn finish_at_provider(
        &self,
        from: &From<'_>,
        token: &SecretString,
        callback: &Callback,
        now: Timestamp,
    ) -> Result<Begun, LoginError> {
        let provider = self.outside.provider.as_ref().ok_or(LoginError::NoRole)?;
        let hash = random::sha256_hex(token);
        // Counted for the address: nobody shares this name with anybody.
        let attempt = self.gate.attempt(Surface::Login, from.client, &hash, None, now).await?;
        let sealed: Option<String> =
            sqlx::query_scalar("delete from oidc_logins where token_hash = $1 returning sealed")
                .bind(&hash)
                .fetch_optional(self.store.writer())
                .await?;
        let plain = self.sealer.open(&pending_context(&hash), &sealed.ok_or(OidcError::State)?)?;
        let pending: Pending =
            serde_json::from_slice(plain.expose_secret()).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let identity = provider.finish(pending, callback, now).await?;
        let factors = if identity.has_second_factor { Factors::Both } else { Factors::Password };
        let user = self.admitted(&person_of_provider(identity), now).await?.ok_or(LoginError::NoRole)?;
        self.begin_after(attempt, from, user, factors, now).await
    }

    /// The user of a person for whom others vouch, made or changed to what they say now; none without a role, or when
    /// deactivated here.
    async fn admitted(&self, person: &Person, now: Timestamp) -> Result<Option<User>, LoginError> {
        match self.admit(person, now).await {
            // Two first logins at once: the other one made the user.
            Err(LoginError::User(UserError::Taken(_))) => self.admit(person, now).await,
            done => done,
        }
    }

    async fn admit(&self, person: &Person, now: Timestamp) -> Result<Option<User>, LoginError> {
        let wanted = self.wanted_roles(person).await?;
        let found = self.by_external_id(person).await?;
        if found.as_ref().is_some_and(|user| user.state != State::Active) {
            return Ok(None);
        }
        let id = match found {
            Some(user) => {
                self.follow_changes(&user, person, &wanted, now).await?;
                user.id
            }
            None if wanted.is_empty() => return Ok(None),
            None => {
                let Some(new) = self.new_user(person).await? else { return Ok(None) };
                let mut transaction = self.store.writer().begin().await?;
                let id =
                    users::create(&mut transaction, &new, State::Active, person.origin.as_str(), now).await?;
                roles::give(&mut transaction, &id, &wanted, person.origin.as_str(), now).await?;
                let said = Said::done(Happened::UserJoined).on("user", &id, Some(&new.name));
                let said = said.with("origin", person.origin.as_str()).with("roles", roles::listed(&wanted));
                note(&mut transaction, said).await?;
                transaction.commit().await?;
                tracing::info!(
                    user = new.name,
                    origin = person.origin.as_str(),
                    "a user was made at the first login"
                );
                id
            }
        };
        if wanted.is_empty() { Ok(None) } else { Ok(Some(users::by_id(&self.store, &id).await?)) }
    }

    /// What the person's groups give, of the roles that there are.
    async fn wanted_roles(&self, person: &Person) -> Result<BTreeSet<Assignment>, LoginError> {
        let known: BTreeSet<String> = roles::all(&self.store).await?.into_iter().map(|role| role.id).collect();
        for role in person.roles.difference(&known) {
            tracing::warn!(
                role,
                origin = person.origin.as_str(),
                "a group is given a role that there is not; make it, or name another"
            );
        }
        let given = person.roles.intersection(&known);
        Ok(given.map(|role| Assignment { role: role.clone(), label: None }).collect())
    }

    async fn by_external_id(&self, person: &Person) -> Result<Option<User>, LoginError> {
        let id: Option<String> =
            sqlx::query_scalar("select id from users where origin = $1 and external_id = $2")
                .bind(person.origin.as_str())
                .bind(&person.external_id)
                .fetch_optional(self.store.reader())
                .await?;
        match id {
            Some(id) => Ok(Some(users::by_id(&self.store, &id).await?)),
            None => Ok(None),
        }
    }

    /// Writes what changed there. Who administers is decided there too: nobody is kept an administrator here.
    async fn follow_changes(
        &self,
        user: &User,
        person: &Person,
        wanted: &BTreeSet<Assignment>,
        now: Timestamp,
    ) -> Result<(), LoginError> {
        let name = match person.names.first() {
            Some(name) if person.origin == Origin::Ldap && self.is_free_name(name).await? => name.clone(),
            _ => user.name.clone(),
        };
        let mail = self.free_mail(person, &user.id).await?;
        let new = checked(person, name, mail)?;
        let held: BTreeSet<Assignment> =
            roles::assignments_of(&self.store, &user.id).await?.into_iter().collect();
        let is_same = (&new.name, &new.full_name, &new.mail) == (&user.name, &user.full_name, &user.mail);
        if is_same && held == *wanted {
            return Ok(());
        }
        let mut transaction = self.store.writer().begin().await?;
        // First the user's row: another login of the same user waits for it, and then sees the roles that were given here.
        sqlx::query(
            "update users set name = $2, name_key = $3, full_name = $4, mail = $5, mail_key = $6, version = version + 1
             where id = $1",
        )
        .bind(&user.id)
        .bind(&new.name)
        .bind(users::name_key(&new.name))
        .bind(&new.full_name)
        .bind(new.mail.as_deref())
        .bind(new.mail.as_ref().map(|mail| mail.to_lowercase()))
        .execute(&mut *transaction)
        .await?;
        if held != *wanted {
            sqlx::query("delete from assignments where user_id = $1")
                .bind(&user.id)
                .execute(&mut *transaction)
                .await?;
            roles::give(&mut transaction, &user.id, wanted, person.origin.as_str(), now).await?;
            tracing::info!(
                user = new.name,
                origin = person.origin.as_str(),
                "the roles of a user follow changed groups"
            );
        }
        let happened = if held == *wanted { Happened::UserChanged } else { Happened::RolesAssigned };
        let said = Said::done(happened).on("user", &user.id, Some(&new.name));
        let said = said.with("origin", person.origin.as_str()).with("roles", roles::listed(wanted));
        note(&mut transaction, said).await?;
        Ok(transaction.commit().await?)
    }

    /// Who the person becomes here; nobody when every name is somebody else's.
    async fn new_user(&self, person: &Person) -> Result<Option<NewUser>, LoginError> {
        for name in &person.names {
            if users::is_name(name) && self.is_free_name(name).await? {
                let mail = self.free_mail(person, "").await?;
                return Ok(Some(checked(person, name.clone(), mail)?));
            }
        }
        tracing::warn!(
            origin = person.origin.as_str(),
            "somebody with a role is not let in: a user of the same name is somebody else, or the name cannot be one here"
        );
        Ok(None)
    }

    async fn is_free_name(&self, name: &str) -> Result<bool, LoginError> {
        Ok(users::is_name(name) && users::by_name(&self.store, name).await?.is_none())
    }

    /// The mail address, unless it is another user's.
    async fn free_mail(&self, person: &Person, own_id: &str) -> Result<Option<String>, LoginError> {
        let Some(mail) = &person.mail else { return Ok(None) };
        let holder = users::by_mail(&self.store, mail).await?;
        Ok(holder.is_none_or(|holder| holder.id == own_id).then(|| mail.clone()))
    }
}

/// The user as it can be: without a mail address that is none, with a full name that is one.
fn checked(person: &Person, name: String, mail: Option<String>) -> Result<NewUser, UserError> {
    let told = person.full_name.as_deref().unwrap_or_default();
    let mut full_name: String = told.chars().filter(|letter| !letter.is_control()).collect();
    full_name.truncate(full_name.floor_char_boundary(FULL_NAME));
    if full_name.trim().is_empty() {
        full_name.clone_from(&name);
    }
    let (origin, external_id) = (person.origin, Some(person.external_id.clone()));
    let new = NewUser { name, full_name, mail, origin, external_id };
    let without = NewUser { mail: None, ..new.clone() };
    new.checked().or_else(|_| without.checked())
}

fn person_of_directory(identity: ldap::Identity, name: &str) -> Person {
    Person {
        origin: Origin::Ldap,
        external_id: identity.subject,
        names: vec![name.to_owned()],
        full_name: identity.name,
        mail: identity.mail,
        roles: identity.roles,
    }
}

fn person_of_provider(identity: super::oidc::Identity) -> Person {
    let mail = identity.mail.filter(|_| identity.is_mail_verified);
    Person {
        origin: Origin::Oidc,
        // An address has no blanks.
        external_id: format!("{} {}", identity.issuer, identity.subject),
        names: [identity.username, mail.clone(), Some(identity.subject)].into_iter().flatten().collect(),
        full_name: identity.name,
        mail,
        roles: identity.roles,
    }
}

/// What a sealed login is bound to.
fn pending_context(hash: &str) -> String {
    format!("login at a provider {hash}")
}
