//! Passwords that are chosen, changed and shown again; invitations and resets.

use std::collections::BTreeSet;

use jiff::Timestamp;
use secrecy::SecretString;

use super::{Begun, Caller, Factor, From, LoginError, Logins, Pending, later, own_words};
use crate::identity::gate::{Attempt, Surface};
use crate::identity::links::{self, Open};
use crate::identity::roles::{self, Assignment};
use crate::identity::sessions::{self, Factors};
use crate::identity::users::{self, NewUser, State, User};
use crate::ledger::{Happened, Said, note};

impl Logins {
    /// Makes a user who chooses the password with the code that is returned.
    ///
    /// # Errors
    /// A taken name, or an unknown role.
    pub(crate) async fn invite(
        &self,
        new: NewUser,
        roles: &BTreeSet<Assignment>,
        by: &str,
        now: Timestamp,
    ) -> Result<(String, SecretString), LoginError> {
        let mut transaction = self.store.writer().begin().await?;
        let id = users::create(&mut transaction, &new, State::Invited, by, now).await?;
        roles::give(&mut transaction, &id, roles, by, now).await?;
        let code = links::make(&mut transaction, links::Kind::Invitation, Some(&id), now).await?;
        let said = Said::done(Happened::UserInvited).on("user", &id, Some(&new.name));
        note(&mut transaction, said.with("roles", roles::listed(roles))).await?;
        transaction.commit().await?;
        Ok((id, code))
    }

    /// Makes a code for a user that there is.
    ///
    /// # Errors
    /// When it cannot be made or kept.
    pub(crate) async fn link(
        &self,
        kind: links::Kind,
        user: &User,
        now: Timestamp,
    ) -> Result<SecretString, LoginError> {
        let mut transaction = self.store.writer().begin().await?;
        let code = links::make(&mut transaction, kind, Some(&user.id), now).await?;
        let happened = match kind {
            links::Kind::Invitation => Happened::UserInvited,
            links::Kind::Reset | links::Kind::SetUp => Happened::ResetOffered,
        };
        note(&mut transaction, Said::done(happened).on_user(user)).await?;
        transaction.commit().await?;
        Ok(code)
    }

    /// What an invitation's or a reset's code opens, counted at the gate.
    ///
    /// # Errors
    /// [`LoginError::Wrong`] when it opens nothing.
    pub(crate) async fn follow(
        &self,
        from: &From<'_>,
        kind: links::Kind,
        code: &SecretString,
        now: Timestamp,
    ) -> Result<(Attempt, Open, User), LoginError> {
        let attempt = self.gate.attempt(Surface::Login, from.client, "link", None, now).await?;
        let open = links::find(&attempt, &self.store, kind, code, now).await?.ok_or(LoginError::Wrong)?;
        let id = open.user_id.as_deref().ok_or(LoginError::Wrong)?;
        let user = users::by_id(&self.store, id).await?;
        if user.state == State::Deactivated {
            return Err(LoginError::Wrong);
        }
        Ok((attempt, open, user))
    }

    /// Chooses a password with the code of an invitation or of a reset; all sessions of the user end.
    ///
    /// # Errors
    /// A wrong or used code, or a password that will not do.
    pub(crate) async fn choose_password(
        &self,
        from: &From<'_>,
        kind: links::Kind,
        code: &SecretString,
        password: SecretString,
        now: Timestamp,
    ) -> Result<Begun, LoginError> {
        let (attempt, open, user) = self.follow(from, kind, code, now).await?;
        attempt.succeeded(&self.store).await?;
        let (hash, kept) = self.new_password(&attempt, &user, password).await?;
        let mut transaction = self.store.writer().begin().await?;
        if !links::use_up(&mut transaction, &open, now).await? {
            return Err(LoginError::Wrong);
        }
        users::set_password(&mut transaction, &user.id, &hash, &kept, self.policy.history, now).await?;
        users::activate(&mut transaction, &user.id).await?;
        sessions::end_others(&mut transaction, &user.id, "").await?;
        let said = Said::done(Happened::PasswordChanged).by(&user).on_user(&user);
        note(&mut transaction, said.with("with", kind.as_str())).await?;
        transaction.commit().await?;
        if kind == links::Kind::Reset {
            self.tell_password_changed(&user, from, now);
        }
        let user = users::by_id(&self.store, &user.id).await?;
        self.begin(from, user, Factors::Password, now).await
    }

