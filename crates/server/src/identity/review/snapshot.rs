//! What a review looks at: every user and every role, as they are now.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use crate::identity::roles::{Assignment, Permission, Unused, unused};
use crate::identity::users::time;
use crate::store::StoreError;

/// A person as records name one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Person {
    /// The user's identifier.
    pub(crate) id: String,
    /// The user's name.
    pub(crate) name: String,
}

/// Something that somebody may do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grant {
    /// The permission. A text: records outlive the catalogue.
    pub(crate) permission: String,
    /// The node label it holds for; none: everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label: Option<String>,
    /// The role that permits it.
    pub(crate) role: String,
}

/// An API token of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenState {
    /// The identifier.
    pub(crate) id: String,
    /// What it is for.
    pub(crate) name: String,
    /// What it may do at most.
    pub(crate) permissions: Vec<String>,
    /// When it ends; RFC 3339.
    pub(crate) ends_at: String,
    /// When it was used last; RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_used_at: Option<String>,
}

/// A user and all that he may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserState {
    /// The identifier.
    pub(crate) id: String,
    /// The name.
    pub(crate) name: String,
    /// The name of the person.
    pub(crate) full_name: String,
    /// Whether the user may log in: invited, active or deactivated.
    pub(crate) state: String,
    /// Who vouches for the user.
    pub(crate) origin: String,
    /// Whether a second factor is set up.
    pub(crate) second_factor: bool,
    /// When the user was made; RFC 3339.
    pub(crate) created_at: String,
    /// When the user logged in last; RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_login_at: Option<String>,
    /// The roles, and where they hold.
    pub(crate) roles: BTreeSet<Assignment>,
    /// What comes of them.
    pub(crate) permissions: BTreeSet<Grant>,
    /// The API tokens.
    pub(crate) tokens: Vec<TokenState>,
}

/// A role and who holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RoleState {
    /// Its name in the API.
    pub(crate) id: String,
    /// Its name on pages.
    pub(crate) title: String,
    /// What it permits.
    pub(crate) permissions: BTreeSet<String>,
    /// Who holds it.
    pub(crate) holders: BTreeSet<Person>,
    /// What of it none of them used lately; none in records of servers that did not count that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) unused: Option<Unused>,
}

/// What an item of a review is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Subject {
    /// A user.
    User(UserState),
    /// A role of one's own.
    Role(RoleState),
}

impl Subject {
    /// The identifier of its item.
    pub(crate) fn item(&self) -> String {
        match self {
            Self::User(user) => format!("user-{}", user.id),
            Self::Role(role) => format!("role-{}", role.id),
        }
    }

    /// Whether a decision on it decides on this user too.
    pub(crate) fn concerns(&self, user_id: &str) -> bool {
        match self {
            Self::User(user) => user.id == user_id,
            Self::Role(role) => role.holders.iter().any(|holder| holder.id == user_id),
        }
    }

    /// Whether what is decided on is as it was. Logins and uses of tokens go on during a review.
    pub(crate) fn stands_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::User(one), Self::User(two)) => {
                one.state == two.state && one.roles == two.roles && one.permissions == two.permissions
            }
            (Self::Role(one), Self::Role(two)) => one.permissions == two.permissions,
            _ => false,
        }
    }
}

/// All that there is at one time.
pub(super) struct Snapshot {
    /// Users by name, then roles of one's own: what is decided on, under the identifier of its item.
    pub(super) subjects: Vec<Subject>,
    /// The roles that came with the product, which are not changed.
    pub(super) built_in: Vec<RoleState>,
}

impl Snapshot {
    /// The subject of this item.
    pub(super) fn find(&self, item: &str) -> Option<&Subject> {
        self.subjects.iter().find(|subject| subject.item() == item)
    }

    /// Who may decide: the active users with `reviews.sign`.
    pub(super) fn reviewers(&self) -> impl Iterator<Item = Person> {
        self.subjects.iter().filter_map(|subject| match subject {
            Subject::User(user) if user.state == "active" => {
                let may = |grant: &Grant| {
                    grant.permission == Permission::ReviewsSign.as_str() && grant.label.is_none()
                };
                let person = || Person { id: user.id.clone(), name: user.name.clone() };
                user.permissions.iter().any(may).then(person)
            }
            _ => None,
        })
    }

    /// A reviewer beside this one whom the subject does not concern.
    pub(super) fn other_reviewer(&self, subject: &Subject, user_id: &str) -> Option<Person> {
        self.reviewers().find(|other| other.id != user_id && !subject.concerns(&other.id))
    }
}

