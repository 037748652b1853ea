//! From a credential to a session: login, second factor, unlocking, set-up, and who calls.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::{Any, Transaction};

use super::external::Outside;
use super::gate::{Attempt, Gate, GateError, Surface};
use super::ldap::DirectoryError;
use super::links::{self, LinkError};
use super::oidc::OidcError;
use super::passkeys::Passkeys;
use super::password::{HashError, Hasher, KnownBad, Policy, Refusal, Verified};
use super::roles::{self, ADMINISTRATOR, Assignment, Rights, RoleError};
use super::second_factors::FactorError;
use super::sessions::{self, Factors, Session, SessionError, SessionLimits};
use super::users::{self, NewUser, State, User, UserError};
use super::{recovery, tokens, totp};
use crate::ledger::{Happened, Said, note};
use crate::random::RandomError;
use crate::seal::{SealError, Sealer};
use crate::serve::ClientAddress;
use crate::store::{Store, StoreError};

mod passwords;

#[cfg(test)]
pub(crate) mod tests;

/// Who asks, from where.
#[derive(Clone, Debug)]
pub(crate) struct From<'a> {
    /// The address, as the gate counts it.
    pub(crate) client: ClientAddress,
    /// What the browser calls itself.
    pub(crate) agent: &'a str,
}

/// What still stands between a session and its rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    /// It was idle for too long: a credential must be shown again.
    Locked,
    /// The second factor must be shown.
    SecondFactor,
    /// A second factor must be set up.
    Enrolment,
    /// The password has reached its age.
    PasswordChange,
}

/// Who calls, and what he may do.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The user.
    pub(crate) user: User,
    /// What is permitted now; nothing while something is pending.
    pub(crate) rights: Rights,
    /// The session; none: an API token was shown.
    pub(crate) session: Option<Session>,
    /// The name of the API token that was shown.
    pub(crate) token: Option<String>,
    /// What must be done first.
    pub(crate) pending: Option<Pending>,
}

/// A session that began.
pub(crate) struct Begun {
    /// What the cookie holds.
    pub(crate) token: SecretString,
    /// The user.
    pub(crate) user: User,
    /// What must be done first.
    pub(crate) pending: Option<Pending>,
}

/// A second factor that was shown.
pub(crate) enum Factor {
    /// The code of an authenticator app.
    Totp(SecretString),
    /// A recovery code.
    Recovery(SecretString),
}

/// Why nobody is let in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoginError {
    /// A credential was wrong, or there is no such user: which, is not told.
    #[error("that was not right")]
    Wrong,
    /// The gate.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// The password that was chosen will not do.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many hashes are waiting.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The account's data will not do.
    #[error(transparent)]
    User(#[from] UserError),
    /// The directory cannot be asked.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The OpenID provider does not vouch for anybody.
    #[error(transparent)]
    Provider(#[from] OidcError),
    /// There is no mail server.
    #[error("this server sends no mail; ask an administrator for a code with which you choose a new password")]
    NoMail,
    /// Somebody else vouches for a person who has no role here, or may not log in any more.
    #[error("you are known, but have no role here")]
    NoRole,
    /// A sealed secret cannot be opened.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// No QR code could be made.
    #[error(transparent)]
    Enrol(#[from] totp::EnrolError),
    /// A passkey, or a factor that cannot be removed.
    #[error(transparent)]
    Factor(#[from] FactorError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl std::convert::From<sqlx::Error> for LoginError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl std::convert::From<SessionError> for LoginError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Random(error) => error.into(),
            SessionError::Store(error) => error.into(),
        }
    }
}

impl std::convert::From<LinkError> for LoginError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Random(error) => error.into(),
            LinkError::Store(error) => error.into(),
        }
    }
}

impl std::convert::From<RoleError> for LoginError {
    fn from(error: RoleError) -> Self {
        UserError::from(error).into()
    }
}

/// All that logins need.
#[derive(Clone)]
pub(crate) struct Logins {
    pub(crate) store: Store,
    pub(crate) gate: Gate,
    pub(crate) hasher: Arc<Hasher>,
    pub(crate) policy: Policy,
    pub(crate) known_bad: Arc<KnownBad>,
    pub(crate) sealer: Arc<Sealer>,
    pub(crate) sessions: SessionLimits,
    /// Whether everybody needs a second factor, not administrators alone.
    pub(crate) mfa_enabled: bool,
    /// The name that authenticator apps show.
    pub(crate) issuer: String,
    /// None where the server's address is no name: browsers know no passkeys there.
    pub(crate) passkeys: Option<Arc<Passkeys>>,
    /// Who else vouches for users, and who carries letters to them.
    pub(crate) outside: Outside,
}

