//! API tokens: scoped, expiring, hashed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::gate::Attempt;
use super::roles::Permission;
use super::users::time;
use crate::ledger::{Happened, Said, note};
use crate::order::{self, After, Columns, Found, Order};
use crate::random::{self, RandomError};
use crate::store::{Store, StoreError};

/// Before every token, so that scanners for secrets know one.
const PREFIX: &str = "palisade_";

/// Characters of an identifier, a UUID without hyphens.
const ID: usize = 32;

/// A longer text is no token.
const LONGEST: usize = 128;

/// How long a token may live.
pub(crate) const LONGEST_DAYS: i64 = 366;

/// One API token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) name: String,
    pub(crate) permissions: BTreeSet<Permission>,
    pub(crate) created_at: Timestamp,
    pub(crate) ends_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
    pub(crate) last_used_from: Option<String>,
}

/// What cannot be done with tokens.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    /// A name or end that cannot be.
    #[error("{0}")]
    Form(String),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for TokenError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

const COLUMNS: &str = "id, user_id, name, permissions, created_at, ends_at, last_used_at, last_used_from";

/// A token as it is shown, taken apart: its identifier and its secret.
pub(crate) struct Shown {
    /// Whom the gate counts it for.
    pub(crate) id: String,
    secret: SecretString,
}

/// Takes a token apart; none when it cannot be one.
pub(crate) fn read(text: &SecretString) -> Option<Shown> {
    let text = text.expose_secret();
    if text.len() > LONGEST || !text.is_ascii() {
        return None;
    }
    let (id, secret) = text.strip_prefix(PREFIX)?.split_at_checked(ID)?;
    let secret = secret.strip_prefix('_')?;
    let right = id.bytes().all(|byte| byte.is_ascii_hexdigit()) && !secret.is_empty();
    right.then(|| Shown { id: id.to_ascii_lowercase(), secret: secret.to_owned().into() })
}

/// Makes a token; returns it as it is shown, once.
///
/// # Errors
/// A name or end that cannot be.
pub(crate) async fn create(
    store: &Store,
    user_id: &str,
    name: &str,
    permissions: &BTreeSet<Permission>,
    ends_at: Timestamp,
    now: Timestamp,
) -> Result<(String, SecretString), TokenError> {
    let name = name.trim();
    if name.is_empty() || name.len() > 80 || name.chars().any(char::is_control) {
        return Err(TokenError::Form("a token has a name of up to 80 bytes that says what it is for".into()));
    }
    let longest = now.as_millisecond().saturating_add(LONGEST_DAYS * 86_400_000);
    if ends_at <= now || ends_at.as_millisecond() > longest {
        return Err(TokenError::Form(format!("a token ends in the future, within {LONGEST_DAYS} days")));
    }
    let id: String = random::public_id()?.chars().filter(|character| *character != '-').collect();
    let secret = random::token()?;
    let names: Vec<&str> = permissions.iter().map(|permission| permission.as_str()).collect();
    let mut transaction = store.writer().begin().await?;
    sqlx::query(
        "insert into tokens (id, user_id, name, secret_hash, permissions, created_at, ends_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(&id)
    .bind(user_id)
    .bind(name)
    .bind(random::sha256_hex(&secret))
    .bind(serde_json::Value::from(names.clone()).to_string())
    .bind(now.as_millisecond())
    .bind(ends_at.as_millisecond())
    .execute(&mut *transaction)
    .await?;
    let said = Said::done(Happened::TokenMade).on("token", &id, Some(name)).with("user", user_id);
    note(&mut transaction, said.with("permissions", names.join(" ")).with("ends_at", ends_at.to_string()))
        .await?;
    transaction.commit().await?;
    let shown = format!("{PREFIX}{id}_{}", secret.expose_secret());
    Ok((id, shown.into()))
}

/// The token whose secret was shown, noted as used; none when it is wrong, withdrawn or has ended.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn check(
    _attempt: &Attempt,
    store: &Store,
    shown: &Shown,
    from: &str,
    now: Timestamp,
) -> Result<Option<Token>, StoreError> {
    let text = format!(
        "update tokens set last_used_at = $3, last_used_from = $4
         where id = $1 and secret_hash = $2 and ends_at > $3 returning {COLUMNS}"
    );
    // What is compared is a hash: how long it takes tells nothing of the secret.
    let row = sqlx::query(sqlx::AssertSqlSafe(text))
        .bind(&shown.id)
        .bind(random::sha256_hex(&shown.secret))
        .bind(now.as_millisecond())
        .bind(from)
        .fetch_optional(store.writer())
        .await?;
    Ok(row.as_ref().map(token).transpose()?)
}

