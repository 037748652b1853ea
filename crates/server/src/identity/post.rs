//! Letters to users: an outbox of a hundred, and the one task that carries them.
//!
//! Nothing that somebody waits for sends mail itself: a slow mail server delays letters, never pages.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::gate::Surface;
use super::links;
use super::login::{From, LoginError, Logins};
use super::users::{self, Origin, State, User};
use crate::causes::with_causes;
use crate::clock::Clock;
use crate::mail::{Letter, Line, Link, MailError, Mailer, Message, Site};
use crate::random;
use crate::serve::ClientAddress;
use crate::store::StoreError;

#[cfg(test)]
mod tests;

/// Letters that wait; what does not fit is not sent, and whoever wanted it sent is told.
const WAITING: usize = 100;

/// How long to wait before a letter is tried again, each more or less a half: an hour and a half in all, longer than mail
/// servers keep unknown senders waiting.
pub(crate) const PAUSES: &[Duration] = &[
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(1200),
    Duration::from_secs(3600),
];

/// Who asks for a new password gets no second letter so soon: others may ask in their name.
const RESET_EVERY: Duration = Duration::from_secs(300);

/// Takes letters.
#[derive(Clone, Debug)]
pub(crate) struct Outbox {
    jobs: mpsc::Sender<Job>,
    site: Site,
}

/// Carries them.
#[derive(Debug)]
pub(crate) struct Carrier {
    jobs: mpsc::Receiver<Job>,
    mailer: Mailer,
    pauses: &'static [Duration],
}

/// A user as somebody who is not logged in names one.
#[derive(Clone, Debug)]
pub(crate) enum Named {
    /// By the name.
    User(String),
    /// By the mail address.
    Mail(String),
}

enum Job {
    Carry(Parcel),
    /// Looks for the user and makes a link, apart from the request, whose time would tell whether there is such a user.
    Reset {
        named: Named,
        from: IpAddr,
    },
}

impl std::fmt::Debug for Job {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Letters hold links.
        formatter.write_str("Job")
    }
}

struct Parcel {
    user: String,
    message: Message,
    tried: usize,
}

/// An outbox and who carries what is put there.
pub(crate) fn outbox(mailer: Mailer, site: Site, pauses: &'static [Duration]) -> (Outbox, Carrier) {
    let (sender, jobs) = mpsc::channel(WAITING);
    (Outbox { jobs: sender, site }, Carrier { jobs, mailer, pauses })
}

impl Logins {
    /// Sends a code as a link; whether it is on its way. Not when the user has no address or this system sends no mail.
    ///
    /// `by` is who wanted it, `from` where it was wanted; neither tells an invitation.
    pub(crate) fn mail_link(
        &self,
        kind: links::Kind,
        user: &User,
        by: Option<&str>,
        from: Option<IpAddr>,
        code: &SecretString,
        now: Timestamp,
    ) -> bool {
        let Some(outbox) = &self.outside.outbox else { return false };
        let letter = letter_of_link(&outbox.site, kind, by, from, code, now);
        outbox.put(user, letter)
    }

    /// Tells a user that the password was changed.
    pub(crate) fn tell_password_changed(&self, user: &User, from: &From<'_>, now: Timestamp) {
        if let Some(outbox) = &self.outside.outbox {
            outbox.put(user, Ok(Letter::PasswordChanged { by: None, from: Some(from.client.ip()), at: now }));
        }
    }

    /// Tells a user that a second factor was added: `authenticator app`, or `passkey "desk"`.
    pub(crate) fn tell_factor_added(&self, user: &User, factor: &str, from: &From<'_>, now: Timestamp) {
        if let Some(outbox) = &self.outside.outbox {
            let letter = Line::new("the factor", factor).map(|factor| Letter::FactorAdded {
                factor,
                from: Some(from.client.ip()),
                at: now,
            });
            outbox.put(user, letter);
        }
    }

    /// Tells the administrators who have an address how full the ledger is.
    ///
    /// # Errors
    /// When the database does not say who they are.
    pub(crate) async fn tell_ledger_filling(&self, room: &str) -> Result<(), StoreError> {
        let Some(outbox) = &self.outside.outbox else { return Ok(()) };
        for user in users::administrators(&self.store).await? {
            outbox.put(&user, Line::new("the room", room).map(|room| Letter::LedgerFilling { room }));
        }
        Ok(())
    }

    /// Has a link for a new password sent, when there is such a local and active user with an address. Neither the answer
    /// nor its time tells.
    ///
    /// # Errors
    /// The gate: every request counts, and none is given back. There is no mail server.
    pub(crate) async fn ask_for_reset(
        &self,
        client: ClientAddress,
        named: Named,
        now: Timestamp,
    ) -> Result<(), LoginError> {
        let attempt = self.gate.attempt(Surface::Login, client, "reset", None, now).await?;
        drop(attempt);
        let outbox = self.outside.outbox.as_ref().ok_or(LoginError::NoMail)?;
        if outbox.jobs.try_send(Job::Reset { named, from: client.ip() }).is_err() {
            tracing::warn!(
                "a request for a new password is dropped: too many letters wait for the mail server"
            );
        }
        Ok(())
    }

