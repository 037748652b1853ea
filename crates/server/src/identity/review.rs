//! Access reviews: everybody who may do something is looked at, kept, changed or removed, and the whole is signed.
//!
//! Nothing changes before the signature; then everything does, in one transaction, or nothing.

mod decide;
pub(crate) mod idle;
pub(crate) mod record;
mod sign;
mod snapshot;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::roles::{Assignment, Permission, Rights, RoleError};
use super::users::{User, time};
use crate::ledger::{Happened, Said, note};
use crate::order::{self, After, Columns, Found, Order};
use crate::random::{self, RandomError};
use crate::seal::SealError;
use crate::store::{Store, StoreError};

pub(crate) use decide::decide;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use record::verify;
pub(crate) use record::{Envelope, Key, next_due};
pub use record::{VerifyError, verify_any};
pub(crate) use sign::sign;
pub(crate) use snapshot::{Person, Subject};

/// Months from one signed review to the next.
pub(crate) const PERIOD_MONTHS: i64 = 3;

/// Bytes of a note.
const LONGEST_NOTE: usize = 1000;

/// What is decided on a user or a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Decision {
    /// It stays as it is.
    Keep,
    /// The user is deactivated, or the role deleted.
    Remove,
    /// The user has exactly these roles.
    Roles(BTreeSet<Assignment>),
    /// The role permits exactly this.
    Permissions(BTreeSet<Permission>),
}

/// Who decides or signs, and what he may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reviewer<'a> {
    /// The user.
    pub(crate) user: &'a User,
    /// The rights.
    pub(crate) rights: &'a Rights,
}

impl Reviewer<'_> {
    fn person(self) -> Person {
        Person { id: self.user.id.clone(), name: self.user.name.clone() }
    }

    /// A review does not lend rights: who may not change users or roles does not do it by a review.
    fn may_have(self, subject: &Subject, decision: &Decision) -> Result<(), ReviewError> {
        let needed = match (subject, decision) {
            (_, Decision::Keep) => return Ok(()),
            (Subject::User(_), Decision::Remove) => Permission::UsersManage,
            _ => Permission::RolesManage,
        };
        if self.rights.has(needed) { Ok(()) } else { Err(ReviewError::Rights(needed)) }
    }
}

/// Whether a review is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Standing {
    /// Decisions are made.
    Open,
    /// It is carried out and signed.
    Signed,
}

impl Standing {
    /// Its name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Signed => "signed",
        }
    }

    /// The one of this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        [Self::Open, Self::Signed].into_iter().find(|one| one.as_str() == name)
    }
}

/// One review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Review {
    pub(crate) id: String,
    pub(crate) started_at: Timestamp,
    pub(crate) started_by: Person,
    /// When and by whom; none: it is open.
    pub(crate) signed: Option<(Timestamp, String)>,
    pub(crate) items: i64,
    pub(crate) decided: i64,
}

/// One item of a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) id: String,
    /// How it was when it was shown.
    pub(crate) found: Subject,
    /// None: not decided yet.
    pub(crate) decided: Option<Decided>,
}

/// A decision, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) decision: Decision,
    pub(crate) note: String,
    pub(crate) by: Person,
    pub(crate) at: Timestamp,
    /// Whether it concerns who decided.
    pub(crate) own: bool,
}

