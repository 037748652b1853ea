//! Users: who they are, what they prove it with, and how long they have been.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::roles::{self, ADMINISTRATOR, RoleError};
use crate::ledger::{Happened, Said, note};
use crate::order::{self, After, Columns, Found, Order};
use crate::random::{self, RandomError};
use crate::store::{Store, StoreError};

mod credentials;

#[cfg(test)]
mod tests;

pub(crate) use credentials::{
    Kept, begin_totp, confirm_totp, drop_factors, kept, recovery_codes, rehash, replace_recovery, set_password,
    take_step, use_recovery,
};

/// Names that every attacker tries first.
const GUESSED: [&str; 14] = [
    "admin",
    "administrator",
    "root",
    "superuser",
    "superadmin",
    "sysadmin",
    "user",
    "guest",
    "test",
    "demo",
    "default",
    "operator",
    "service",
    "palisade",
];

/// Whether somebody may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Has a link, and has not chosen a password yet.
    Invited,
    /// May log in.
    Active,
    /// May not log in.
    Deactivated,
}

impl State {
    /// Its word in the database and the API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Invited => "invited",
            Self::Active => "active",
            Self::Deactivated => "deactivated",
        }
    }
}

/// Who vouches for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    /// A password that is kept here.
    Local,
    /// An OpenID Connect provider.
    Oidc,
    /// An LDAP directory.
    Ldap,
}

impl Origin {
    /// Its word in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Oidc => "oidc",
            Self::Ldap => "ldap",
        }
    }
}

/// One user, without what he proves himself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) mail: Option<String>,
    pub(crate) state: State,
    pub(crate) origin: Origin,
    pub(crate) zone: Option<String>,
    /// Since when the password is what it is.
    pub(crate) password_at: Option<Timestamp>,
    /// Since when an authenticator app is a second factor.
    pub(crate) totp_at: Option<Timestamp>,
    pub(crate) passkeys: i64,
    pub(crate) created_at: Timestamp,
    pub(crate) created_by: String,
    pub(crate) last_login_at: Option<Timestamp>,
    pub(crate) last_login_from: Option<String>,
    pub(crate) version: i64,
}

impl User {
    /// Whether a second factor is set up.
    pub(crate) fn has_second_factor(&self) -> bool {
        self.totp_at.is_some() || self.passkeys > 0
    }
}

/// What cannot be done with users.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UserError {
    /// No such user.
    #[error("there is no such user")]
    Unknown,
    /// The name or mail address is taken.
    #[error("the {0} is taken")]
    Taken(&'static str),
    /// A name or address that cannot be; of which field, and why.
    #[error("{why}")]
    Form {
        /// The field.
        field: &'static str,
        /// Why.
        why: String,
    },
    /// Somebody else changed it.
    #[error("somebody else changed this user meanwhile; look again")]
    Stale,
    /// Nobody could mend it afterwards, or a role that is not there.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for UserError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Who a new user is.
#[derive(Clone, Debug)]
pub(crate) struct NewUser {
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) mail: Option<String>,
    pub(crate) origin: Origin,
    /// Under what the provider or directory knows him.
    pub(crate) external_id: Option<String>,
}

impl NewUser {
    /// Trims the fields and refuses what cannot be.
    ///
    /// # Errors
    /// [`UserError::Form`] naming the field.
    pub(crate) fn checked(mut self) -> Result<Self, UserError> {
        self.name = self.name.trim().to_owned();
        self.full_name = self.full_name.trim().to_owned();
        self.mail = self.mail.map(|mail| mail.trim().to_owned()).filter(|mail| !mail.is_empty());
        check_name(&self.name)?;
        check_full_name(&self.full_name)?;
        if let Some(mail) = &self.mail {
            check_mail(mail)?;
        }
        Ok(self)
    }
}

/// The form in which names are compared.
pub(crate) fn name_key(name: &str) -> String {
    name.trim().to_lowercase()
}

/// Whether this is a name that every attacker tries first.
pub(super) fn is_guessed(name: &str) -> bool {
    // Nor is `admin1` better.
    let key = name_key(name);
    let word = key.trim_end_matches(|last: char| last.is_ascii_digit() || "._-@".contains(last));
    GUESSED.contains(&word)
}

/// Whether a user can have this name.
pub(crate) fn is_name(name: &str) -> bool {
    check_name(name).is_ok()
}

fn check_name(name: &str) -> Result<(), UserError> {
    let form = |why: String| UserError::Form { field: "name", why };
    let right = (2..=64).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-@".contains(&byte));
    if !right {
        return Err(form(
            "a user name is 2 to 64 letters, digits and . _ - @, a letter or digit first".to_owned(),
        ));
    }
    if is_guessed(name) {
        return Err(form(format!("`{name}` is what attackers try first; take a name of a person")));
    }
    Ok(())
}

fn check_full_name(name: &str) -> Result<(), UserError> {
    let right = (1..=200).contains(&name.len()) && !name.chars().any(char::is_control);
    let why = || "a full name is 1 to 200 bytes without control characters".to_owned();
    if right { Ok(()) } else { Err(UserError::Form { field: "full_name", why: why() }) }
}

