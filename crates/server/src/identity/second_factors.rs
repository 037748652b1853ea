//! Second factors as they are kept: passkeys, their ceremonies under way, and what is left when one is removed.

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::passkeys::{CEREMONY, MAX_PASSKEYS, Passed, PasskeyError, PasskeyFacts, Registered};
use super::users::time;
use crate::random::{self, RandomError};
use crate::store::{Store, StoreError};

/// What a ceremony is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A passkey is made.
    Registration,
    /// A passkey is shown.
    Login,
}

impl Kind {
    /// Its word in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Login => "login",
        }
    }
}

/// A passkey as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PasskeyRow {
    pub(crate) id: String,
    pub(crate) label: String,
    pub(crate) created_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
    /// Whether it may be copied to other devices of its owner.
    pub(crate) can_sync: bool,
    /// Whether it was, when it was last used.
    pub(crate) is_synced: bool,
}

/// What is checked when a passkey is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    /// As the authenticator names it.
    pub(crate) credential_id: String,
    /// The credential.
    pub(crate) credential: String,
}

/// How many second factors a user has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    /// Confirmed authenticator apps: none or one.
    pub(crate) apps: i64,
    /// Passkeys.
    pub(crate) passkeys: i64,
}

impl Count {
    /// Whether there is none.
    pub(crate) fn is_none(self) -> bool {
        self.apps == 0 && self.passkeys == 0
    }
}

/// What cannot be done with second factors.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FactorError {
    /// The server is opened by an address that browsers know no passkeys for.
    #[error(
        "there are no passkeys here: browsers know them for names, not for IP addresses; \
         give the server a name with server.public_url, or use an authenticator app"
    )]
    Off,
    /// The same credential is kept already, of this user or another.
    #[error("this passkey is registered already; use another authenticator")]
    Taken,
    /// The user has no such factor.
    #[error("there is no such second factor; look at the list again")]
    Unknown,
    /// Without it the user could not do what he may.
    #[error("this is the last second factor, and you need one; set up another first")]
    Last,
    /// Recovery codes stand in for a second factor.
    #[error("there is no second factor yet; recovery codes come with the first one")]
    None,
    /// What the browser brought will not do.
    #[error(transparent)]
    Passkey(#[from] PasskeyError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for FactorError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Keeps a ceremony until it is taken; one of the kind that was under way in the session is forgotten.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn keep_ceremony(
    store: &Store,
    session_id: &str,
    kind: Kind,
    sealed: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let ends_at = now.checked_add(CEREMONY).unwrap_or(now);
    sqlx::query(
        "insert into ceremonies (session_id, kind, state, ends_at) values ($1, $2, $3, $4)
         on conflict (session_id, kind) do update set state = excluded.state, ends_at = excluded.ends_at",
    )
    .bind(session_id)
    .bind(kind.as_str())
    .bind(sealed)
    .bind(ends_at.as_millisecond())
    .execute(store.writer())
    .await?;
    Ok(())
}

/// Takes the sealed ceremony of a session away: of two at once, one gets it.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn take_ceremony(
    store: &Store,
    session_id: &str,
    kind: Kind,
) -> Result<Option<String>, StoreError> {
    Ok(sqlx::query_scalar("delete from ceremonies where session_id = $1 and kind = $2 returning state")
        .bind(session_id)
        .bind(kind.as_str())
        .fetch_optional(store.writer())
        .await?)
}

/// Forgets ceremonies that nobody finished; how many.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn forget_old(store: &Store, now: Timestamp) -> Result<u64, StoreError> {
    let done = sqlx::query("delete from ceremonies where ends_at <= $1")
        .bind(now.as_millisecond())
        .execute(store.writer())
        .await?;
    Ok(done.rows_affected())
}

/// The passkeys of a user, oldest first.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn passkeys(store: &Store, user_id: &str) -> Result<Vec<PasskeyRow>, StoreError> {
    let rows = sqlx::query(
        "select id, label, created_at, last_used_at, can_sync, is_synced from passkeys
         where user_id = $1 order by created_at, id limit 100",
    )
    .bind(user_id)
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(|row| Ok(passkey(row)?)).collect()
}

/// What the passkeys of a user are checked with.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn stored(store: &Store, user_id: &str) -> Result<Vec<Stored>, StoreError> {
    let rows = sqlx::query(
        "select credential_id, credential from passkeys where user_id = $1 order by created_at, id limit 100",
    )
    .bind(user_id)
    .fetch_all(store.reader())
    .await?;
    let stored = |row: &AnyRow| {
        Ok(Stored { credential_id: row.try_get("credential_id")?, credential: row.try_get("credential")? })
    };
    rows.iter().map(stored).collect()
}

