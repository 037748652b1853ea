//! What users prove themselves with: hashes of passwords, sealed secrets, recovery codes.

use jiff::Timestamp;
use sqlx::{AnyConnection, Row as _};

use crate::ledger::{Happened, Said, note};
use crate::store::{Store, StoreError};

/// What is kept of a user's credentials.
pub(crate) struct Kept {
    /// The hash of the password.
    pub(crate) password: Option<String>,
    /// Former ones, newest first.
    pub(crate) history: Vec<String>,
    /// The sealed secret of the authenticator app, confirmed or not.
    pub(crate) totp: Option<String>,
    /// The step of the last code that was taken.
    pub(crate) totp_step: Option<i64>,
}

/// What is kept of a user's credentials; nothing of users that there are not.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn kept(store: &Store, id: &str) -> Result<Kept, StoreError> {
    let row = sqlx::query("select password, password_history, totp, totp_step from users where id = $1")
        .bind(id)
        .fetch_optional(store.reader())
        .await?;
    let Some(row) = row else {
        return Ok(Kept { password: None, history: Vec::new(), totp: None, totp_step: None });
    };
    let history: String = row.try_get("password_history")?;
    Ok(Kept {
        password: row.try_get("password")?,
        history: serde_json::from_str(&history).map_err(|error| sqlx::Error::Decode(error.into()))?,
        totp: row.try_get("totp")?,
        totp_step: row.try_get("totp_step")?,
    })
}

/// Gives a user a new password hash; the former one is remembered among the last `remembered`.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn set_password(
    connection: &mut AnyConnection,
    id: &str,
    hash: &str,
    former: &Kept,
    remembered: usize,
    now: Timestamp,
) -> Result<(), StoreError> {
    let history: Vec<&String> = former.password.iter().chain(&former.history).take(remembered).collect();
    sqlx::query(
        "update users set password = $2, password_at = $3, password_history = $4, version = version + 1
         where id = $1",
    )
    .bind(id)
    .bind(hash)
    .bind(now.as_millisecond())
    .bind(serde_json::Value::from(history.into_iter().cloned().collect::<Vec<_>>()).to_string())
    .execute(connection)
    .await?;
    Ok(())
}

/// Replaces the hash of the same password by one of stronger parameters, if nobody changed it meanwhile.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn rehash(store: &Store, id: &str, from: &str, to: &str) -> Result<(), StoreError> {
    sqlx::query("update users set password = $3 where id = $1 and password = $2")
        .bind(id)
        .bind(from)
        .bind(to)
        .execute(store.writer())
        .await?;
    Ok(())
}

/// Keeps the sealed secret of an authenticator app that is not confirmed yet.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn begin_totp(store: &Store, id: &str, sealed: &str) -> Result<(), StoreError> {
    sqlx::query(
        "update users set totp = $2, totp_at = null, totp_step = null where id = $1 and totp_at is null",
    )
    .bind(id)
    .bind(sealed)
    .execute(store.writer())
    .await?;
    Ok(())
}

/// Takes the code of a step; false when that step or a later one was taken already.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn take_step(store: &Store, id: &str, step: i64) -> Result<bool, StoreError> {
    let done =
        sqlx::query("update users set totp_step = $2 where id = $1 and (totp_step is null or totp_step < $2)")
            .bind(id)
            .bind(step)
            .execute(store.writer())
            .await?;
    Ok(done.rows_affected() > 0)
}

/// Makes the authenticator app a second factor, with the hashes of new recovery codes.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn confirm_totp(
    store: &Store,
    id: &str,
    recovery: &[String],
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut transaction = store.writer().begin().await?;
    sqlx::query("update users set totp_at = $2, version = version + 1 where id = $1 and totp is not null")
        .bind(id)
        .bind(now.as_millisecond())
        .execute(&mut *transaction)
        .await?;
    replace_recovery(&mut transaction, id, recovery).await?;
    let said = Said::done(Happened::FactorAdded).on("user", id, None).with("factor", "authenticator app");
    note(&mut transaction, said).await?;
    Ok(transaction.commit().await?)
}

/// Takes all second factors from a user: what an administrator does for one who lost them.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn drop_factors(store: &Store, id: &str) -> Result<(), StoreError> {
    let mut transaction = store.writer().begin().await?;
    for text in [
        "update users set totp = null, totp_at = null, totp_step = null, version = version + 1 where id = $1",
        "delete from recovery_codes where user_id = $1",
        "delete from passkeys where user_id = $1",
        "delete from sessions where user_id = $1",
    ] {
        sqlx::query(text).bind(id).execute(&mut *transaction).await?;
    }
    let said = Said::done(Happened::FactorRemoved).on("user", id, None).with("factor", "all");
    note(&mut transaction, said).await?;
    Ok(transaction.commit().await?)
}

/// Replaces the recovery codes.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn replace_recovery(
    connection: &mut AnyConnection,
    id: &str,
    hashes: &[String],
) -> Result<(), StoreError> {
    sqlx::query("delete from recovery_codes where user_id = $1").bind(id).execute(&mut *connection).await?;
    for hash in hashes {
        sqlx::query("insert into recovery_codes (user_id, hash) values ($1, $2)")
            .bind(id)
            .bind(hash)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The hashes of the recovery codes that are left.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn recovery_codes(store: &Store, id: &str) -> Result<Vec<String>, StoreError> {
    Ok(sqlx::query_scalar(
        "select hash from recovery_codes where user_id = $1 and used_at is null order by hash limit 100",
    )
    .bind(id)
    .fetch_all(store.reader())
    .await?)
}

/// Uses up a recovery code; false when it was used already.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn use_recovery(
    store: &Store,
    id: &str,
    hash: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let mut transaction = store.writer().begin().await?;
    let done = sqlx::query(
        "update recovery_codes set used_at = $3 where user_id = $1 and hash = $2 and used_at is null",
    )
    .bind(id)
    .bind(hash)
    .bind(now.as_millisecond())
    .execute(&mut *transaction)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    note(&mut transaction, Said::done(Happened::RecoveryCodeUsed).on("user", id, None)).await?;
    transaction.commit().await?;
    Ok(true)
}
