//! Set-up codes, invitations and credential resets: each opens once, and not for long.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use sqlx::{AnyConnection, Row as _};

use super::gate::Attempt;
use crate::random::{self, Code, RandomError};
use crate::store::{Store, StoreError};

/// What a link is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Making the first administrator.
    SetUp,
    /// Choosing the first password of an account.
    Invitation,
    /// Choosing a new password.
    Reset,
}

impl Kind {
    /// Its word in the database and, but for the set-up code, in the address of its page.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SetUp => "setup",
            Self::Invitation => "invitation",
            Self::Reset => "reset",
        }
    }

    /// How long it opens.
    pub(crate) fn lifetime(self) -> Duration {
        match self {
            Self::SetUp => Duration::from_secs(24 * 3600),
            Self::Invitation => Duration::from_secs(72 * 3600),
            Self::Reset => Duration::from_secs(3600),
        }
    }

    fn code(self) -> Code {
        match self {
            Self::SetUp => Code::SetUp,
            Self::Invitation | Self::Reset => Code::Link,
        }
    }
}

/// What cannot be done with links.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for LinkError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Makes a code for `user_id`; former ones of the kind for the same user open nothing any more.
///
/// # Errors
/// When the database or the generator of random numbers does not answer.
pub(crate) async fn make(
    connection: &mut AnyConnection,
    kind: Kind,
    user_id: Option<&str>,
    now: Timestamp,
) -> Result<SecretString, LinkError> {
    let code = kind.code().generate()?;
    sqlx::query("delete from links where kind = $1 and coalesce(user_id, '') = $2")
        .bind(kind.as_str())
        .bind(user_id.unwrap_or_default())
        .execute(&mut *connection)
        .await?;
    let lifetime = i64::try_from(kind.lifetime().as_millis()).unwrap_or(0);
    sqlx::query(
        "insert into links (secret_hash, kind, user_id, created_at, ends_at) values ($1, $2, $3, $4, $5)",
    )
    .bind(random::sha256_hex(&code))
    .bind(kind.as_str())
    .bind(user_id)
    .bind(now.as_millisecond())
    .bind(now.as_millisecond().saturating_add(lifetime))
    .execute(connection)
    .await?;
    Ok(code)
}

/// A code that opens, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Open {
    hash: String,
    /// The user it is of; none for a set-up code.
    pub(crate) user_id: Option<String>,
}

/// What a code that somebody typed or followed opens, without using it up.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn find(
    _attempt: &Attempt,
    store: &Store,
    kind: Kind,
    typed: &SecretString,
    now: Timestamp,
) -> Result<Option<Open>, StoreError> {
    let Some(code) = kind.code().read(typed) else { return Ok(None) };
    let hash = random::sha256_hex(&code);
    let row = sqlx::query(
        "select user_id from links where secret_hash = $1 and kind = $2 and ends_at > $3 and used_at is null",
    )
    .bind(&hash)
    .bind(kind.as_str())
    .bind(now.as_millisecond())
    .fetch_optional(store.reader())
    .await?;
    row.map(|row| Ok(Open { hash, user_id: row.try_get("user_id")? })).transpose()
}

/// Uses up a code; false when somebody was faster.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn use_up(
    connection: &mut AnyConnection,
    open: &Open,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query("update links set used_at = $2 where secret_hash = $1 and used_at is null")
        .bind(&open.hash)
        .bind(now.as_millisecond())
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Forgets codes that open nothing any more; how many.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn forget_old(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query("delete from links where ends_at <= $1 or used_at is not null")
        .bind(now.as_millisecond())
        .execute(store.writer())
        .await?;
    Ok(done.rows_affected())
}