/// Takes a snapshot.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn take(connection: &mut AnyConnection, now: Timestamp) -> Result<Snapshot, StoreError> {
    let mut unused = unused(connection, now).await?;
    let mut roles = BTreeMap::new();
    let rows = sqlx::query("select id, title, permissions, built_in from roles order by id limit 1000")
        .fetch_all(&mut *connection)
        .await?;
    for row in &rows {
        let built_in = row.try_get::<i64, _>("built_in")? != 0;
        let id: String = row.try_get("id")?;
        let role = RoleState {
            unused: unused.remove(&id),
            id,
            title: row.try_get("title")?,
            permissions: names(row)?.into_iter().collect(),
            holders: BTreeSet::new(),
        };
        roles.insert(role.id.clone(), (built_in, role));
    }
    let mut held: BTreeMap<String, BTreeSet<Assignment>> = BTreeMap::new();
    let rows = sqlx::query("select user_id, role_id, label from assignments order by user_id limit 1000000")
        .fetch_all(&mut *connection)
        .await?;
    for row in &rows {
        let label: String = row.try_get("label")?;
        let label = Some(label).filter(|label| !label.is_empty());
        let assignment = Assignment { role: row.try_get("role_id")?, label };
        held.entry(row.try_get("user_id")?).or_default().insert(assignment);
    }
    let mut tokens: BTreeMap<String, Vec<TokenState>> = BTreeMap::new();
    let rows = sqlx::query(
        "select id, user_id, name, permissions, ends_at, last_used_at from tokens order by id limit 1000000",
    )
    .fetch_all(&mut *connection)
    .await?;
    for row in &rows {
        let token = TokenState {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            permissions: names(row)?,
            ends_at: written(row, "ends_at")?.unwrap_or_default(),
            last_used_at: written(row, "last_used_at")?,
        };
        tokens.entry(row.try_get("user_id")?).or_default().push(token);
    }
    let rows = sqlx::query(
        "select id, name, full_name, state, origin, totp_at, created_at, last_login_at,
             (select count(*) from passkeys where passkeys.user_id = users.id) as passkeys
         from users order by name_key limit 1000000",
    )
    .fetch_all(connection)
    .await?;
    let mut subjects = Vec::with_capacity(rows.len());
    for row in &rows {
        let id: String = row.try_get("id")?;
        let name: String = row.try_get("name")?;
        let held = held.remove(&id).unwrap_or_default();
        let mut permissions = BTreeSet::new();
        for assignment in &held {
            if let Some((_, role)) = roles.get_mut(&assignment.role) {
                role.holders.insert(Person { id: id.clone(), name: name.clone() });
                permissions.extend(grants(assignment, role));
            }
        }
        subjects.push(Subject::User(UserState {
            full_name: row.try_get("full_name")?,
            state: row.try_get("state")?,
            origin: row.try_get("origin")?,
            second_factor: row.try_get::<Option<i64>, _>("totp_at")?.is_some()
                || row.try_get::<i64, _>("passkeys")? > 0,
            created_at: written(row, "created_at")?.unwrap_or_default(),
            last_login_at: written(row, "last_login_at")?,
            roles: held,
            permissions,
            tokens: tokens.remove(&id).unwrap_or_default(),
            id,
            name,
        }));
    }
    let (built_in, own): (Vec<_>, Vec<_>) = roles.into_values().partition(|(built_in, _)| *built_in);
    subjects.extend(own.into_iter().map(|(_, role)| Subject::Role(role)));
    Ok(Snapshot { subjects, built_in: built_in.into_iter().map(|(_, role)| role).collect() })
}

/// What one role of a user permits. Held for a label, it permits what concerns nodes alone.
fn grants<'a>(assignment: &'a Assignment, role: &'a RoleState) -> impl Iterator<Item = Grant> + 'a {
    Permission::ALL
        .into_iter()
        .filter(|permission| role.permissions.contains(permission.as_str()))
        .filter(|permission| assignment.label.is_none() || permission.concerns_nodes())
        .map(|permission| Grant {
            permission: permission.as_str().to_owned(),
            label: assignment.label.clone(),
            role: assignment.role.clone(),
        })
}

fn names(row: &AnyRow) -> Result<Vec<String>, sqlx::Error> {
    serde_json::from_str(row.try_get("permissions")?).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn written(row: &AnyRow, column: &str) -> Result<Option<String>, sqlx::Error> {
    Ok(time(row.try_get(column)?)?.map(|time: Timestamp| time.to_string()))
}