fn check_mail(mail: &str) -> Result<(), UserError> {
    let right = mail.len() <= 254
        && mail.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.')
        })
        && mail.matches('@').count() == 1
        && mail.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>()[],;:\\\"".contains(&byte));
    let why = || "a mail address looks like name@example.com".to_owned();
    if right { Ok(()) } else { Err(UserError::Form { field: "mail", why: why() }) }
}

const COLUMNS: &str = "id, name, full_name, mail, state, origin, zone, password_at, totp_at, created_at,
    created_by, last_login_at, last_login_from, version,
    (select count(*) from passkeys where passkeys.user_id = users.id) as passkeys";

/// The user of this name.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn by_name(store: &Store, name: &str) -> Result<Option<User>, StoreError> {
    one(store, "name_key", &name_key(name)).await
}

/// The user of this identifier.
///
/// # Errors
/// [`UserError::Unknown`].
pub(crate) async fn by_id(store: &Store, id: &str) -> Result<User, UserError> {
    one(store, "id", id).await?.ok_or(UserError::Unknown)
}

/// The user of this mail address.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn by_mail(store: &Store, mail: &str) -> Result<Option<User>, StoreError> {
    one(store, "mail_key", &mail.trim().to_lowercase()).await
}

/// The active administrators, by name.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn administrators(store: &Store) -> Result<Vec<User>, StoreError> {
    let text = format!(
        "select {COLUMNS} from users where state = 'active' and id in
             (select user_id from assignments where role_id = $1 and label = '')
         order by name_key limit 100"
    );
    let rows = sqlx::query(sqlx::AssertSqlSafe(text)).bind(ADMINISTRATOR).fetch_all(store.reader()).await?;
    Ok(rows.iter().map(user).collect::<Result<_, _>>()?)
}

async fn one(store: &Store, column: &'static str, value: &str) -> Result<Option<User>, StoreError> {
    let text = format!("select {COLUMNS} from users where {column} = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(value).fetch_optional(store.reader()).await?;
    Ok(row.as_ref().map(user).transpose()?)
}

/// The columns of the list of users.
pub(crate) static LISTED: Columns = Columns {
    usual: order::text("name", "name_key"),
    falls: false,
    others: &[order::text("state", "state"), order::number("last_login", "coalesce(last_login_at, 0)")],
};

/// What the list of users is narrowed to.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// In the name, the full name or the mail address.
    pub(crate) text: String,
    /// In this state alone.
    pub(crate) state: Option<State>,
    /// By what it is sorted.
    pub(crate) order: Order,
    /// After this row.
    pub(crate) after: Option<After>,
}

/// One page of users.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn list(store: &Store, filter: Filter) -> Result<Found<User>, StoreError> {
    let Filter { text, state, order, after } = filter;
    let query = format!(
        "select {COLUMNS}, {} from users
         where ($1 = '' or state = $1)
           and ($2 = '' or lower(name || ' ' || full_name || ' ' || coalesce(mail, '')) like $3 escape '!')
           and {}
         order by {} limit $4",
        order.key(),
        order.beyond("id", after.as_ref(), 5),
        order.by("id"),
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(state.map_or("", State::as_str));
    let rows = order::bound(query, &text, after).fetch_all(store.reader()).await?;
    Ok(order.found(&rows, user)?)
}

/// Adds a user in a transaction of the caller's; returns the identifier.
///
/// # Errors
/// When the name or mail address is taken.
pub(crate) async fn create(
    connection: &mut AnyConnection,
    new: &NewUser,
    state: State,
    by: &str,
    now: Timestamp,
) -> Result<String, UserError> {
    let id = random::public_id()?;
    let done = sqlx::query(
        "insert into users (id, name, name_key, full_name, mail, mail_key, state, origin, external_id,
             password_history, created_at, created_by, version)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, '[]', $10, $11, 1)",
    )
    .bind(&id)
    .bind(&new.name)
    .bind(name_key(&new.name))
    .bind(&new.full_name)
    .bind(new.mail.as_deref())
    .bind(new.mail.as_ref().map(|mail| mail.to_lowercase()))
    .bind(state.as_str())
    .bind(new.origin.as_str())
    .bind(new.external_id.as_deref())
    .bind(now.as_millisecond())
    .bind(by)
    .execute(connection)
    .await;
    match done {
        Ok(_) => Ok(id),
        Err(error) => Err(taken(error)),
    }
}

fn taken(error: sqlx::Error) -> UserError {
    let Some(database) = error.as_database_error().filter(|error| error.is_unique_violation()) else {
        return error.into();
    };
    let text = database.message();
    UserError::Taken(if text.contains("mail") { "mail address" } else { "user name" })
}

