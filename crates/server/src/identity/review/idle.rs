//! Accounts and tokens that nobody uses: what could go before the next review.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::Row as _;

use crate::identity::users::time;
use crate::store::{Store, StoreError};

/// Days without use after which an account counts as idle, unless asked otherwise.
pub(crate) const DAYS: i64 = 90;

/// The most days that may be asked for.
pub(crate) const MOST_DAYS: i64 = 3650;

/// Why something is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Why {
    /// Invited, and never came.
    NeverCame,
    /// May log in or be used, and never was.
    NeverUsed,
    /// Not used for long.
    Unused,
}

/// An account that nobody uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct IdleUser {
    /// The identifier.
    pub(crate) id: String,
    /// The name to log in with.
    pub(crate) username: String,
    /// The name of the person.
    pub(crate) full_name: String,
    /// Why it is listed.
    pub(crate) why: Why,
    /// When the user was made; RFC 3339.
    pub(crate) created_at: String,
    /// When the user logged in last; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_login_at: Option<String>,
    /// Whole days without use.
    pub(crate) days: i64,
}

/// An API token that nobody uses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct IdleToken {
    /// The identifier.
    pub(crate) id: String,
    /// What it is for.
    pub(crate) name: String,
    /// The owner's identifier.
    pub(crate) user_id: String,
    /// The owner's name.
    pub(crate) username: String,
    /// Why it is listed.
    pub(crate) why: Why,
    /// When it was made; RFC 3339.
    pub(crate) created_at: String,
    /// When it was used last; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_used_at: Option<String>,
    /// Whole days without use.
    pub(crate) days: i64,
}

/// Users who may log in or were invited, and did not for so many days; the longest first.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn users(store: &Store, days: i64, now: Timestamp) -> Result<Vec<IdleUser>, StoreError> {
    let rows = sqlx::query(
        "select id, name, full_name, state, created_at, last_login_at from users
         where state <> 'deactivated' and coalesce(last_login_at, created_at) <= $1
         order by coalesce(last_login_at, created_at), name_key limit 1000",
    )
    .bind(before(now, days))
    .fetch_all(store.reader())
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let state: String = row.try_get("state")?;
        let made = time(row.try_get("created_at")?)?.unwrap_or(Timestamp::UNIX_EPOCH);
        let last = time(row.try_get("last_login_at")?)?;
        found.push(IdleUser {
            id: row.try_get("id")?,
            username: row.try_get("name")?,
            full_name: row.try_get("full_name")?,
            why: if state == "invited" { Why::NeverCame } else { why(last) },
            created_at: made.to_string(),
            last_login_at: last.map(|time| time.to_string()),
            days: days_since(last.unwrap_or(made), now),
        });
    }
    Ok(found)
}

/// API tokens that open something still, and were not used for so many days; the longest first.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn tokens(store: &Store, days: i64, now: Timestamp) -> Result<Vec<IdleToken>, StoreError> {
    let rows = sqlx::query(
        "select tokens.id, tokens.name, user_id, users.name as owner, tokens.created_at, last_used_at
         from tokens join users on users.id = tokens.user_id
         where ends_at > $2 and coalesce(last_used_at, tokens.created_at) <= $1
         order by coalesce(last_used_at, tokens.created_at), tokens.id limit 1000",
    )
    .bind(before(now, days))
    .bind(now.as_millisecond())
    .fetch_all(store.reader())
    .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let made = time(row.try_get("created_at")?)?.unwrap_or(Timestamp::UNIX_EPOCH);
        let last = time(row.try_get("last_used_at")?)?;
        found.push(IdleToken {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            user_id: row.try_get("user_id")?,
            username: row.try_get("owner")?,
            why: why(last),
            created_at: made.to_string(),
            last_used_at: last.map(|time| time.to_string()),
            days: days_since(last.unwrap_or(made), now),
        });
    }
    Ok(found)
}

fn why(last: Option<Timestamp>) -> Why {
    if last.is_some() { Why::Unused } else { Why::NeverUsed }
}

fn before(now: Timestamp, days: i64) -> i64 {
    now.as_millisecond().saturating_sub(days.saturating_mul(86_400_000))
}

fn days_since(then: Timestamp, now: Timestamp) -> i64 {
    now.duration_since(then).max(SignedDuration::ZERO).as_hours() / 24
}
