//! Permissions, roles, and who holds them where.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use crate::ledger::{Happened, Said, note};
use crate::store::{Store, StoreError};

mod assignments;
mod listed;
mod permission;
mod uses;

#[cfg(test)]
mod tests;

pub(crate) use assignments::{
    assign, assignments_of, give, keep_an_administrator, listed, rights_of, rights_through, titles_of, who_may,
};
pub(crate) use listed::{Filter, LISTED, list};
pub(crate) use permission::Permission;
pub(crate) use uses::{Unused, Uses, begin, unused};

/// A named set of permissions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Role {
    /// Its name in the API, kebab-case.
    pub(crate) id: String,
    /// Its name on pages.
    pub(crate) title: String,
    /// Who should hold it.
    pub(crate) about: String,
    /// Whether it came with the product; such roles are not changed.
    pub(crate) built_in: bool,
    /// What it permits.
    pub(crate) permissions: BTreeSet<Permission>,
    /// Grows with each change.
    pub(crate) version: i64,
}

/// The role whose holders may do everything. It cannot be changed, and its last active holder keeps it.
pub(crate) const ADMINISTRATOR: &str = "administrator";

/// A role of a user, everywhere or for the nodes of one label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assignment {
    /// The role.
    pub(crate) role: String,
    /// The node label it holds for, `key=value`; none: everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
}

/// What somebody may do, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rights {
    everywhere: BTreeSet<Permission>,
    labelled: BTreeSet<(Permission, String)>,
}

impl Rights {
    /// Whether it is permitted everywhere.
    pub(crate) fn has(&self, permission: Permission) -> bool {
        self.everywhere.contains(&permission)
    }

    /// Whether it is permitted on a node with these labels.
    #[cfg_attr(not(test), expect(dead_code, reason = "rights by label are asked for where there are nodes"))]
    pub(crate) fn has_on<'a>(&self, permission: Permission, mut labels: impl Iterator<Item = &'a str>) -> bool {
        self.has(permission) || labels.any(|label| self.labelled.contains(&(permission, label.to_owned())))
    }

    /// The same, without what `scope` does not name: what a token may do of what its owner may.
    pub(crate) fn within(&self, scope: &BTreeSet<Permission>) -> Self {
        Self {
            everywhere: self.everywhere.intersection(scope).copied().collect(),
            labelled: self
                .labelled
                .iter()
                .filter(|(permission, _)| scope.contains(permission))
                .cloned()
                .collect(),
        }
    }

    /// Whether these hold all that `other` holds: only then may one be given the other, or act on who has it. Otherwise who
    /// may change users could make himself somebody who may do more.
    pub(crate) fn cover(&self, other: &Self) -> bool {
        other.everywhere.is_subset(&self.everywhere)
            && other
                .labelled
                .iter()
                .all(|held| self.everywhere.contains(&held.0) || self.labelled.contains(held))
    }

    /// Whether it changes who may do what, or what the rules are judged by: such rights want a second factor.
    pub(crate) fn changes_access(&self) -> bool {
        [Permission::UsersManage, Permission::RolesManage].into_iter().any(|permission| self.has(permission))
    }

    /// All that is permitted everywhere.
    pub(crate) fn everywhere(&self) -> &BTreeSet<Permission> {
        &self.everywhere
    }

    fn add(&mut self, permission: Permission, label: &str) {
        if label.is_empty() {
            self.everywhere.insert(permission);
        } else if permission.concerns_nodes() {
            self.labelled.insert((permission, label.to_owned()));
        }
    }
}

/// One way in which somebody may do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Way {
    /// The user's identifier.
    pub(crate) user_id: String,
    /// The user's name.
    pub(crate) user: String,
    /// The role that permits it.
    pub(crate) role: String,
    /// The node label it is held for; none: everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
}

