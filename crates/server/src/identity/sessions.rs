//! Sessions: opaque, hashed at rest, with idle and absolute limits.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::users::time;
use crate::ledger::{Happened, Said, note};
use crate::order::{self, After, Columns, Found, Order};
use crate::random::{self, RandomError};
use crate::store::{Store, StoreError, milliseconds};

#[cfg(test)]
mod tests;

/// How exactly "last seen" is kept: a write for every request would be too many.
const SEEN_EVERY: Duration = Duration::from_secs(30);

/// What is kept of a browser's name for itself.
const AGENT_LIMIT: usize = 200;

/// How long sessions last and how many a user may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionLimits {
    /// Unused for so long, it is locked until a credential is shown again.
    pub(crate) idle: Duration,
    /// It ends after so long, whatever happens.
    pub(crate) lifetime: Duration,
    /// How long dangerous acts are allowed after a credential was shown.
    pub(crate) privilege: Duration,
    /// With one more, the oldest ends.
    pub(crate) per_user: u32,
}

/// What was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Factors {
    /// A password, or what stands for one.
    Password,
    /// A second factor as well.
    Both,
}

impl Factors {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Both => "both",
        }
    }
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) factors: Factors,
    pub(crate) created_at: Timestamp,
    pub(crate) seen_at: Timestamp,
    pub(crate) ends_at: Timestamp,
    pub(crate) privileged_until: Timestamp,
    /// Idle for too long: opens only what unlocks it.
    pub(crate) locked: bool,
    pub(crate) address: String,
    pub(crate) agent: String,
}

impl Session {
    /// Whether dangerous acts are allowed now.
    pub(crate) fn is_privileged(&self, now: Timestamp) -> bool {
        !self.locked && now < self.privileged_until
    }
}

/// What cannot be done with sessions.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for SessionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

const COLUMNS: &str =
    "id, user_id, factors, created_at, seen_at, ends_at, privileged_until, locked, address, agent";

/// Begins a session; returns its token, of which only the hash is kept. The user's oldest ends when there are too many.
///
/// # Errors
/// When the database or the generator of random numbers does not answer.
pub(crate) async fn begin(
    connection: &mut AnyConnection,
    limits: SessionLimits,
    user_id: &str,
    factors: Factors,
    (address, agent): (&str, &str),
    now: Timestamp,
) -> Result<SecretString, SessionError> {
    let token = random::token()?;
    let privileged = if factors == Factors::Both { later(now, limits.privilege) } else { 0 };
    sqlx::query(
        "insert into sessions (id, token_hash, user_id, factors, created_at, seen_at, ends_at, privileged_until,
             locked, address, agent)
         values ($1, $2, $3, $4, $5, $5, $6, $7, 0, $8, $9)",
    )
    .bind(random::public_id()?)
    .bind(random::sha256_hex(&token))
    .bind(user_id)
    .bind(factors.as_str())
    .bind(now.as_millisecond())
    .bind(later(now, limits.lifetime))
    .bind(privileged)
    .bind(address)
    .bind(agent.chars().filter(|character| !character.is_control()).take(AGENT_LIMIT).collect::<String>())
    .execute(&mut *connection)
    .await?;
    end_oldest(connection, limits, user_id, factors).await?;
    Ok(token)
}

/// Ends the oldest sessions of a user that are too many. Whoever knows the password alone pushes out nobody who showed both factors.
async fn end_oldest(
    connection: &mut AnyConnection,
    limits: SessionLimits,
    user_id: &str,
    factors: Factors,
) -> Result<(), SessionError> {
    sqlx::query(
        "delete from sessions where user_id = $1 and factors = $2 and id not in
             (select id from sessions where user_id = $1 and factors = $2 order by created_at desc, id limit $3)",
    )
    .bind(user_id)
    .bind(factors.as_str())
    .bind(i64::from(limits.per_user.max(1)))
    .execute(connection)
    .await?;
    Ok(())
}

/// The session of this token, noted as seen; none when there is none or it has ended. One that was idle for too long is
/// locked.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn resume(
    store: &Store,
    limits: SessionLimits,
    token: &SecretString,
    now: Timestamp,
) -> Result<Option<Session>, StoreError> {
    let text = format!("select {COLUMNS} from sessions where token_hash = $1 and ends_at > $2");
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(random::sha256_hex(token))
        .bind(now.as_millisecond())
        .fetch_optional(store.reader())
        .await?;
    let Some(row) = row else { return Ok(None) };
    let mut session = session(&row)?;
    let unseen = now.as_millisecond().saturating_sub(session.seen_at.as_millisecond());
    if !session.locked && unseen >= milliseconds(limits.idle) {
        session.locked = true;
        let mut transaction = store.writer().begin().await?;
        let done =
            sqlx::query("update sessions set locked = 1, privileged_until = 0 where id = $1 and locked = 0")
                .bind(&session.id)
                .execute(&mut *transaction)
                .await?;
        if done.rows_affected() > 0 {
            let said = Said::done(Happened::SessionLocked).on("session", &session.id, None);
            note(&mut transaction, said.with("user", session.user_id.as_str())).await?;
        }
        transaction.commit().await?;
    } else if !session.locked && unseen >= milliseconds(SEEN_EVERY.min(limits.idle / 2)) {
        session.seen_at = now;
        sqlx::query("update sessions set seen_at = $2 where id = $1 and locked = 0")
            .bind(&session.id)
            .bind(now.as_millisecond())
            .execute(store.writer())
            .await?;
    }
    Ok(Some(session))
}

