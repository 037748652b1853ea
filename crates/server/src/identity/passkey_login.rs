//! Passkeys as a second factor: made, shown, removed.

use std::sync::Arc;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::login::{Caller, From, LoginError, Logins};
use super::passkeys::{self, Ceremony, PasskeyError, Passkeys};
use super::second_factors::{self, FactorError, Kind, Stored};
use super::sessions::{self, Factors, Session};
use super::users::{self, User};
use super::{recovery, roles};
use crate::ledger::{Happened, Said, note};

#[cfg(test)]
mod tests;

/// A passkey that was kept.
pub(crate) struct Added {
    /// Its identifier.
    pub(crate) id: String,
    /// Its name.
    pub(crate) label: String,
    /// What comes with the first second factor.
    pub(crate) first: Option<First>,
}

/// What comes with the first second factor.
pub(crate) struct First {
    /// The recovery codes, which are shown once.
    pub(crate) codes: Vec<SecretString>,
    /// The session's new token.
    pub(crate) token: SecretString,
}

/// A second factor to remove.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Removed<'a> {
    /// The authenticator app.
    App,
    /// The passkey of this identifier.
    Passkey(&'a str),
}

impl Logins {
    /// Begins to make a passkey: JSON for `navigator.credentials.create()`.
    ///
    /// # Errors
    /// No passkeys here, or too many of them.
    pub(crate) async fn begin_passkey(&self, caller: &Caller, now: Timestamp) -> Result<String, LoginError> {
        let session = session(caller)?;
        let user = &caller.user;
        let passkeys = self.passkeys()?;
        let stored = credentials(second_factors::stored(&self.store, &user.id).await?);
        let ceremony = passkeys
            .start_registration(&user.id, &user.name, &user.full_name, &stored, now)
            .map_err(FactorError::from)?;
        self.keep(session, Kind::Registration, ceremony, now).await
    }

    /// Keeps the passkey that the browser made. The first second factor makes recovery codes, and gives the session its
    /// rights.
    ///
    /// # Errors
    /// An answer that does not fit what was begun in this session, or a passkey that is kept already.
    pub(crate) async fn add_passkey(
        &self,
        from: &From<'_>,
        caller: &Caller,
        label: &str,
        answer: &str,
        now: Timestamp,
    ) -> Result<Added, LoginError> {
        let session = session(caller)?;
        let user = &caller.user;
        let passkeys = self.passkeys()?;
        let state = self.taken(session, Kind::Registration).await?;
        let made = passkeys
            .finish_registration(&user.id, state.expose_secret(), answer, now)
            .map_err(|error| told(error, user))?;
        let label = passkeys::label(label, &made.facts);
        let (codes, hashes) = recovery::generate()?;
        let mut transaction = self.store.writer().begin().await?;
        let there = second_factors::hold(&mut transaction, &user.id).await?;
        if !there.is_none() && !user.has_second_factor() {
            // One was set up elsewhere since this request began: this session has not shown it.
            return Err(FactorError::from(PasskeyError::State).into());
        }
        let id = second_factors::add_passkey(
            &mut transaction,
            &user.id,
            &made,
            (&label, passkeys.name()),
            there,
            now,
        )
        .await?;
        if there.is_none() {
            users::replace_recovery(&mut transaction, &user.id, &hashes).await?;
        }
        let said =
            Said::done(Happened::FactorAdded).on_user(user).with("factor", format!("passkey \"{label}\""));
        note(&mut transaction, said).await?;
        transaction.commit().await?;
        self.tell_factor_added(user, &format!("passkey \"{label}\""), from, now);
        if !there.is_none() {
            return Ok(Added { id, label, first: None });
        }
        let token = sessions::confirm(&self.store, self.sessions, &session.id, Factors::Both, now).await?;
        Ok(Added { id, label, first: Some(First { codes, token }) })
    }

    /// Begins to ask for one of the caller's passkeys: JSON for `navigator.credentials.get()`.
    ///
    /// # Errors
    /// No passkeys here, or none of this user's.
    pub(crate) async fn ask_passkey(&self, caller: &Caller, now: Timestamp) -> Result<String, LoginError> {
        let session = session(caller)?;
        let passkeys = self.passkeys()?;
        let stored = credentials(second_factors::stored(&self.store, &caller.user.id).await?);
        let ceremony = passkeys.start_login(&caller.user.id, &stored, now).map_err(FactorError::from)?;
        self.keep(session, Kind::Login, ceremony, now).await
    }

    /// Shows a passkey for a session: it has its rights then, and its window for dangerous acts opens.
    ///
    /// # Errors
    /// A passkey that does not open, or the gate.
    pub(crate) async fn show_passkey(
        &self,
        from: &From<'_>,
        caller: &Caller,
        answer: &str,
        now: Timestamp,
    ) -> Result<SecretString, LoginError> {
        let session = session(caller)?;
        let user = &caller.user;
        let passkeys = self.passkeys()?;
        let attempt = self.attempt_factor(from, user, now).await?;
        let state = self.taken(session, Kind::Login).await?;
        let stored = second_factors::stored(&self.store, &user.id).await?;
        let passed = passkeys
            .finish_login(&attempt, &user.id, state.expose_secret(), &credentials(stored.clone()), answer, now)
            .map_err(|error| told(error, user))?;
        let former = stored.iter().find(|stored| stored.credential_id == passed.id);
        let former = former.ok_or(LoginError::Wrong)?;
        if !second_factors::used(&self.store, &user.id, &passed, &former.credential, now).await? {
            return Err(LoginError::Wrong);
        }
        attempt.succeeded(&self.store).await?;
        Ok(sessions::confirm(&self.store, self.sessions, &session.id, Factors::Both, now).await?)
    }