/// The columns of the list of tokens.
pub(crate) static LISTED: Columns = Columns {
    usual: order::number("made", "created_at"),
    falls: true,
    others: &[
        order::text("name", "lower(name)"),
        order::number("expires", "ends_at"),
        order::number("used", "coalesce(last_used_at, 0)"),
    ],
};

/// Which tokens are listed.
#[derive(Clone, Debug)]
pub(crate) struct Filter<'a> {
    /// Of this user; none: of all.
    pub(crate) of: Option<&'a str>,
    /// With this in the name, the owner's name, or in what the token begins with.
    pub(crate) text: &'a str,
    pub(crate) order: Order,
    pub(crate) after: Option<After>,
}

impl<'a> Filter<'a> {
    /// Those of a user, the newest first.
    #[cfg(test)]
    pub(crate) fn of(user: &'a str) -> Self {
        Self { of: Some(user), text: "", order: LISTED.order(""), after: None }
    }
}

/// One page of tokens.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn list(store: &Store, filter: Filter<'_>) -> Result<Found<Token>, StoreError> {
    let Filter { of, text, order, after } = filter;
    let query = format!(
        "select {COLUMNS}, {} from tokens
         where ($1 = '' or user_id = $1)
           and ($2 = '' or lower(name || ' {PREFIX}' || id || ' ' ||
             coalesce((select full_name from users where users.id = user_id), '')) like $3 escape '!')
           and {}
         order by {} limit $4",
        order.key(),
        order.beyond("id", after.as_ref(), 5),
        order.by("id"),
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(of.unwrap_or_default());
    let rows = order::bound(query, text, after).fetch_all(store.reader()).await?;
    Ok(order.found(&rows, token)?)
}

/// Withdraws a token; of this user alone when one is named. Whether there was one.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn revoke(store: &Store, id: &str, user_id: Option<&str>) -> Result<bool, StoreError> {
    let mut transaction = store.writer().begin().await?;
    let row =
        sqlx::query("delete from tokens where id = $1 and ($2 = '' or user_id = $2) returning name, user_id")
            .bind(id)
            .bind(user_id.unwrap_or_default())
            .fetch_optional(&mut *transaction)
            .await?;
    let Some(row) = row else { return Ok(false) };
    let (name, of): (String, String) = (row.try_get("name")?, row.try_get("user_id")?);
    let said = Said::done(Happened::TokenRevoked).on("token", id, Some(&name)).with("user", of);
    note(&mut transaction, said).await?;
    transaction.commit().await?;
    Ok(true)
}

fn token(row: &AnyRow) -> Result<Token, sqlx::Error> {
    let names: Vec<String> =
        serde_json::from_str(row.try_get("permissions")?).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let at = |column: &str| time(row.try_get(column)?);
    Ok(Token {
        id: row.try_get("id")?,
        user_id: row.try_get("user_id")?,
        name: row.try_get("name")?,
        permissions: Permission::ALL
            .into_iter()
            .filter(|permission| names.iter().any(|name| name == permission.as_str()))
            .collect(),
        created_at: at("created_at")?.unwrap_or(Timestamp::UNIX_EPOCH),
        ends_at: at("ends_at")?.unwrap_or(Timestamp::UNIX_EPOCH),
        last_used_at: at("last_used_at")?,
        last_used_from: row.try_get("last_used_from")?,
    })
}