    /// Changes one's own password; all other sessions end.
    ///
    /// # Errors
    /// The present one was wrong, or the new one will not do.
    pub(crate) async fn change_password(
        &self,
        from: &From<'_>,
        caller: &Caller,
        present: SecretString,
        password: SecretString,
        now: Timestamp,
    ) -> Result<(), LoginError> {
        let session = caller.session.as_ref().ok_or(LoginError::Wrong)?;
        let user = &caller.user;
        let name = users::name_key(&user.name);
        let attempt = self.gate.attempt(Surface::Login, from.client, &name, Some(&user.name), now).await?;
        let right = self.password_is_right(&attempt, Some(user.clone()), present).await?;
        right.ok_or(LoginError::Wrong)?;
        attempt.succeeded(&self.store).await?;
        let (hash, kept) = self.new_password(&attempt, user, password).await?;
        let mut transaction = self.store.writer().begin().await?;
        users::set_password(&mut transaction, &user.id, &hash, &kept, self.policy.history, now).await?;
        sessions::end_others(&mut transaction, &user.id, &session.id).await?;
        note(&mut transaction, Said::done(Happened::PasswordChanged).on_user(user)).await?;
        transaction.commit().await?;
        self.tell_password_changed(user, from, now);
        Ok(())
    }

    /// Chooses a new password in place of one that has reached its age, which was shown a moment ago; all other sessions
    /// end.
    ///
    /// # Errors
    /// The session does not wait for that, or the new password will not do.
    pub(crate) async fn replace_expired(
        &self,
        from: &From<'_>,
        caller: &Caller,
        password: SecretString,
        now: Timestamp,
    ) -> Result<(), LoginError> {
        let session = caller.session.as_ref().ok_or(LoginError::Wrong)?;
        let user = &caller.user;
        let shown_lately = later(session.created_at, self.sessions.privilege) > now;
        if caller.pending != Some(Pending::PasswordChange) || !shown_lately {
            return Err(LoginError::Wrong);
        }
        let name = users::name_key(&user.name);
        let attempt = self.gate.attempt(Surface::Login, from.client, &name, Some(&user.name), now).await?;
        // The password was shown a moment ago: nothing is guessed here.
        attempt.succeeded(&self.store).await?;
        let (hash, kept) = self.new_password(&attempt, user, password).await?;
        let mut transaction = self.store.writer().begin().await?;
        users::set_password(&mut transaction, &user.id, &hash, &kept, self.policy.history, now).await?;
        sessions::end_others(&mut transaction, &user.id, &session.id).await?;
        note(&mut transaction, Said::done(Happened::PasswordChanged).on_user(user)).await?;
        Ok(transaction.commit().await?)
    }

    /// Shows the password once more, and a second factor where there is one: the window for dangerous
    /// acts opens. Returns the session's new token.
    ///
    /// # Errors
    /// [`LoginError::Wrong`], or the gate.
    pub(crate) async fn step_up(
        &self,
        from: &From<'_>,
        caller: &Caller,
        password: SecretString,
        factor: Option<Factor>,
        now: Timestamp,
    ) -> Result<SecretString, LoginError> {
        let session = caller.session.as_ref().ok_or(LoginError::Wrong)?;
        self.show_password(from, &caller.user, password, now).await?;
        if caller.user.has_second_factor() {
            return self.show_factor(from, caller, factor.ok_or(LoginError::Wrong)?, now).await;
        }
        Ok(sessions::confirm(&self.store, self.sessions, &session.id, session.factors, now).await?)
    }

    /// The hash of a password that the policy accepts, and what it replaces.
    async fn new_password(
        &self,
        attempt: &Attempt,
        user: &User,
        password: SecretString,
    ) -> Result<(String, users::Kept), LoginError> {
        let kept = users::kept(&self.store, &user.id).await?;
        let own = own_words(&user.name, &user.full_name, user.mail.as_deref());
        let former: Vec<String> = kept.password.iter().chain(&kept.history).cloned().collect();
        self.hasher.judge(attempt, &self.policy, &self.known_bad, &password, &own, &former).await??;
        Ok((self.hasher.hash(password).await?, kept))
    }
}