    /// The parcel with a new link, for whom one may be sent.
    async fn reset_parcel(
        &self,
        site: &Site,
        named: Named,
        from: IpAddr,
        now: Timestamp,
    ) -> Result<Option<Parcel>, LoginError> {
        let user = match named {
            Named::User(name) => users::by_name(&self.store, &name).await?,
            Named::Mail(mail) => users::by_mail(&self.store, &mail).await?,
        };
        let may =
            |user: &User| user.state == State::Active && user.origin == Origin::Local && user.mail.is_some();
        let Some(user) = user.filter(may) else { return Ok(None) };
        let since = now.checked_sub(RESET_EVERY).unwrap_or(now);
        let recent: i64 = sqlx::query_scalar(
            "select count(*) from links where kind = 'reset' and user_id = $1 and created_at > $2 and used_at is null",
        )
        .bind(&user.id)
        .bind(since.as_millisecond())
        .fetch_one(self.store.reader())
        .await?;
        if recent > 0 {
            return Ok(None);
        }
        let code = self.link(links::Kind::Reset, &user, now).await?;
        let letter = letter_of_link(site, links::Kind::Reset, None, Some(from), &code, now);
        Ok(parcel(site, &user, letter))
    }
}

impl Outbox {
    /// Whether the letter is on its way.
    fn put(&self, user: &User, letter: Result<Letter, MailError>) -> bool {
        let Some(parcel) = parcel(&self.site, user, letter) else { return false };
        let is_taken = self.jobs.try_send(Job::Carry(parcel)).is_ok();
        if !is_taken {
            tracing::warn!(user = user.name, "a letter is not sent: too many wait for the mail server");
        }
        is_taken
    }
}

fn letter_of_link(
    site: &Site,
    kind: links::Kind,
    by: Option<&str>,
    from: Option<IpAddr>,
    code: &SecretString,
    now: Timestamp,
) -> Result<Letter, MailError> {
    let link = Link::new(&link(&site.address.to_string(), kind, code))?;
    let until = now.checked_add(kind.lifetime()).unwrap_or(now);
    let by = by.map(|by| Line::new("the administrator", by)).transpose()?;
    Ok(match (kind, by) {
        (links::Kind::Invitation, Some(by)) => Letter::Invitation { by, link, until },
        (_, by) => Letter::Reset { by, from, link, until },
    })
}

/// The address behind which a code opens something. In the query, so that the page needs no script; logs tell routes only.
pub(crate) fn link(origin: &str, kind: links::Kind, code: &SecretString) -> SecretString {
    format!("{origin}/{}?code={}", kind.as_str(), code.expose_secret()).into()
}

fn parcel(site: &Site, user: &User, letter: Result<Letter, MailError>) -> Option<Parcel> {
    let to = user.mail.as_deref()?;
    // Who is called something that no letter may say is called by the name to log in with.
    let name = Line::new("the name", &user.full_name).or_else(|_| Line::new("the name", &user.name));
    match letter.and_then(|letter| Ok(letter.message(site, &name?, to))) {
        Ok(message) => Some(Parcel { user: user.name.clone(), message, tried: 0 }),
        Err(error) => {
            tracing::error!(user = user.name, error = %with_causes(&error), "a letter cannot be written");
            None
        }
    }
}

impl Carrier {
    /// Carries letters until `shutdown`. What waits then is lost: links end, and are made anew.
    pub(crate) async fn run(mut self, logins: Logins, clock: Clock, shutdown: CancellationToken) {
        let mut waiting: Vec<(Instant, Parcel)> = Vec::new();
        loop {
            let due = waiting.iter().map(|(due, _)| *due).min();
            let again = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            let parcel = tokio::select! {
                () = shutdown.cancelled() => break,
                // With as many that wait for another try as the outbox holds, the outbox fills.
                job = self.jobs.recv(), if waiting.len() < WAITING => match job {
                    Some(job) => self.packed(&logins, job, clock.now()).await,
                    None => break,
                },
                () = again => {
                    let at = waiting.iter().position(|(at, _)| Some(*at) == due);
                    at.map(|at| waiting.swap_remove(at).1)
                }
            };
            let Some(parcel) = parcel else { continue };
            tokio::select! {
                () = shutdown.cancelled() => break,
                later = self.carry(parcel, clock.now()) => waiting.extend(later),
            }
        }
        let lost = waiting.len() + self.jobs.len();
        if lost > 0 {
            tracing::warn!(
                lost,
                "letters were not sent before the server stopped; have their links made again"
            );
        }
    }

    async fn packed(&self, logins: &Logins, job: Job, now: Timestamp) -> Option<Parcel> {
        match job {
            Job::Carry(parcel) => Some(parcel),
            Job::Reset { named, from } => {
                let site = &logins.outside.outbox.as_ref()?.site;
                logins.reset_parcel(site, named, from, now).await.unwrap_or_else(|error| {
                    tracing::error!(error = %with_causes(&error), "a link for a new password could not be made");
                    None
                })
            }
        }
    }

    /// Sends a letter; gives it back when it should be tried again, and when.
    async fn carry(&self, mut parcel: Parcel, now: Timestamp) -> Option<(Instant, Parcel)> {
        let error = match self.mailer.send(&parcel.message, now).await {
            Ok(()) => return None,
            Err(error) => error,
        };
        let pause = self.pauses.get(parcel.tried).copied().filter(|_| error.is_passing());
        parcel.tried += 1;
        let Some(pause) = pause else {
            tracing::error!(user = parcel.user, tried = parcel.tried, error = %with_causes(&error), "a letter is given up");
            return None;
        };
        tracing::warn!(user = parcel.user, tried = parcel.tried, error = %with_causes(&error), "a letter was not taken; it is tried again");
        Some((Instant::now() + jittered(pause), parcel))
    }
}

/// Half of it to one and a half.
fn jittered(pause: Duration) -> Duration {
    // Without randomness the time is as good.
    let share = random::bytes::<16>().map_or(128, |bytes| bytes.first().copied().unwrap_or(128));
    pause / 2 + pause * u32::from(share) / 255
}