/// What cannot be done with reviews.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReviewError {
    /// No such review.
    #[error("there is no such review")]
    Unknown,
    /// No such item.
    #[error("this review has no such item; what it was about may be gone")]
    UnknownItem,
    /// There is one.
    #[error("a review is under way already; finish that one")]
    Open,
    /// It is signed.
    #[error("this review is signed and does not change any more")]
    Signed,
    /// It has no record yet.
    #[error("this review is not signed yet, so it has no record")]
    Unsigned,
    /// It changed since it was shown.
    #[error("`{0}` changed since the review showed it; look at it again and decide on it as it is now")]
    Changed(String),
    /// Items that must be looked at before it can be signed.
    #[error("{0}; decide on these items first: {1}")]
    NotReady(&'static str, String),
    /// Who decides is concerned.
    #[error("this decides on yourself; `{0}` is a reviewer too and decides on it")]
    Oneself(String),
    /// A right that a review does not lend.
    #[error("this decision needs the permission {}", .0.as_str())]
    Rights(Permission),
    /// A decision that does not fit its item.
    #[error("{0}")]
    Form(String),
    /// The roles.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// The key cannot be had.
    #[error("the key that signs reviews cannot be read; restore the database and the key file from one backup")]
    Key,
    /// A sealed secret.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// What is kept cannot be read or written.
    #[error("what is kept of a review cannot be read; this is a bug")]
    Json(#[from] serde_json::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for ReviewError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Starts a review of everybody as they are now; returns its identifier.
///
/// # Errors
/// When one is open.
pub(crate) async fn start(store: &Store, by: Reviewer<'_>, now: Timestamp) -> Result<String, ReviewError> {
    let id = random::public_id()?;
    let mut transaction = store.writer().begin().await?;
    let done = sqlx::query(
        "insert into reviews (id, state, started_at, started_by_id, started_by) values ($1, 'open', $2, $3, $4)",
    )
    .bind(&id)
    .bind(now.as_millisecond())
    .bind(&by.user.id)
    .bind(&by.user.name)
    .execute(&mut *transaction)
    .await;
    match done {
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => return Err(ReviewError::Open),
        done => done?,
    };
    let snapshot = snapshot::take(&mut transaction, now).await?;
    for (place, subject) in (0_i64..).zip(&snapshot.subjects) {
        add(&mut transaction, &id, place, subject).await?;
    }
    note(&mut transaction, Said::done(Happened::ReviewBegun).on("review", &id, None)).await?;
    transaction.commit().await?;
    Ok(id)
}

/// Adds an item that is not decided on.
async fn add(
    connection: &mut AnyConnection,
    review: &str,
    place: i64,
    subject: &Subject,
) -> Result<(), ReviewError> {
    sqlx::query(
        "insert into review_items (review_id, id, found, note, place, own) values ($1, $2, $3, '', $4, 0)",
    )
    .bind(review)
    .bind(subject.item())
    .bind(serde_json::to_string(subject)?)
    .bind(place)
    .execute(connection)
    .await?;
    Ok(())
}

/// Shows an item as it is now; what was decided on what it was, counts no longer.
async fn show_again(
    connection: &mut AnyConnection,
    review: &str,
    subject: &Subject,
) -> Result<(), ReviewError> {
    sqlx::query(
        "update review_items set found = $3, decision = null, note = '', decided_by_id = null,
             decided_by = null, decided_at = null, own = 0
         where review_id = $1 and id = $2",
    )
    .bind(review)
    .bind(subject.item())
    .bind(serde_json::to_string(subject)?)
    .execute(connection)
    .await?;
    Ok(())
}

/// Keeps others from deciding on and signing an open review until the transaction ends.
async fn lock(connection: &mut AnyConnection, id: &str) -> Result<(), ReviewError> {
    let done = sqlx::query("update reviews set state = state where id = $1 and state = 'open'")
        .bind(id)
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() > 0 {
        return Ok(());
    }
    let there: Option<String> =
        sqlx::query_scalar("select id from reviews where id = $1").bind(id).fetch_optional(connection).await?;
    Err(if there.is_some() { ReviewError::Signed } else { ReviewError::Unknown })
}

const COLUMNS: &str = "id, started_at, started_by_id, started_by, signed_at, signed_by,
    (select count(*) from review_items where review_id = reviews.id) as items,
    (select count(*) from review_items where review_id = reviews.id and decision is not null) as decided";

/// The columns of the list of reviews.
pub(crate) static LISTED: Columns = Columns {
    usual: order::number("begun", "started_at"),
    falls: true,
    others: &[order::number("signed", "coalesce(signed_at, 0)")],
};

/// Which reviews are listed, of access or of the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Filter<'a> {
    /// With this in the name of who began or signed it.
    pub(crate) text: &'a str,
    /// Open or signed; none: all.
    pub(crate) state: Option<Standing>,
    pub(crate) order: Order,
    pub(crate) after: Option<After>,
}

impl Filter<'_> {
    /// Those of a state, in the usual order of the list.
    pub(crate) fn all(columns: &'static Columns, state: Option<Standing>) -> Self {
        Filter { text: "", state, order: columns.order(""), after: None }
    }
}