impl Logins {
    /// The user, when he is active and this is his password.
    pub(super) async fn password_is_right(
        &self,
        attempt: &Attempt,
        user: Option<User>,
        password: SecretString,
    ) -> Result<Option<User>, LoginError> {
        let id = user.as_ref().map_or("", |user| user.id.as_str());
        let kept = users::kept(&self.store, id).await?;
        let verified = self.hasher.verify(attempt, password.clone(), kept.password.as_deref()).await?;
        let (Some(user), Verified::Right { needs_rehash }) = (user, verified) else { return Ok(None) };
        if user.state != State::Active {
            return Ok(None);
        }
        if let (true, Some(former)) = (needs_rehash, &kept.password) {
            let stronger = self.hasher.hash(password).await?;
            users::rehash(&self.store, &user.id, former, &stronger).await?;
        }
        Ok(Some(user))
    }

    pub(super) async fn begin(
        &self,
        from: &From<'_>,
        user: User,
        factors: Factors,
        now: Timestamp,
    ) -> Result<Begun, LoginError> {
        let transaction = self.store.writer().begin().await?;
        self.begin_in(transaction, from, user, factors, now).await
    }

    /// The same right after the attempt that it rests on, which is cleared with it.
    pub(super) async fn begin_after(
        &self,
        attempt: Attempt,
        from: &From<'_>,
        user: User,
        factors: Factors,
        now: Timestamp,
    ) -> Result<Begun, LoginError> {
        let mut transaction = self.store.writer().begin().await?;
        attempt.succeeded_in(&mut transaction).await?;
        self.begin_in(transaction, from, user, factors, now).await
    }

    async fn begin_in(
        &self,
        mut transaction: Transaction<'_, Any>,
        from: &From<'_>,
        user: User,
        factors: Factors,
        now: Timestamp,
    ) -> Result<Begun, LoginError> {
        let address = from.client.to_string();
        let token =
            sessions::begin(&mut transaction, self.sessions, &user.id, factors, (&address, from.agent), now)
                .await?;
        users::logged_in(&mut transaction, &user.id, &address, now).await?;
        let said = Said::done(Happened::SessionBegun).by(&user).on_user(&user);
        note(&mut transaction, said.with("factors", factors.as_str())).await?;
        transaction.commit().await?;
        let rights = roles::rights_of(&self.store, &user.id).await?;
        let pending = self.pending(&user, &rights, factors, now);
        Ok(Begun { token, user, pending })
    }

    /// What somebody who showed these factors must do before anything else.
    fn pending(&self, user: &User, rights: &Rights, factors: Factors, now: Timestamp) -> Option<Pending> {
        if user.has_second_factor() && factors != Factors::Both {
            return Some(Pending::SecondFactor);
        }
        // Who logs in elsewhere has no password here that could age.
        if user.password_at.is_some_and(|since| self.policy.is_expired(since, now)) {
            return Some(Pending::PasswordChange);
        }
        (self.needs_factor(rights) && !user.has_second_factor()).then_some(Pending::Enrolment)
    }

    /// Whether somebody with these rights must have a second factor.
    pub(crate) fn needs_factor(&self, rights: &Rights) -> bool {
        self.mfa_enabled || rights.changes_access()
    }