/// What cannot be done with roles.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RoleError {
    /// No such role.
    #[error("there is no role `{0}`")]
    Unknown(String),
    /// It came with the product.
    #[error("the role `{0}` came with Palisade and is not changed; make a role of your own")]
    BuiltIn(String),
    /// Its name is taken.
    #[error("there is a role `{0}` already")]
    Exists(String),
    /// Somebody holds it.
    #[error("{holders} users hold the role `{role}`; take it from them first")]
    Held {
        /// The role.
        role: String,
        /// How many.
        holders: i64,
    },
    /// Nobody could mend it afterwards.
    #[error("nobody else who is active is administrator; make somebody else administrator first")]
    LastAdministrator,
    /// Somebody else changed it.
    #[error("somebody else changed it meanwhile; look at it again")]
    Stale,
    /// A name or label that cannot be.
    #[error("{0}")]
    Form(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for RoleError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The roles that come with the product.
pub(super) fn built_in() -> Vec<Role> {
    use Permission as P;
    let role = |id: &str, title: &str, about: &str, permissions: BTreeSet<Permission>| Role {
        id: id.to_owned(),
        title: title.to_owned(),
        about: about.to_owned(),
        built_in: true,
        permissions,
        version: 1,
    };
    let only_looks = |permission: &Permission| permission.only_reads() || *permission == P::LedgerReview;
    let reading: BTreeSet<Permission> = Permission::ALL.into_iter().filter(only_looks).collect();
    vec![
        role(
            ADMINISTRATOR,
            "Administrator",
            "Does everything. Give it to very few people who are trained for it.",
            Permission::ALL.into(),
        ),
        role("auditor", "Auditor", "Sees everything, reviews the ledger, changes nothing.", reading),
        role(
            "node-administrator",
            "Node administrator",
            "Brings nodes in, configures them and takes them out.",
            [P::ReportsRead, P::ReportsRun, P::NodesRead, P::NodesManage, P::WorkloadsRead, P::RemoteRead]
                .into(),
        ),
        role(
            "operator",
            "Operator",
            "Watches nodes and workloads and has audits made.",
            [P::ReportsRead, P::ReportsRun, P::NodesRead, P::WorkloadsRead, P::RemoteRead].into(),
        ),
        role(
            "remote-operator",
            "Remote operator",
            "Opens the remote connections that others configured.",
            [P::NodesRead, P::RemoteRead, P::RemoteOpen].into(),
        ),
        role(
            "workload-manager",
            "Workload manager",
            "Makes, configures and deploys workloads; needs to know the security concept.",
            [P::ReportsRead, P::NodesRead, P::WorkloadsRead, P::WorkloadsManage].into(),
        ),
    ]
}

/// Writes the built-in roles as this version knows them.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn install(store: &Store) -> Result<(), StoreError> {
    for role in built_in() {
        sqlx::query(
            "insert into roles (id, title, about, built_in, permissions, version) values ($1, $2, $3, 1, $4, 1)
             on conflict (id) do update set title = excluded.title, about = excluded.about, built_in = 1,
                 permissions = excluded.permissions",
        )
        .bind(&role.id)
        .bind(&role.title)
        .bind(&role.about)
        .bind(json(&role.permissions))
        .execute(store.writer())
        .await?;
    }
    Ok(())
}

/// All roles by name.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn all(store: &Store) -> Result<Vec<Role>, StoreError> {
    let rows = sqlx::query(
        "select id, title, about, built_in, permissions, version from roles order by id limit 1000",
    )
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(|row| Ok(role(row)?)).collect()
}

/// One role.
///
/// # Errors
/// [`RoleError::Unknown`].
pub(crate) async fn find(store: &Store, id: &str) -> Result<Role, RoleError> {
    let row = sqlx::query("select id, title, about, built_in, permissions, version from roles where id = $1")
        .bind(id)
        .fetch_optional(store.reader())
        .await?;
    row.as_ref().map_or_else(|| Err(RoleError::Unknown(id.to_owned())), |row| Ok(role(row)?))
}

/// What a role of one's own is made or changed to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleForm {
    /// Its name on pages.
    pub(crate) title: String,
    /// Who should hold it.
    #[serde(default)]
    pub(crate) about: String,
    /// What it permits.
    pub(crate) permissions: BTreeSet<Permission>,
}

/// Makes a role.
///
/// # Errors
/// A name that cannot be or is taken.
pub(crate) async fn create(store: &Store, id: &str, form: &RoleForm) -> Result<(), RoleError> {
    check_id(id)?;
    check_form(form)?;
    let mut transaction = store.writer().begin().await?;
    let done = sqlx::query(
        "insert into roles (id, title, about, built_in, permissions, version) values ($1, $2, $3, 0, $4, 1)
         on conflict (id) do nothing",
    )
    .bind(id)
    .bind(form.title.trim())
    .bind(form.about.trim())
    .bind(json(&form.permissions))
    .execute(&mut *transaction)
    .await?;
    if done.rows_affected() == 0 {
        return Err(RoleError::Exists(id.to_owned()));
    }
    note(&mut transaction, said(Happened::RoleMade, id, form)).await?;
    Ok(transaction.commit().await?)
}

