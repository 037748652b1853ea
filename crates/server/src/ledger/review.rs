//! Reviews of the log: somebody looks at what is unusual in the entries since the last review, says of each whether it was
//! expected, and signs. A review begins where the one before ended, in every stream.

pub(crate) mod api;
mod record;
mod unusual;

#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use super::sequencer::LedgerError;
use super::{Happened, Ledger, Said, Stream, head, note};
use crate::identity::review::{Filter, Person, ReviewError, listed};
use crate::order::{self, Columns, Found};
use crate::random;
use crate::store::{self, Store, StoreError};

pub(crate) use record::PREDICATE_TYPE;
pub(crate) use record::{envelope, sign};
pub(crate) use unusual::Finding;

/// Days from one review to the next.
pub(crate) const PERIOD_DAYS: i64 = 7;

/// Bytes of a note, and of a ticket.
const LONGEST_NOTE: usize = 1000;
const LONGEST_TICKET: usize = 100;

/// One review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Review {
    pub(crate) id: String,
    pub(crate) begun_at: Timestamp,
    pub(crate) begun_by: Person,
    /// When and by whom; none: it is open.
    pub(crate) signed: Option<(Timestamp, String)>,
    pub(crate) items: u64,
    pub(crate) decided: u64,
    /// Of each stream that has entries.
    pub(crate) ranges: Vec<Range>,
}

/// Which entries of a stream a review is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Range {
    /// The stream.
    pub(crate) stream: String,
    /// The first entry.
    pub(crate) first: u64,
    /// The one behind the last.
    pub(crate) until: u64,
    /// How many of them had been removed before anybody reviewed them: a gap.
    pub(crate) removed: u64,
    /// What was signed of the stream with its last entry (C2SP tlog-checkpoint).
    pub(crate) checkpoint: String,
}

/// Something unusual, and what was found of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) place: u64,
    pub(crate) found: Finding,
    /// None: nobody looked at it yet.
    pub(crate) decided: Option<Decided>,
}

/// What was found, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Decided {
    /// What.
    pub(crate) decision: Decision,
    /// Why.
    pub(crate) note: String,
    /// Where it is followed up.
    pub(crate) ticket: String,
    /// By whom.
    pub(crate) by: Person,
    /// When; RFC 3339.
    pub(crate) at: String,
}

/// What a reviewer finds of something unusual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Decision {
    /// It is explained.
    Expected,
    /// It is not, and must be followed up.
    Unexpected,
}

impl Decision {
    /// As it is kept.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Unexpected => "unexpected",
        }
    }

    /// The one of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Expected, Self::Unexpected].into_iter().find(|decision| decision.as_str() == name)
    }
}

impl From<LedgerError> for ReviewError {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(error) => Self::Store(error),
            error => Self::Store(sqlx::Error::Protocol(error.to_string()).into()),
        }
    }
}

/// Begins a review of everything since the last one; returns its identifier.
///
/// # Errors
/// When one is open.
pub(crate) async fn begin(ledger: &Ledger, by: &Person, now: Timestamp) -> Result<String, ReviewError> {
    // What was noted until now is in it.
    ledger.sequence_all().await;
    let id = random::public_id()?;
    let mut transaction = ledger.0.store.writer().begin().await?;
    let done = sqlx::query(
        "insert into ledger_reviews (id, state, begun_at, begun_by_id, begun_by) values ($1, 'open', $2, $3, $4)",
    )
    .bind(&id)
    .bind(now.as_millisecond())
    .bind(&by.id)
    .bind(&by.name)
    .execute(&mut *transaction)
    .await;
    match done {
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => return Err(ReviewError::Open),
        done => done?,
    };
    let mut place = 0_i64;
    for stream in Stream::ALL {
        let Some((first, until, first_kept)) = span(&mut transaction, &id, stream).await? else { continue };
        for found in unusual::find(&mut transaction, stream, (first.max(first_kept), until), now).await? {
            sqlx::query(
                "insert into ledger_review_items (review_id, place, found, note, ticket) values ($1, $2, $3, '', '')",
            )
            .bind(&id)
            .bind(place)
            .bind(serde_json::to_string(&found)?)
            .execute(&mut *transaction)
            .await?;
            place += 1;
        }
    }
    note(&mut transaction, Said::done(Happened::LedgerReviewBegun).on("ledger-review", &id, None)).await?;
    transaction.commit().await?;
    Ok(id)
}