    /// Who shows this session's token; none when there is no such session.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn caller(
        &self,
        token: &SecretString,
        now: Timestamp,
    ) -> Result<Option<Caller>, LoginError> {
        let Some(session) = sessions::resume(&self.store, self.sessions, token, now).await? else {
            return Ok(None);
        };
        let user = users::by_id(&self.store, &session.user_id).await?;
        if user.state != State::Active {
            return Ok(None);
        }
        let rights = roles::rights_of(&self.store, &user.id).await?;
        let pending = if session.locked {
            Some(Pending::Locked)
        } else {
            self.pending(&user, &rights, session.factors, now)
        };
        let rights = if pending.is_some() { Rights::default() } else { rights };
        Ok(Some(Caller { user, rights, session: Some(session), token: None, pending }))
    }

    /// Who shows this API token.
    ///
    /// # Errors
    /// [`LoginError::Wrong`], or the gate.
    pub(crate) async fn token_caller(
        &self,
        from: &From<'_>,
        shown: &SecretString,
        now: Timestamp,
    ) -> Result<Caller, LoginError> {
        let shown = tokens::read(shown);
        // What is no token at all is counted for itself.
        let id = shown.as_ref().map_or("", |shown| shown.id.as_str());
        let attempt = self.gate.attempt(Surface::ValidateToken, from.client, id, None, now).await?;
        let shown = shown.ok_or(LoginError::Wrong)?;
        let address = from.client.to_string();
        let token = tokens::check(&attempt, &self.store, &shown, &address, now).await?;
        let token = token.ok_or(LoginError::Wrong)?;
        let user = users::by_id(&self.store, &token.user_id).await?;
        if user.state != State::Active {
            return Err(LoginError::Wrong);
        }
        attempt.succeeded(&self.store).await?;
        let rights = roles::rights_of(&self.store, &user.id).await?.within(&token.permissions);
        Ok(Caller { user, rights, session: None, token: Some(token.name), pending: None })
    }

    /// Shows a second factor for a session: it has its rights then, and its window for dangerous acts opens.
    ///
    /// # Errors
    /// [`LoginError::Wrong`], or the gate.
    pub(crate) async fn show_factor(
        &self,
        from: &From<'_>,
        caller: &Caller,
        factor: Factor,
        now: Timestamp,
    ) -> Result<SecretString, LoginError> {
        let session = caller.session.as_ref().ok_or(LoginError::Wrong)?;
        let attempt = self.attempt_factor(from, &caller.user, now).await?;
        self.factor_is_right(&attempt, &caller.user, factor, now).await?;
        attempt.succeeded(&self.store).await?;
        Ok(sessions::confirm(&self.store, self.sessions, &session.id, Factors::Both, now).await?)
    }

    pub(super) async fn attempt_factor(
        &self,
        from: &From<'_>,
        user: &User,
        now: Timestamp,
    ) -> Result<Attempt, LoginError> {
        let name = users::name_key(&user.name);
        Ok(self.gate.attempt(Surface::MfaValidation, from.client, &name, Some(&user.name), now).await?)
    }

    async fn factor_is_right(
        &self,
        attempt: &Attempt,
        user: &User,
        factor: Factor,
        now: Timestamp,
    ) -> Result<(), LoginError> {
        match factor {
            Factor::Totp(code) => {
                let kept = users::kept(&self.store, &user.id).await?;
                let sealed = kept.totp.filter(|_| user.totp_at.is_some()).ok_or(LoginError::Wrong)?;
                let secret = self.sealer.open(&totp_context(&user.id), &sealed)?;
                let step = totp::verify(attempt, &secret, &code, now, kept.totp_step);
                let step = step.ok_or(LoginError::Wrong)?;
                if users::take_step(&self.store, &user.id, step).await? {
                    Ok(())
                } else {
                    Err(LoginError::Wrong)
                }
            }
            Factor::Recovery(code) => {
                let codes = users::recovery_codes(&self.store, &user.id).await?;
                let found = recovery::find(attempt, &codes, &code).and_then(|index| codes.get(index));
                let hash = found.ok_or(LoginError::Wrong)?;
                if users::use_recovery(&self.store, &user.id, hash, now).await? {
                    Ok(())
                } else {
                    Err(LoginError::Wrong)
                }
            }
        }
    }

    /// Shows the password of a locked session again.
    ///
    /// # Errors
    /// [`LoginError::Wrong`], or the gate.
    pub(crate) async fn unlock(
        &self,
        from: &From<'_>,
        caller: &Caller,
        password: SecretString,
        now: Timestamp,
    ) -> Result<(), LoginError> {
        let session = caller.session.as_ref().ok_or(LoginError::Wrong)?;
        self.show_password(from, &caller.user, password, now).await?;
        Ok(sessions::unlock(&self.store, &session.id, now).await?)
    }

    async fn show_password(
        &self,
        from: &From<'_>,
        user: &User,
        password: SecretString,
        now: Timestamp,
    ) -> Result<(), LoginError> {
        let name = users::name_key(&user.name);
        let attempt = self.gate.attempt(Surface::Login, from.client, &name, Some(&user.name), now).await?;
        let right = self.whose(&attempt, Some(user.clone()), &user.name, password, now).await?;
        right.filter(|right| right.id == user.id).ok_or(LoginError::Wrong)?;
        Ok(attempt.succeeded(&self.store).await?)
    }

    /// Begins to set up an authenticator app: what it must be told, until it is confirmed.
    ///
    /// # Errors
    /// When something cannot be made or kept.
    pub(crate) async fn begin_totp(&self, user: &User) -> Result<totp::Enrolment, LoginError> {
        let kept = users::kept(&self.store, &user.id).await?;
        // The page may be loaded again: what was scanned must still be right.
        if let (Some(sealed), None) = (&kept.totp, user.totp_at) {
            let secret = self.sealer.open(&totp_context(&user.id), sealed)?;
            return Ok(totp::enrolment(secret.expose_secret(), &self.issuer, &user.name)?);
        }
        let enrolment = totp::enrol(&self.issuer, &user.name)?;
        let sealed = self.sealer.seal(&totp_context(&user.id), enrolment.secret.expose_secret())?;
        users::begin_totp(&self.store, &user.id, &sealed).await?;
        Ok(enrolment)
    }

    /// Confirms an authenticator app by its first code; returns the recovery codes, which are shown once, and the
    /// session's new token.
    ///
    /// # Errors
    /// [`LoginError::Wrong`], or the gate.
    pub(crate) async fn confirm_totp(
        &self,
        from: &From<'_>,
        caller: &Caller,
        code: &SecretString,
        now: Timestamp,
    ) -> Result<(Vec<SecretString>, SecretString), LoginError> {
        let session = caller.session.as_ref().ok_or(LoginError::Wrong)?;
        let user = &caller.user;
        let attempt = self.attempt_factor(from, user, now).await?;
        let kept = users::kept(&self.store, &user.id).await?;
        let sealed = kept.totp.filter(|_| user.totp_at.is_none()).ok_or(LoginError::Wrong)?;
        let secret = self.sealer.open(&totp_context(&user.id), &sealed)?;
        let step = totp::verify(&attempt, &secret, code, now, kept.totp_step).ok_or(LoginError::Wrong)?;
        if !users::take_step(&self.store, &user.id, step).await? {
            return Err(LoginError::Wrong);
        }
        attempt.succeeded(&self.store).await?;
        let (codes, hashes) = recovery::generate()?;
        users::confirm_totp(&self.store, &user.id, &hashes, now).await?;
        let token = sessions::confirm(&self.store, self.sessions, &session.id, Factors::Both, now).await?;
        self.tell_factor_added(user, "authenticator app", from, now);
        Ok((codes, token))
    }

    /// Makes the first administrator with the set-up code.
    ///
    /// # Errors
    /// A wrong or used code, or an account that will not do.
    pub(crate) async fn set_up(
        &self,
        from: &From<'_>,
        code: &SecretString,
        new: NewUser,
        password: SecretString,
        now: Timestamp,
    ) -> Result<Begun, LoginError> {
        let attempt = self.gate.attempt(Surface::Login, from.client, "set-up code", None, now).await?;
        let open = links::find(&attempt, &self.store, links::Kind::SetUp, code, now).await?;
        let open = open.ok_or(LoginError::Wrong)?;
        // The code is what was guessed or known; a name or password that will not do is no guess.
        attempt.succeeded(&self.store).await?;
        let new = new.checked()?;
        let own = own_words(&new.name, &new.full_name, new.mail.as_deref());
        self.hasher.judge(&attempt, &self.policy, &self.known_bad, &password, &own, &[]).await??;
        let hash = self.hasher.hash(password).await?;
        let mut transaction = self.store.writer().begin().await?;
        if !links::use_up(&mut transaction, &open, now).await? {
            return Err(LoginError::Wrong);
        }
        let id = users::create(&mut transaction, &new, State::Active, "set-up", now).await?;
        let former = users::Kept { password: None, history: Vec::new(), totp: None, totp_step: None };
        users::set_password(&mut transaction, &id, &hash, &former, self.policy.history, now).await?;
        let administrator = Assignment { role: ADMINISTRATOR.to_owned(), label: None };
        roles::give(&mut transaction, &id, &[administrator].into(), "set-up", now).await?;
        note(&mut transaction, Said::done(Happened::FirstAdministrator).on("user", &id, Some(&new.name)))
            .await?;
        transaction.commit().await?;
        let user = users::by_id(&self.store, &id).await?;
        self.begin(from, user, Factors::Password, now).await
    }
}

fn later(time: Timestamp, by: std::time::Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

/// What the sealed secret of an authenticator app is bound to.
fn totp_context(user_id: &str) -> String {
    format!("totp {user_id}")
}

fn own_words(name: &str, full_name: &str, mail: Option<&str>) -> Vec<String> {
    [Some(name), Some(full_name), mail].into_iter().flatten().map(str::to_owned).collect()
}