/// Changes what the profile shows of a user that has `version` still.
///
/// # Errors
/// A value that cannot be, or changed meanwhile.
pub(crate) async fn change_profile(
    store: &Store,
    id: &str,
    full_name: &str,
    mail: Option<&str>,
    zone: Option<&str>,
    version: i64,
) -> Result<(), UserError> {
    let (full_name, mail) = (full_name.trim(), mail.map(str::trim).filter(|mail| !mail.is_empty()));
    check_full_name(full_name)?;
    mail.map_or(Ok(()), check_mail)?;
    if let Some(zone) = zone
        && jiff::tz::TimeZone::get(zone).is_err()
    {
        let why = format!("`{zone}` is no time zone; write one like Europe/Vienna");
        return Err(UserError::Form { field: "zone", why });
    }
    let mut transaction = store.writer().begin().await?;
    let done = sqlx::query(
        "update users set full_name = $2, mail = $3, mail_key = $4, zone = $5, version = version + 1
         where id = $1 and version = $6",
    )
    .bind(id)
    .bind(full_name)
    .bind(mail)
    .bind(mail.map(str::to_lowercase))
    .bind(zone)
    .bind(version)
    .execute(&mut *transaction)
    .await
    .map_err(taken)?;
    if done.rows_affected() == 0 {
        return Err(UserError::Stale);
    }
    note(&mut transaction, Said::done(Happened::UserChanged).on("user", id, None)).await?;
    Ok(transaction.commit().await?)
}

/// Lets a user log in or no longer; ends what runs under the name when not.
///
/// # Errors
/// Unknown, or nobody would be left to mend things.
pub(crate) async fn set_state(store: &Store, id: &str, state: State) -> Result<(), UserError> {
    let mut transaction = store.writer().begin().await?;
    let done = sqlx::query("update users set state = $2, version = version + 1 where id = $1")
        .bind(id)
        .bind(state.as_str())
        .execute(&mut *transaction)
        .await?;
    if done.rows_affected() == 0 {
        return Err(UserError::Unknown);
    }
    if state == State::Deactivated {
        for text in ["delete from sessions where user_id = $1", "delete from tokens where user_id = $1"] {
            sqlx::query(text).bind(id).execute(&mut *transaction).await?;
        }
        roles::keep_an_administrator(&mut transaction).await?;
    }
    let happened =
        if state == State::Deactivated { Happened::UserDeactivated } else { Happened::UserActivated };
    note(&mut transaction, Said::done(happened).on("user", id, None)).await?;
    Ok(transaction.commit().await?)
}

/// Makes an invited user active.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn activate(connection: &mut AnyConnection, id: &str) -> Result<(), StoreError> {
    sqlx::query("update users set state = 'active', version = version + 1 where id = $1 and state = 'invited'")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes a user and all that is his.
///
/// # Errors
/// Unknown, or nobody would be left to mend things.
pub(crate) async fn delete(store: &Store, id: &str) -> Result<(), UserError> {
    let mut transaction = store.writer().begin().await?;
    let name: Option<String> = sqlx::query_scalar("delete from users where id = $1 returning name")
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
    let name = name.ok_or(UserError::Unknown)?;
    roles::keep_an_administrator(&mut transaction).await?;
    note(&mut transaction, Said::done(Happened::UserDeleted).on("user", id, Some(&name))).await?;
    Ok(transaction.commit().await?)
}

/// Notes a login.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn logged_in(
    connection: &mut AnyConnection,
    id: &str,
    from: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("update users set last_login_at = $2, last_login_from = $3 where id = $1")
        .bind(id)
        .bind(now.as_millisecond())
        .bind(from)
        .execute(connection)
        .await?;
    Ok(())
}

/// How many users there are.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn count(store: &Store) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar("select count(*) from users").fetch_one(store.reader()).await?)
}

fn user(row: &AnyRow) -> Result<User, sqlx::Error> {
    let state: String = row.try_get("state")?;
    let origin: String = row.try_get("origin")?;
    Ok(User {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        full_name: row.try_get("full_name")?,
        mail: row.try_get("mail")?,
        state: match state.as_str() {
            "active" => State::Active,
            "invited" => State::Invited,
            _ => State::Deactivated,
        },
        origin: match origin.as_str() {
            "oidc" => Origin::Oidc,
            "ldap" => Origin::Ldap,
            _ => Origin::Local,
        },
        zone: row.try_get("zone")?,
        password_at: time(row.try_get("password_at")?)?,
        totp_at: time(row.try_get("totp_at")?)?,
        passkeys: row.try_get("passkeys")?,
        created_at: time(row.try_get("created_at")?)?.unwrap_or(Timestamp::UNIX_EPOCH),
        created_by: row.try_get("created_by")?,
        last_login_at: time(row.try_get("last_login_at")?)?,
        last_login_from: row.try_get("last_login_from")?,
        version: row.try_get("version")?,
    })
}

/// A time of a column.
pub(crate) fn time(milliseconds: Option<i64>) -> Result<Option<Timestamp>, sqlx::Error> {
    milliseconds.map(Timestamp::from_millisecond).transpose().map_err(|error| sqlx::Error::Decode(error.into()))
}