/// Keeps which entries of a stream the review is of: first, behind the last, and the first that is still there.
async fn span(
    connection: &mut AnyConnection,
    id: &str,
    stream: Stream,
) -> Result<Option<(i64, i64, i64)>, ReviewError> {
    let Some(kept) = head::kept(connection, stream).await? else { return Ok(None) };
    let (until, first_kept) = (head::column(kept.head.size)?, head::column(kept.first_kept)?);
    let first: i64 = sqlx::query_scalar(
        "select coalesce(max(until), 0) from ledger_review_ranges
         join ledger_reviews on ledger_reviews.id = review_id where log = $1 and state = 'signed'",
    )
    .bind(stream.as_str())
    .fetch_one(&mut *connection)
    .await?;
    sqlx::query(
        "insert into ledger_review_ranges (review_id, log, first, until, first_kept, checkpoint)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id)
    .bind(stream.as_str())
    .bind(first)
    .bind(until)
    .bind(first_kept)
    .bind(String::from_utf8_lossy(&kept.checkpoint.text()).into_owned())
    .execute(connection)
    .await?;
    Ok(Some((first, until, first_kept)))
}

/// Keeps others from deciding on and signing an open review until the transaction ends.
async fn lock(connection: &mut AnyConnection, id: &str) -> Result<(), ReviewError> {
    let done = sqlx::query("update ledger_reviews set state = state where id = $1 and state = 'open'")
        .bind(id)
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() > 0 {
        return Ok(());
    }
    let there: Option<String> = sqlx::query_scalar("select id from ledger_reviews where id = $1")
        .bind(id)
        .fetch_optional(connection)
        .await?;
    Err(if there.is_some() { ReviewError::Signed } else { ReviewError::Unknown })
}

/// Says of something unusual whether it was expected; said before, it is said anew.
///
/// # Errors
/// No such review or item, it is signed, or what was not expected has no note.
pub(crate) async fn decide(
    store: &Store,
    (id, place): (&str, &str),
    by: &Person,
    (decision, note_text, ticket): (Decision, &str, &str),
    now: Timestamp,
) -> Result<(), ReviewError> {
    let (note_text, ticket) = (note_text.trim(), ticket.trim());
    if note_text.len() > LONGEST_NOTE || ticket.len() > LONGEST_TICKET {
        let why = format!("a note has at most {LONGEST_NOTE} bytes, a ticket {LONGEST_TICKET}");
        return Err(ReviewError::Form(why));
    }
    if decision == Decision::Unexpected && note_text.is_empty() {
        let why = "say in the note what was found; the ticket says where it is followed up";
        return Err(ReviewError::Form(why.to_owned()));
    }
    let number: i64 = place.parse().map_err(|_| ReviewError::UnknownItem)?;
    let mut transaction = store.writer().begin().await?;
    lock(&mut transaction, id).await?;
    let done = sqlx::query(
        "update ledger_review_items set decision = $3, note = $4, ticket = $5, decided_by_id = $6, decided_by = $7,
             decided_at = $8
         where review_id = $1 and place = $2",
    )
    .bind(id)
    .bind(number)
    .bind(decision.as_str())
    .bind(note_text)
    .bind(ticket)
    .bind(&by.id)
    .bind(&by.name)
    .bind(now.as_millisecond())
    .execute(&mut *transaction)
    .await?;
    if done.rows_affected() == 0 {
        return Err(ReviewError::UnknownItem);
    }
    let said = Said::done(Happened::LedgerReviewDecided).on("ledger-review", id, None);
    let said = said.with("item", place).with("decision", decision.as_str()).with("ticket", ticket);
    note(&mut transaction, said).await?;
    Ok(transaction.commit().await?)
}

const COLUMNS: &str = "id, begun_at, begun_by_id, begun_by, signed_at, signed_by,
    (select count(*) from ledger_review_items where review_id = ledger_reviews.id) as items,
    (select count(*) from ledger_review_items where review_id = ledger_reviews.id and decision is not null) as decided";

/// The columns of the list of reviews.
pub(crate) static LISTED: Columns = Columns {
    usual: order::number("begun", "begun_at"),
    falls: true,
    others: &[order::number("signed", "coalesce(signed_at, 0)")],
};

/// One page of reviews.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn list(store: &Store, filter: Filter<'_>) -> Result<Found<Review>, ReviewError> {
    let order = filter.order;
    let select = format!("select {COLUMNS}, {} from ledger_reviews", order.key());
    let rows = listed(store, &select, "begun_by", filter).await?;
    let mut found = order.found(&rows, review)?;
    for review in &mut found.items {
        // At most three rows each, by their key.
        review.ranges = ranges(store, &review.id).await?;
    }
    Ok(found)
}