/// Unlocks a session and opens its window for dangerous acts, after a credential was shown; returns its new token.
///
/// The former token opens nothing any more: who may have had it before is not let in with it afterwards.
///
/// # Errors
/// When the database or the generator of random numbers does not answer.
pub(crate) async fn confirm(
    store: &Store,
    limits: SessionLimits,
    id: &str,
    factors: Factors,
    now: Timestamp,
) -> Result<SecretString, SessionError> {
    let token = random::token()?;
    let mut transaction = store.writer().begin().await?;
    let user: Option<String> = sqlx::query_scalar(
        "update sessions set locked = 0, factors = $2, seen_at = $3, privileged_until = $4, token_hash = $5
         where id = $1 returning user_id",
    )
    .bind(id)
    .bind(factors.as_str())
    .bind(now.as_millisecond())
    .bind(later(now, limits.privilege))
    .bind(random::sha256_hex(&token))
    .fetch_optional(&mut *transaction)
    .await?;
    if let Some(user) = user {
        end_oldest(&mut transaction, limits, &user, factors).await?;
    }
    let said = Said::done(Happened::SessionConfirmed).on("session", id, None);
    note(&mut transaction, said.with("factors", factors.as_str())).await?;
    transaction.commit().await?;
    Ok(token)
}

/// Unlocks a session without more: what is dangerous still wants a second factor.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn unlock(store: &Store, id: &str, now: Timestamp) -> Result<(), StoreError> {
    let mut transaction = store.writer().begin().await?;
    sqlx::query("update sessions set locked = 0, seen_at = $2 where id = $1")
        .bind(id)
        .bind(now.as_millisecond())
        .execute(&mut *transaction)
        .await?;
    note(&mut transaction, Said::done(Happened::SessionUnlocked).on("session", id, None)).await?;
    Ok(transaction.commit().await?)
}

/// Ends a session; of this user alone when one is named. Whether there was one.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn end(store: &Store, id: &str, user_id: Option<&str>) -> Result<bool, StoreError> {
    let mut transaction = store.writer().begin().await?;
    let of: Option<String> = sqlx::query_scalar(
        "delete from sessions where id = $1 and ($2 = '' or user_id = $2) returning user_id",
    )
    .bind(id)
    .bind(user_id.unwrap_or_default())
    .fetch_optional(&mut *transaction)
    .await?;
    let Some(of) = of else { return Ok(false) };
    note(&mut transaction, Said::done(Happened::SessionEnded).on("session", id, None).with("user", of)).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Ends all sessions of a user but this one.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn end_others(
    connection: &mut AnyConnection,
    user_id: &str,
    keep: &str,
) -> Result<u64, StoreError> {
    let done = sqlx::query("delete from sessions where user_id = $1 and id <> $2")
        .bind(user_id)
        .bind(keep)
        .execute(connection)
        .await?;
    Ok(done.rows_affected())
}

/// The columns of the list of sessions.
pub(crate) static LISTED: Columns = Columns {
    usual: order::number("started", "sessions.created_at"),
    falls: true,
    others: &[order::number("used", "seen_at"), order::text("user", "lower(users.full_name)")],
};

/// Which sessions.
#[derive(Clone, Debug)]
pub(crate) struct Filter<'a> {
    /// Those of this user; none: of all.
    pub(crate) of: Option<&'a str>,
    /// In the user's name, the address or what the browser calls itself.
    pub(crate) text: &'a str,
    /// By what they are sorted.
    pub(crate) order: Order,
    /// After this row.
    pub(crate) after: Option<After>,
}

impl<'a> Filter<'a> {
    /// All of a user, newest first; none: of everybody.
    pub(crate) fn of(user_id: Option<&'a str>) -> Self {
        Self { of: user_id, text: "", order: LISTED.order(""), after: None }
    }
}

/// One page of sessions that have not ended.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn list(
    store: &Store,
    filter: Filter<'_>,
    now: Timestamp,
) -> Result<Found<Session>, StoreError> {
    let Filter { of, text, order, after } = filter;
    let query = format!(
        "select sessions.id as id, user_id, factors, sessions.created_at as created_at, seen_at, ends_at,
             privileged_until, locked, sessions.address as address, agent, {}
         from sessions join users on users.id = sessions.user_id
         where ends_at > $1 and ($2 = '' or user_id = $2)
           and ($3 = '' or lower(users.full_name || ' ' || sessions.address || ' ' || agent) like $4 escape '!')
           and {}
         order by {} limit $5",
        order.key(),
        order.beyond("sessions.id", after.as_ref(), 6),
        order.by("sessions.id"),
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(now.as_millisecond()).bind(of.unwrap_or_default());
    let rows = order::bound(query, text, after).fetch_all(store.reader()).await?;
    Ok(order.found(&rows, session)?)
}

/// Forgets sessions that have ended; how many.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn forget_old(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query("delete from sessions where ends_at <= $1")
        .bind(now.as_millisecond())
        .execute(store.writer())
        .await?;
    Ok(done.rows_affected())
}

fn session(row: &AnyRow) -> Result<Session, sqlx::Error> {
    let factors: String = row.try_get("factors")?;
    let at = |column: &str| -> Result<Timestamp, sqlx::Error> {
        Ok(time(row.try_get(column)?)?.unwrap_or(Timestamp::UNIX_EPOCH))
    };
    Ok(Session {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        factors: if factors == Factors::Both.as_str() { Factors::Both } else { Factors::Password },
        created_at: at("created_at")?,
        seen_at: at("seen_at")?,
        ends_at: at("ends_at")?,
        privileged_until: at("privileged_until")?,
        locked: row.try_get::<i64, _>("locked")? != 0,
        address: row.try_get("address")?,
        agent: row.try_get("agent")?,
    })
}

fn later(now: Timestamp, by: Duration) -> i64 {
    now.as_millisecond().saturating_add(milliseconds(by))
}
