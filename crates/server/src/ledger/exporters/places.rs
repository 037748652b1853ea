//! How an exporter stands, for pages, programs and figures.

use jiff::Timestamp;
use sqlx::Row as _;

use super::cursor::{self, Place};
use super::{Exporter, engine};
use crate::ledger::{LedgerError, head};
use crate::store::{Store, time};

/// How an exporter stands.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Where it hands things on to, in words.
    pub(crate) receiver: String,
    /// In a word.
    pub(crate) health: Health,
    /// How far each stream is handed on.
    pub(crate) places: Vec<Place>,
    /// Entries that wait to be handed on.
    pub(crate) waiting: u64,
    /// For how many seconds the oldest of them has waited.
    pub(crate) seconds: i64,
    /// When a receiver took something last.
    pub(crate) succeeded_at: Option<Timestamp>,
    /// Since when none takes anything.
    pub(crate) failing_since: Option<Timestamp>,
    /// Why.
    pub(crate) error: Option<String>,
    pub(super) is_behind_told: bool,
}

/// How an exporter stands, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    /// What there is was handed on, or is being.
    Well,
    /// The oldest that waits has waited for long.
    Behind,
    /// The receiver took nothing the last time.
    Fails,
}

impl Health {
    /// As the API and pages name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Behind => "behind",
            Self::Fails => "fails",
        }
    }
}

/// How it stands at this time.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn standing(
    store: &Store,
    exporter: &Exporter,
    now: Timestamp,
) -> Result<Standing, LedgerError> {
    let row = sqlx::query(
        "select begun_at, succeeded_at, failing_since, error, told_behind from ledger_exporters where name = $1",
    )
    .bind(exporter.name)
    .fetch_optional(store.reader())
    .await?;
    let places = cursor::places(store, exporter.name).await?;
    let waiting = places.iter().map(Place::waiting).sum();
    let mut standing = Standing {
        name: exporter.name,
        receiver: exporter.receiver.place(),
        health: Health::Well,
        waiting,
        seconds: 0,
        succeeded_at: None,
        failing_since: None,
        error: None,
        is_behind_told: false,
        places,
    };
    // Before the first run of its engine there is nothing else to tell.
    let Some(row) = row else { return Ok(standing) };
    let begun: i64 = row.try_get("begun_at")?;
    let mut oldest: Option<i64> = None;
    for place in standing.places.iter().filter(|place| place.waiting() > 0) {
        let found: Option<i64> = sqlx::query_scalar(
            "select time from ledger_entries where log = $1 and position >= $2 order by position limit 1",
        )
        .bind(place.stream.as_str())
        .bind(head::column(place.next)?)
        .fetch_optional(store.reader())
        .await?;
        // What lay there before there was an exporter has not waited for it.
        oldest = found.map(|found| found.max(begun)).into_iter().chain(oldest).min();
    }
    let given = |milliseconds: i64| (milliseconds > 0).then(|| time(milliseconds)).transpose();
    standing.seconds = oldest.map_or(0, |oldest| (now.as_millisecond().saturating_sub(oldest) / 1000).max(0));
    standing.succeeded_at = given(row.try_get("succeeded_at")?)?;
    standing.failing_since = given(row.try_get("failing_since")?)?;
    standing.error = Some(row.try_get::<String, _>("error")?).filter(|error| !error.is_empty());
    standing.is_behind_told = row.try_get::<i64, _>("told_behind")? == 1;
    standing.health = if standing.failing_since.is_some() {
        Health::Fails
    } else if standing.seconds > engine::BEHIND_SECONDS {
        Health::Behind
    } else {
        Health::Well
    };
    Ok(standing)
}
