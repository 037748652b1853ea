//! Which permissions are used, by the day: what a role permits and nobody needs can be taken from it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, Row as _};

use super::{Permission, permissions};
use crate::causes::with_causes;
use crate::store::{Store, StoreError};

/// Who did not use something for so long does not need it.
const DAYS: i64 = 180;

/// Milliseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1000;

/// The setting that holds since when uses are counted.
const SINCE: &str = "permission_uses_since";

/// What was used today already, so that it is written once a day.
#[derive(Debug, Default)]
pub(crate) struct Uses(Mutex<(i64, HashSet<(String, Permission)>)>);

/// What a role permits and none of its holders used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unused {
    /// The permissions. Texts: records outlive the catalogue.
    pub(crate) permissions: BTreeSet<String>,
    /// Not since then: 180 days ago, or when this server began to count; RFC 3339.
    pub(crate) since: String,
}

impl Uses {
    /// Notes that a user does something that this permission is for.
    pub(crate) async fn note(&self, store: &Store, user_id: &str, permission: Permission, now: Timestamp) {
        let day = beginning(now);
        if !self.is_first(day, user_id, permission) {
            return;
        }
        let done = sqlx::query(
            "insert into permission_uses (user_id, permission, day) values ($1, $2, $3)
             on conflict (user_id, permission) do update set day = excluded.day
             where permission_uses.day < excluded.day",
        );
        let done = done.bind(user_id).bind(permission.as_str()).bind(day).execute(store.writer()).await;
        if let Err(error) = done {
            // What the user asked for is done all the same; the next time is noted.
            tracing::warn!(error = %with_causes(&error), "that a permission was used could not be noted");
            self.today().1.remove(&(user_id.to_owned(), permission));
        }
    }

    fn is_first(&self, day: i64, user_id: &str, permission: Permission) -> bool {
        let mut today = self.today();
        if today.0 != day {
            *today = (day, HashSet::new());
        }
        today.1.insert((user_id.to_owned(), permission))
    }

    fn today(&self) -> std::sync::MutexGuard<'_, (i64, HashSet<(String, Permission)>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins to count, once.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn begin(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    store.set_setting(SINCE, &now.to_string()).await
}

/// What each role permits and none of its holders used in the last 180 days, by the role's name in the API.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn unused(
    connection: &mut AnyConnection,
    now: Timestamp,
) -> Result<BTreeMap<String, Unused>, StoreError> {
    let counted: Option<String> = sqlx::query_scalar("select value from settings where key = $1")
        .bind(SINCE)
        .fetch_optional(&mut *connection)
        .await?;
    let counted = counted.and_then(|text| text.parse::<Timestamp>().ok()).unwrap_or(now);
    let first_day = beginning(now).saturating_sub(DAYS * DAY);
    let since = Timestamp::from_millisecond(first_day).map_or(counted, |first| first.max(counted));
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let rows = sqlx::query(
        "select distinct role_id, permission from assignments
         join permission_uses on permission_uses.user_id = assignments.user_id where day >= $1 limit 1000000",
    )
    .bind(first_day)
    .fetch_all(&mut *connection)
    .await?;
    for row in &rows {
        used.entry(row.try_get("role_id")?).or_default().insert(row.try_get("permission")?);
    }
    let rows =
        sqlx::query("select id, permissions from roles order by id limit 1000").fetch_all(connection).await?;
    let of_role = |row| {
        let id: String = sqlx::Row::try_get(row, "id")?;
        let used = used.get(&id);
        let is_unused = |name: &&str| !used.is_some_and(|used| used.contains(*name));
        let permitted = permissions(row)?;
        let names = permitted.iter().map(|permission| permission.as_str()).filter(is_unused);
        let unused = Unused { permissions: names.map(str::to_owned).collect(), since: since.to_string() };
        Ok((id, unused))
    };
    rows.iter().map(of_role).collect()
}

/// When the day of this time began, UTC.
fn beginning(time: Timestamp) -> i64 {
    let milliseconds = time.as_millisecond();
    milliseconds.saturating_sub(milliseconds.rem_euclid(DAY))
}