/// One page of reviews.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn list(store: &Store, filter: Filter<'_>) -> Result<Found<Review>, ReviewError> {
    let order = filter.order;
    let rows =
        listed(store, &format!("select {COLUMNS}, {} from reviews", order.key()), "started_by", filter).await?;
    order.found(&rows, review)
}

/// The rows of one page of reviews of a kind, whose table names in one column who began it.
pub(crate) async fn listed(
    store: &Store,
    select: &str,
    by: &str,
    filter: Filter<'_>,
) -> Result<Vec<AnyRow>, ReviewError> {
    let Filter { text, state, order, after } = filter;
    let query = format!(
        "{select}
         where ($1 = '' or state = $1)
           and ($2 = '' or lower({by} || ' ' || coalesce(signed_by, '')) like $3 escape '!')
           and {}
         order by {} limit $4",
        order.beyond("id", after.as_ref(), 5),
        order.by("id"),
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(state.map_or("", Standing::as_str));
    Ok(order::bound(query, text, after).fetch_all(store.reader()).await?)
}

/// One review.
///
/// # Errors
/// [`ReviewError::Unknown`].
pub(crate) async fn find(store: &Store, id: &str) -> Result<Review, ReviewError> {
    let text = format!("select {COLUMNS} from reviews where id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id).fetch_optional(store.reader()).await?;
    row.as_ref().map_or(Err(ReviewError::Unknown), review)
}

/// When the next review is due; the first as long after the first user as each other after the one before. None: there is
/// nobody to review.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn due(store: &Store) -> Result<Option<Timestamp>, StoreError> {
    let since: Option<i64> = sqlx::query_scalar(
        "select coalesce((select max(signed_at) from reviews), (select min(created_at) from users))",
    )
    .fetch_one(store.reader())
    .await?;
    Ok(time(since)?.map(next_due))
}

/// The items of a review.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn items(connection: &mut AnyConnection, id: &str) -> Result<Vec<Item>, ReviewError> {
    let rows = sqlx::query(
        "select id, found, decision, note, decided_by_id, decided_by, decided_at, own
         from review_items where review_id = $1 order by place, id limit 1000000",
    )
    .bind(id)
    .fetch_all(connection)
    .await?;
    rows.iter().map(item).collect()
}

/// The signed record of a review.
///
/// # Errors
/// Unknown, or not signed yet.
pub(crate) async fn envelope(store: &Store, id: &str) -> Result<Envelope, ReviewError> {
    let kept: Option<Option<String>> = sqlx::query_scalar("select record from reviews where id = $1")
        .bind(id)
        .fetch_optional(store.reader())
        .await?;
    let text = kept.ok_or(ReviewError::Unknown)?.ok_or(ReviewError::Unsigned)?;
    Ok(serde_json::from_str(&text)?)
}

fn review(row: &AnyRow) -> Result<Review, ReviewError> {
    let signed_at = time(row.try_get("signed_at")?)?;
    let signed_by: Option<String> = row.try_get("signed_by")?;
    Ok(Review {
        id: row.try_get("id")?,
        started_at: time(row.try_get("started_at")?)?.unwrap_or(Timestamp::UNIX_EPOCH),
        started_by: Person { id: row.try_get("started_by_id")?, name: row.try_get("started_by")? },
        signed: signed_at.zip(signed_by),
        items: row.try_get("items")?,
        decided: row.try_get("decided")?,
    })
}

fn item(row: &AnyRow) -> Result<Item, ReviewError> {
    let decision: Option<String> = row.try_get("decision")?;
    let decided = match decision {
        None => None,
        Some(decision) => Some(Decided {
            decision: serde_json::from_str(&decision)?,
            note: row.try_get("note")?,
            by: Person { id: row.try_get("decided_by_id")?, name: row.try_get("decided_by")? },
            at: time(row.try_get("decided_at")?)?.unwrap_or(Timestamp::UNIX_EPOCH),
            own: row.try_get::<i64, _>("own")? != 0,
        }),
    };
    Ok(Item { id: row.try_get("id")?, found: serde_json::from_str(row.try_get("found")?)?, decided })
}