/// Holds the user's row until the end of the transaction, so that nobody else adds or removes a factor meanwhile; what there
/// is.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn hold(connection: &mut AnyConnection, user_id: &str) -> Result<Count, StoreError> {
    sqlx::query("update users set version = version + 1 where id = $1")
        .bind(user_id)
        .execute(&mut *connection)
        .await?;
    count(connection, user_id).await
}

/// How many second factors a user has.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn count(connection: &mut AnyConnection, user_id: &str) -> Result<Count, StoreError> {
    let row = sqlx::query(
        "select (select count(*) from users where id = $1 and totp_at is not null) as apps,
                (select count(*) from passkeys where user_id = $1) as passkeys",
    )
    .bind(user_id)
    .fetch_one(connection)
    .await?;
    Ok(Count { apps: row.try_get("apps")?, passkeys: row.try_get("passkeys")? })
}

/// How many passkeys were made for another name than this one, and so open nothing; none for a server without a name.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn of_other_names(store: &Store, name: Option<&str>) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select count(*) from passkeys where rp_id <> '' and rp_id <> $1")
        .bind(name.unwrap_or_default())
        .fetch_one(store.reader())
        .await?)
}

/// Keeps a passkey that was made, for this label and the server's name; returns its identifier. The user's row is held.
///
/// # Errors
/// [`FactorError::Taken`], or too many.
pub(crate) async fn add_passkey(
    connection: &mut AnyConnection,
    user_id: &str,
    made: &Registered,
    (label, name): (&str, &str),
    there: Count,
    now: Timestamp,
) -> Result<String, FactorError> {
    if usize::try_from(there.passkeys).is_ok_and(|passkeys| passkeys >= MAX_PASSKEYS) {
        return Err(PasskeyError::TooMany.into());
    }
    let id = random::public_id()?;
    let PasskeyFacts { aaguid, can_sync, is_synced, .. } = &made.facts;
    let done = sqlx::query(
        "insert into passkeys
             (id, user_id, credential_id, label, credential, aaguid, can_sync, is_synced, created_at, rp_id)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(&id)
    .bind(user_id)
    .bind(&made.id)
    .bind(label)
    .bind(&made.credential)
    .bind(aaguid.as_deref())
    .bind(i64::from(*can_sync))
    .bind(i64::from(*is_synced))
    .bind(now.as_millisecond())
    .bind(name)
    .execute(connection)
    .await;
    match done {
        Ok(_) => Ok(id),
        Err(error) if error.as_database_error().is_some_and(|error| error.is_unique_violation()) => {
            Err(FactorError::Taken)
        }
        Err(error) => Err(error.into()),
    }
}

/// Notes that a passkey was used, and keeps its counter; false when it was removed, or used by somebody else since it was
/// read.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn used(
    store: &Store,
    user_id: &str,
    passed: &Passed,
    former: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "update passkeys set credential = $4, is_synced = $5, last_used_at = $6
         where credential_id = $1 and user_id = $2 and credential = $3",
    )
    .bind(&passed.id)
    .bind(user_id)
    .bind(former)
    .bind(passed.changed.as_deref().unwrap_or(former))
    .bind(i64::from(passed.facts.is_synced))
    .bind(now.as_millisecond())
    .execute(store.writer())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Removes a passkey of this user; whether there was one.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn drop_passkey(
    connection: &mut AnyConnection,
    user_id: &str,
    id: &str,
) -> Result<bool, StoreError> {
    let done = sqlx::query("delete from passkeys where id = $1 and user_id = $2")
        .bind(id)
        .bind(user_id)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Removes the confirmed authenticator app of this user; whether there was one.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn drop_app(connection: &mut AnyConnection, user_id: &str) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "update users set totp = null, totp_at = null, totp_step = null where id = $1 and totp_at is not null",
    )
    .bind(user_id)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() > 0)
}

fn passkey(row: &AnyRow) -> Result<PasskeyRow, sqlx::Error> {
    Ok(PasskeyRow {
        id: row.try_get("id")?,
        label: row.try_get("label")?,
        created_at: time(row.try_get("created_at")?)?.unwrap_or(Timestamp::UNIX_EPOCH),
        last_used_at: time(row.try_get("last_used_at")?)?,
        can_sync: row.try_get::<i64, _>("can_sync")? != 0,
        is_synced: row.try_get::<i64, _>("is_synced")? != 0,
    })
}
