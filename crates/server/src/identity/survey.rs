//! How users, roles and tokens stand: what the audit of the server itself is decided on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::Row as _;

use super::review::{self, idle};
use super::roles::{self, ADMINISTRATOR, Permission};
use super::users::{is_guessed, time};
use crate::store::{Store, StoreError};

/// More are not read: far more than any site has.
const MOST: i64 = 100_000;

/// How users, roles and tokens stand. Lists hold names of users, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// Users, deactivated ones too.
    pub(crate) users: usize,
    /// Who is not deactivated and holds the role of administrators.
    pub(crate) administrators: Vec<String>,
    /// Who may change users or roles without having a second factor.
    pub(crate) administrators_without_factor: Vec<String>,
    /// Who may log in without having a second factor.
    pub(crate) without_factor: Vec<String>,
    /// Who is called what everybody tries first.
    pub(crate) guessable: Vec<String>,
    /// Who did not log in for long.
    pub(crate) idle: Vec<String>,
    /// Tokens that nobody used for long, `OWNER: NAME`.
    pub(crate) idle_tokens: Vec<String>,
    /// Who may change workloads on some node.
    pub(crate) workload_managers: Vec<String>,
    /// Who may configure or open remote connections to some node.
    pub(crate) connection_managers: Vec<String>,
    /// Built-in roles that do not permit what this version says.
    pub(crate) changed_roles: Vec<String>,
    /// When the latest review was signed.
    pub(crate) reviewed_at: Option<Timestamp>,
    /// When the next one is due; none: there is nobody to review.
    pub(crate) review_due_at: Option<Timestamp>,
}

/// What holding a role comes to.
#[derive(Clone, Copy, Debug, Default)]
struct Powers {
    administrates: bool,
    changes_access: bool,
    workloads: bool,
    connections: bool,
}

/// Looks at everybody.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn survey(store: &Store, now: Timestamp) -> Result<Survey, StoreError> {
    let powers = powers(store).await?;
    let rows = sqlx::query(
        "select id, name, state, totp_at,
             (select count(*) from passkeys where passkeys.user_id = users.id) as passkeys
         from users order by name_key limit $1",
    )
    .bind(MOST)
    .fetch_all(store.reader())
    .await?;
    let mut found = Survey { users: rows.len(), ..Survey::default() };
    for row in &rows {
        let (id, name): (String, String) = (row.try_get("id")?, row.try_get("name")?);
        let state: String = row.try_get("state")?;
        if state == "deactivated" {
            continue;
        }
        let may = powers.get(&id).copied().unwrap_or_default();
        let has_factor =
            row.try_get::<Option<i64>, _>("totp_at")?.is_some() || row.try_get::<i64, _>("passkeys")? > 0;
        // Who was invited has no password yet either.
        let lacks_factor = state == "active" && !has_factor;
        for (is_one, names) in [
            (may.administrates, &mut found.administrators),
            (lacks_factor && may.changes_access, &mut found.administrators_without_factor),
            (lacks_factor, &mut found.without_factor),
            (is_guessed(&name), &mut found.guessable),
            (may.workloads, &mut found.workload_managers),
            (may.connections, &mut found.connection_managers),
        ] {
            if is_one {
                names.push(name.clone());
            }
        }
    }
    let idle = idle::users(store, idle::DAYS, now).await?;
    found.idle = idle.into_iter().map(|user| user.username).collect();
    let tokens = idle::tokens(store, idle::DAYS, now).await?;
    found.idle_tokens = tokens.into_iter().map(|token| format!("{}: {}", token.username, token.name)).collect();
    found.changed_roles = changed_roles(store).await?;
    found.reviewed_at = reviewed_at(store).await?;
    found.review_due_at = review::due(store).await?;
    Ok(found)
}

/// What each user may do by all the roles he holds, on any node.
async fn powers(store: &Store) -> Result<BTreeMap<String, Powers>, StoreError> {
    let roles: BTreeMap<String, BTreeSet<Permission>> =
        roles::all(store).await?.into_iter().map(|role| (role.id, role.permissions)).collect();
    let rows = sqlx::query(
        "select user_id, role_id, label from assignments order by user_id, role_id, label limit $1",
    )
    .bind(MOST)
    .fetch_all(store.reader())
    .await?;
    let mut powers: BTreeMap<String, Powers> = BTreeMap::new();
    for row in &rows {
        let (role, label): (String, String) = (row.try_get("role_id")?, row.try_get("label")?);
        let Some(permissions) = roles.get(&role) else { continue };
        let any = |wanted: &[Permission]| wanted.iter().any(|permission| permissions.contains(permission));
        let everywhere = label.is_empty();
        let may = powers.entry(row.try_get("user_id")?).or_default();
        may.administrates |= everywhere && role == ADMINISTRATOR;
        may.changes_access |= everywhere && any(&[Permission::UsersManage, Permission::RolesManage]);
        may.workloads |= any(&[Permission::WorkloadsManage]);
        may.connections |= any(&[Permission::RemoteManage, Permission::RemoteOpen]);
    }
    Ok(powers)
}

/// The built-in roles whose permissions in the database are not those of this version.
async fn changed_roles(store: &Store) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query("select id, permissions from roles order by id limit $1")
        .bind(MOST)
        .fetch_all(store.reader())
        .await?;
    let mut kept: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in &rows {
        let permissions: String = row.try_get("permissions")?;
        let named = serde_json::from_str(&permissions).map_err(|error| sqlx::Error::Decode(error.into()))?;
        kept.insert(row.try_get("id")?, named);
    }
    let is_changed = |role: &roles::Role| {
        let wanted: BTreeSet<String> =
            role.permissions.iter().map(|permission| permission.as_str().to_owned()).collect();
        kept.get(&role.id) != Some(&wanted)
    };
    Ok(roles::built_in().into_iter().filter(is_changed).map(|role| role.id).collect())
}

async fn reviewed_at(store: &Store) -> Result<Option<Timestamp>, StoreError> {
    let last: Option<i64> =
        sqlx::query_scalar("select max(signed_at) from reviews").fetch_one(store.reader()).await?;
    Ok(time(last)?)
}

#[cfg(test)]
mod tests;
