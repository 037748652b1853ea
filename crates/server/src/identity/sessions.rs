//! Sessions: opaque, hashed at rest, with idle and absolute limits.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::users::time;
use crate::random::{self, RandomError};
use crate::store::{Store, StoreError, milliseconds};

#[cfg(test)]
mod tests;

/// How exactly "last seen" is kept: a write for every request would be too many.
const SEEN_EVERY: Duration = Duration::from_secs(30);

/// What is kept of a browser's name for itself.
const AGENT_LIMIT: usize = 200;

/// Sessions of one page of the list.
pub(crate) const PAGE: i64 = 50;

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
    fn as_str(self) -> &'static str {
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
    sqlx::query(
        "delete from sessions where user_id = $1 and id not in
             (select id from sessions where user_id = $1 order by created_at desc, id limit $2)",
    )
    .bind(user_id)
    .bind(i64::from(limits.per_user.max(1)))
    .execute(connection)
    .await?;
    Ok(token)
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
        sqlx::query("update sessions set locked = 1, privileged_until = 0 where id = $1")
            .bind(&session.id)
            .execute(store.writer())
            .await?;
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
    sqlx::query(
        "update sessions set locked = 0, factors = $2, seen_at = $3, privileged_until = $4, token_hash = $5
         where id = $1",
    )
    .bind(id)
    .bind(factors.as_str())
    .bind(now.as_millisecond())
    .bind(later(now, limits.privilege))
    .bind(random::sha256_hex(&token))
    .execute(store.writer())
    .await?;
    Ok(token)
}

/// Unlocks a session without more: what is dangerous still wants a second factor.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn unlock(store: &Store, id: &str, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query("update sessions set locked = 0, seen_at = $2 where id = $1")
        .bind(id)
        .bind(now.as_millisecond())
        .execute(store.writer())
        .await?;
    Ok(())
}

/// Ends a session; of this user alone when one is named. Whether there was one.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn end(store: &Store, id: &str, user_id: Option<&str>) -> Result<bool, StoreError> {
    let done = sqlx::query("delete from sessions where id = $1 and ($2 = '' or user_id = $2)")
        .bind(id)
        .bind(user_id.unwrap_or_default())
        .execute(store.writer())
        .await?;
    Ok(done.rows_affected() > 0)
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

/// One page of sessions that have not ended, newest first, of one user or of all, made before the one named `after`.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn list(
    store: &Store,
    user_id: Option<&str>,
    after: Option<(Timestamp, &str)>,
    now: Timestamp,
) -> Result<Vec<Session>, StoreError> {
    let (before, id) = after.map_or((i64::MAX, ""), |(time, id)| (time.as_millisecond(), id));
    let text = format!(
        "select {COLUMNS} from sessions where ends_at > $1 and ($2 = '' or user_id = $2)
           and (created_at < $3 or (created_at = $3 and id > $4))
         order by created_at desc, id limit $5"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(now.as_millisecond())
        .bind(user_id.unwrap_or_default())
        .bind(before)
        .bind(id)
        .bind(PAGE + 1)
        .fetch_all(store.reader())
        .await?;
    rows.iter().map(|row| Ok(session(row)?)).collect()
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