    /// Removes a second factor of the caller's; with the last one, the recovery codes.
    ///
    /// # Errors
    /// No such factor, or the last one of somebody who needs one.
    pub(crate) async fn remove_factor(&self, caller: &Caller, factor: Removed<'_>) -> Result<(), LoginError> {
        let user = &caller.user;
        let needs_one = self.needs_factor(&roles::rights_of(&self.store, &user.id).await?);
        let mut transaction = self.store.writer().begin().await?;
        second_factors::hold(&mut transaction, &user.id).await?;
        let was_there = match factor {
            Removed::App => second_factors::drop_app(&mut transaction, &user.id).await?,
            Removed::Passkey(id) => second_factors::drop_passkey(&mut transaction, &user.id, id).await?,
        };
        if !was_there {
            return Err(FactorError::Unknown.into());
        }
        if second_factors::count(&mut transaction, &user.id).await?.is_none() {
            if needs_one {
                return Err(FactorError::Last.into());
            }
            users::replace_recovery(&mut transaction, &user.id, &[]).await?;
        }
        let what = match factor {
            Removed::App => "authenticator app".to_owned(),
            Removed::Passkey(id) => format!("passkey {id}"),
        };
        note(&mut transaction, Said::done(Happened::FactorRemoved).on_user(user).with("factor", what)).await?;
        Ok(transaction.commit().await?)
    }

    /// Makes new recovery codes, which are shown once; the old ones are worth nothing then.
    ///
    /// # Errors
    /// No second factor that they could stand in for.
    pub(crate) async fn renew_codes(
        &self,
        from: &From<'_>,
        caller: &Caller,
        now: Timestamp,
    ) -> Result<Vec<SecretString>, LoginError> {
        let user = &caller.user;
        let (codes, hashes) = recovery::generate()?;
        let mut transaction = self.store.writer().begin().await?;
        if second_factors::hold(&mut transaction, &user.id).await?.is_none() {
            return Err(FactorError::None.into());
        }
        users::replace_recovery(&mut transaction, &user.id, &hashes).await?;
        note(&mut transaction, Said::done(Happened::RecoveryCodesMade).on_user(user)).await?;
        transaction.commit().await?;
        self.tell_factor_added(user, "new recovery codes", from, now);
        Ok(codes)
    }

    fn passkeys(&self) -> Result<&Arc<Passkeys>, LoginError> {
        self.passkeys.as_ref().ok_or_else(|| FactorError::Off.into())
    }

    /// Keeps what the answer will be checked with; returns what the browser gets.
    async fn keep(
        &self,
        session: &Session,
        kind: Kind,
        ceremony: Ceremony,
        now: Timestamp,
    ) -> Result<String, LoginError> {
        let sealed = self.sealer.seal(&context(session, kind), ceremony.state.as_bytes())?;
        second_factors::keep_ceremony(&self.store, &session.id, kind, &sealed, now).await?;
        Ok(ceremony.challenge)
    }

    /// What was begun in this session; it is gone then, whatever comes of it.
    async fn taken(&self, session: &Session, kind: Kind) -> Result<SecretString, LoginError> {
        let sealed = second_factors::take_ceremony(&self.store, &session.id, kind).await?;
        let sealed = sealed.ok_or(FactorError::Passkey(PasskeyError::State))?;
        let state = self.sealer.open(&context(session, kind), &sealed)?;
        let state =
            std::str::from_utf8(state.expose_secret()).map_err(|_| FactorError::from(PasskeyError::State))?;
        Ok(state.into())
    }
}

/// What a sealed ceremony is bound to.
fn context(session: &Session, kind: Kind) -> String {
    format!("passkey {} {}", kind.as_str(), session.id)
}

/// Passkeys are shown by people: no API token has a session.
fn session(caller: &Caller) -> Result<&Session, LoginError> {
    caller.session.as_ref().ok_or(LoginError::Wrong)
}

fn credentials(stored: Vec<Stored>) -> Vec<String> {
    stored.into_iter().map(|stored| stored.credential).collect()
}

/// The error, after the log was told what somebody must look at.
fn told(error: PasskeyError, user: &User) -> FactorError {
    match &error {
        PasskeyError::Copied { id } => {
            tracing::warn!(user = %user.id, passkey = %id, "a passkey counts less than it did: there seems to be a copy of it; it is refused");
        }
        PasskeyError::Refused(reason) => tracing::info!(user = %user.id, %reason, "a passkey is refused"),
        _ => {}
    }
    error.into()
}
