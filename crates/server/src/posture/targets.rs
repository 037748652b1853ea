//! What there are reports of, and since when none came.

use jiff::Timestamp;
use sqlx::Row as _;

use crate::store::{Store, StoreError, time};

/// More are not read at once.
const MOST: i64 = 100_000;

/// Every target by name, with the time of its newest report.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn latest(store: &Store) -> Result<Vec<(String, Timestamp)>, StoreError> {
    let rows = sqlx::query("select name, last_at from targets order by name, id limit $1")
        .bind(MOST)
        .fetch_all(store.reader())
        .await?;
    rows.iter().map(|row| Ok((row.try_get("name")?, time(row.try_get("last_at")?)?))).collect()
}