/// Changes a role that has `version` still.
///
/// # Errors
/// Built in, unknown, or changed meanwhile.
pub(crate) async fn change(store: &Store, id: &str, form: &RoleForm, version: i64) -> Result<(), RoleError> {
    check_form(form)?;
    not_built_in(&find(store, id).await?)?;
    let mut transaction = store.writer().begin().await?;
    let done = sqlx::query(
        "update roles set title = $2, about = $3, permissions = $4, version = version + 1
         where id = $1 and version = $5 and built_in = 0",
    )
    .bind(id)
    .bind(form.title.trim())
    .bind(form.about.trim())
    .bind(json(&form.permissions))
    .bind(version)
    .execute(&mut *transaction)
    .await?;
    if done.rows_affected() == 0 {
        return Err(RoleError::Stale);
    }
    note(&mut transaction, said(Happened::RoleChanged, id, form)).await?;
    Ok(transaction.commit().await?)
}

/// What is told of a role that is made or changed.
fn said(happened: Happened, id: &str, form: &RoleForm) -> Said {
    let permissions: Vec<&str> = form.permissions.iter().map(|permission| permission.as_str()).collect();
    Said::done(happened).on("role", id, Some(form.title.trim())).with("permissions", permissions.join(" "))
}

/// Deletes a role that nobody holds.
///
/// # Errors
/// Built in, unknown or held.
pub(crate) async fn delete(store: &Store, id: &str) -> Result<(), RoleError> {
    not_built_in(&find(store, id).await?)?;
    let mut transaction = store.writer().begin().await?;
    let done = sqlx::query(
        "delete from roles where id = $1 and built_in = 0
         and not exists (select 1 from assignments where role_id = $1)",
    )
    .bind(id)
    .execute(&mut *transaction)
    .await?;
    if done.rows_affected() > 0 {
        note(&mut transaction, Said::done(Happened::RoleDeleted).on("role", id, None)).await?;
        return Ok(transaction.commit().await?);
    }
    let holders: i64 = sqlx::query_scalar("select count(*) from assignments where role_id = $1")
        .bind(id)
        .fetch_one(&mut *transaction)
        .await?;
    Err(RoleError::Held { role: id.to_owned(), holders })
}

fn not_built_in(role: &Role) -> Result<(), RoleError> {
    if role.built_in { Err(RoleError::BuiltIn(role.id.clone())) } else { Ok(()) }
}

fn check_id(id: &str) -> Result<(), RoleError> {
    let right = (2..=40).contains(&id.len())
        && id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if right {
        return Ok(());
    }
    Err(RoleError::Form(
        "the name of a role is 2 to 40 lower-case letters, digits and hyphens, a letter first".to_owned(),
    ))
}

fn check_form(form: &RoleForm) -> Result<(), RoleError> {
    if form.title.trim().is_empty() || form.title.len() > 80 || form.about.len() > 400 {
        return Err(RoleError::Form("a role has a title of up to 80 bytes and up to 400 about it".to_owned()));
    }
    Ok(())
}

fn role(row: &AnyRow) -> Result<Role, sqlx::Error> {
    Ok(Role {
        id: row.try_get("id")?,
        title: row.try_get("title")?,
        about: row.try_get("about")?,
        built_in: row.try_get::<i64, _>("built_in")? != 0,
        permissions: permissions(row)?,
        version: row.try_get("version")?,
    })
}

/// Permissions that this version does not know permit nothing.
fn permissions(row: &AnyRow) -> Result<BTreeSet<Permission>, sqlx::Error> {
    let names: Vec<String> =
        serde_json::from_str(row.try_get("permissions")?).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Permission::ALL
        .into_iter()
        .filter(|permission| names.iter().any(|name| name == permission.as_str()))
        .collect())
}

fn json(permissions: &BTreeSet<Permission>) -> String {
    let names: Vec<&str> = permissions.iter().map(|permission| permission.as_str()).collect();
    serde_json::Value::from(names).to_string()
}
