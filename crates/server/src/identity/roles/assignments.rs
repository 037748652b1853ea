//! Who holds which role where, and what that permits.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::Row as _;

use super::{ADMINISTRATOR, Assignment, Permission, Rights, RoleError, Way, all, permissions};
use crate::ledger::{Happened, Said, note};
use crate::store::{Store, StoreError};

/// Roles in one line, each with the label that it holds for.
pub(crate) fn listed(roles: &BTreeSet<Assignment>) -> String {
    let one = |assignment: &Assignment| match &assignment.label {
        Some(label) => format!("{}@{label}", assignment.role),
        None => assignment.role.clone(),
    };
    roles.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// The roles of a user.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn assignments_of(store: &Store, user_id: &str) -> Result<Vec<Assignment>, StoreError> {
    let rows = sqlx::query(
        "select role_id, label from assignments where user_id = $1 order by role_id, label limit 1000",
    )
    .bind(user_id)
    .fetch_all(store.reader())
    .await?;
    rows.iter()
        .map(|row| Ok(Assignment { role: row.try_get("role_id")?, label: label(row.try_get("label")?) }))
        .collect()
}

/// The titles of a user's roles.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn titles_of(store: &Store, user_id: &str) -> Result<Vec<String>, StoreError> {
    let titles = sqlx::query_scalar(
        "select distinct title from assignments join roles on roles.id = assignments.role_id
         where user_id = $1 order by title limit 1000",
    );
    Ok(titles.bind(user_id).fetch_all(store.reader()).await?)
}

/// Gives a user who has `version` still exactly these roles.
///
/// # Errors
/// An unknown role, a label that cannot be, no administrator would be left, or somebody else changed the user meanwhile.
pub(crate) async fn assign(
    store: &Store,
    user_id: &str,
    version: i64,
    wanted: &BTreeSet<Assignment>,
    by: &str,
    now: Timestamp,
) -> Result<(), RoleError> {
    let mut transaction = store.writer().begin().await?;
    let same = sqlx::query("update users set version = version + 1 where id = $1 and version = $2");
    if same.bind(user_id).bind(version).execute(&mut *transaction).await?.rows_affected() == 0 {
        return Err(RoleError::Stale);
    }
    sqlx::query("delete from assignments where user_id = $1").bind(user_id).execute(&mut *transaction).await?;
    give(&mut transaction, user_id, wanted, by, now).await?;
    keep_an_administrator(&mut transaction).await?;
    let said = Said::done(Happened::RolesAssigned).on("user", user_id, None).with("roles", listed(wanted));
    note(&mut transaction, said).await?;
    Ok(transaction.commit().await?)
}

/// Gives a user these roles beside what there is.
///
/// # Errors
/// An unknown role, or a label that cannot be.
pub(crate) async fn give(
    connection: &mut sqlx::AnyConnection,
    user_id: &str,
    wanted: &BTreeSet<Assignment>,
    by: &str,
    now: Timestamp,
) -> Result<(), RoleError> {
    for assignment in wanted {
        assignment.label.as_deref().map_or(Ok(()), check_label)?;
        let done = sqlx::query(
            "insert into assignments (user_id, role_id, label, granted_at, granted_by)
             select $1, id, $3, $4, $5 from roles where id = $2",
        )
        .bind(user_id)
        .bind(&assignment.role)
        .bind(assignment.label.as_deref().unwrap_or_default())
        .bind(now.as_millisecond())
        .bind(by)
        .execute(&mut *connection)
        .await?;
        if done.rows_affected() == 0 {
            return Err(RoleError::Unknown(assignment.role.clone()));
        }
    }
    Ok(())
}

/// Refuses what leaves nobody active as administrator.
///
/// # Errors
/// [`RoleError::LastAdministrator`].
pub(crate) async fn keep_an_administrator(connection: &mut sqlx::AnyConnection) -> Result<(), RoleError> {
    // The users' rows are locked by the update of one that all who do this share: two at once cannot both be the last.
    sqlx::query("update roles set version = version where id = $1")
        .bind(ADMINISTRATOR)
        .execute(&mut *connection)
        .await?;
    let left: i64 = sqlx::query_scalar(
        "select count(*) from assignments join users on users.id = assignments.user_id
         where role_id = $1 and label = '' and state = 'active'",
    )
    .bind(ADMINISTRATOR)
    .fetch_one(connection)
    .await?;
    if left == 0 { Err(RoleError::LastAdministrator) } else { Ok(()) }
}

/// What a user may do.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn rights_of(store: &Store, user_id: &str) -> Result<Rights, StoreError> {
    let rows = sqlx::query(
        "select permissions, label from assignments join roles on roles.id = assignments.role_id
         where user_id = $1 limit 1000",
    )
    .bind(user_id)
    .fetch_all(store.reader())
    .await?;
    let mut rights = Rights::default();
    for row in &rows {
        let label: String = row.try_get("label")?;
        for permission in permissions(row)? {
            rights.add(permission, &label);
        }
    }
    Ok(rights)
}

/// What these roles would permit.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn rights_through(store: &Store, wanted: &BTreeSet<Assignment>) -> Result<Rights, StoreError> {
    let roles = all(store).await?;
    let mut rights = Rights::default();
    for assignment in wanted {
        let label = assignment.label.as_deref().unwrap_or_default();
        let role = roles.iter().find(|role| role.id == assignment.role);
        for permission in role.iter().flat_map(|role| &role.permissions) {
            rights.add(*permission, label);
        }
    }
    Ok(rights)
}

/// Who may do `permission` on a node with these labels, and through which role.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn who_may(
    store: &Store,
    permission: Permission,
    labels: &[String],
) -> Result<Vec<Way>, StoreError> {
    let rows = sqlx::query(
        "select users.id as user_id, users.name as user_name, role_id, label, permissions
         from assignments join roles on roles.id = assignments.role_id
         join users on users.id = assignments.user_id
         where users.state = 'active' order by users.name_key, role_id, label limit 10000",
    )
    .fetch_all(store.reader())
    .await?;
    let mut ways = Vec::new();
    for row in &rows {
        let label = label(row.try_get("label")?);
        let here = label
            .as_ref()
            .is_none_or(|label| permission.concerns_nodes() && labels.iter().any(|other| other == label));
        if here && permissions(row)?.contains(&permission) {
            ways.push(Way {
                user_id: row.try_get("user_id")?,
                user: row.try_get("user_name")?,
                role: row.try_get("role_id")?,
                label,
            });
        }
    }
    Ok(ways)
}

fn check_label(label: &str) -> Result<(), RoleError> {
    let right = label.len() <= 120
        && label.split_once('=').is_some_and(|(key, value)| !key.is_empty() && !value.is_empty())
        && !label.chars().any(|character| character.is_control() || character.is_whitespace());
    if right { Ok(()) } else { Err(RoleError::Form(format!("`{label}` is no label; write key=value"))) }
}

fn label(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}