/// One review.
///
/// # Errors
/// [`ReviewError::Unknown`].
pub(crate) async fn find(store: &Store, id: &str) -> Result<Review, ReviewError> {
    let text = format!("select {COLUMNS} from ledger_reviews where id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id).fetch_optional(store.reader()).await?;
    match row {
        Some(row) => {
            let found = review(&row)?;
            Ok(Review { ranges: ranges(store, &found.id).await?, ..found })
        }
        None => Err(ReviewError::Unknown),
    }
}

/// The parts of the ledger that a review is of.
async fn ranges(store: &Store, id: &str) -> Result<Vec<Range>, ReviewError> {
    let rows = sqlx::query(
        "select log, first, until, first_kept, checkpoint from ledger_review_ranges where review_id = $1
         order by log limit 100",
    )
    .bind(id)
    .fetch_all(store.reader())
    .await?;
    rows.iter().map(range).collect()
}

/// A review without its ranges.
fn review(row: &AnyRow) -> Result<Review, ReviewError> {
    let signed_at: Option<i64> = row.try_get("signed_at")?;
    let signed_by: Option<String> = row.try_get("signed_by")?;
    Ok(Review {
        begun_at: store::time(row.try_get("begun_at")?)?,
        begun_by: Person { id: row.try_get("begun_by_id")?, name: row.try_get("begun_by")? },
        signed: signed_at.map(store::time).transpose()?.zip(signed_by),
        items: head::number(row.try_get("items")?)?,
        decided: head::number(row.try_get("decided")?)?,
        ranges: Vec::new(),
        id: row.try_get("id")?,
    })
}

fn range(row: &AnyRow) -> Result<Range, ReviewError> {
    let (first, until) = (head::number(row.try_get("first")?)?, head::number(row.try_get("until")?)?);
    let first_kept = head::number(row.try_get("first_kept")?)?;
    Ok(Range {
        stream: row.try_get("log")?,
        first,
        until,
        removed: first_kept.min(until).saturating_sub(first),
        checkpoint: row.try_get("checkpoint")?,
    })
}

/// What is unusual in a review.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn items(connection: &mut AnyConnection, id: &str) -> Result<Vec<Item>, ReviewError> {
    let rows = sqlx::query(
        "select place, found, decision, note, ticket, decided_by_id, decided_by, decided_at
         from ledger_review_items where review_id = $1 order by place limit 100000",
    )
    .bind(id)
    .fetch_all(connection)
    .await?;
    rows.iter().map(item).collect()
}

fn item(row: &AnyRow) -> Result<Item, ReviewError> {
    let decision: Option<String> = row.try_get("decision")?;
    let decided = match decision.as_deref().and_then(Decision::named) {
        None => None,
        Some(decision) => Some(Decided {
            decision,
            note: row.try_get("note")?,
            ticket: row.try_get("ticket")?,
            by: Person { id: row.try_get("decided_by_id")?, name: row.try_get("decided_by")? },
            at: store::time(row.try_get("decided_at")?)?.to_string(),
        }),
    };
    let found: String = row.try_get("found")?;
    Ok(Item { place: head::number(row.try_get("place")?)?, found: serde_json::from_str(&found)?, decided })
}

/// When the last review was signed, and when the next one is due: a week after the last one began, the first a week after the
/// first user. None: there is nobody to review.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn due(store: &Store) -> Result<(Option<Timestamp>, Option<Timestamp>), StoreError> {
    let row = sqlx::query(
        "select (select max(signed_at) from ledger_reviews) as signed,
             coalesce((select max(begun_at) from ledger_reviews where state = 'signed'),
                      (select min(created_at) from users)) as since",
    )
    .fetch_one(store.reader())
    .await?;
    let (signed, since): (Option<i64>, Option<i64>) = (row.try_get("signed")?, row.try_get("since")?);
    let period = SignedDuration::from_hours(24 * PERIOD_DAYS);
    let due = since.map(store::time).transpose()?.map(|since| since.checked_add(period).unwrap_or(since));
    Ok((signed.map(store::time).transpose()?, due))
}
