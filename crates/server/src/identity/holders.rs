//! Who holds which role, what users are called, and their passkeys: what pages show beside other things.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::Row as _;

use super::users::time;
use crate::store::{Store, StoreError};

/// More are not read at once: far more than any site has.
const MOST: i64 = 10_000;

/// A role of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) user_id: String,
    /// Full name.
    pub(crate) user: String,
    pub(crate) role: String,
    /// The node label it is held for; empty: everywhere.
    pub(crate) label: String,
    pub(crate) since: Option<Timestamp>,
}

/// Everybody who holds this role (any one when empty), or what this user holds (any one when empty), by name.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn holders(store: &Store, role: &str, user_id: &str) -> Result<Vec<Holder>, StoreError> {
    let rows = sqlx::query(
        "select user_id, full_name, role_id, label, granted_at
         from assignments join users on users.id = assignments.user_id
         where ($1 = '' or role_id = $1) and ($2 = '' or user_id = $2)
         order by users.name_key, role_id, label limit $3",
    )
    .bind(role)
    .bind(user_id)
    .bind(MOST)
    .fetch_all(store.reader())
    .await?;
    rows.iter()
        .map(|row| {
            Ok(Holder {
                user_id: row.try_get("user_id")?,
                user: row.try_get("full_name")?,
                role: row.try_get("role_id")?,
                label: row.try_get("label")?,
                since: time(row.try_get("granted_at")?)?,
            })
        })
        .collect()
}

/// The full names of all users by their identifiers.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn names(store: &Store) -> Result<BTreeMap<String, String>, StoreError> {
    let rows = sqlx::query("select id, full_name from users order by name_key limit $1")
        .bind(MOST)
        .fetch_all(store.reader())
        .await?;
    rows.iter().map(|row| Ok((row.try_get("id")?, row.try_get("full_name")?))).collect()
}
