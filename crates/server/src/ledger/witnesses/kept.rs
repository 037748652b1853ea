//! What is kept of witnesses: what each cosigned last, why one does not, and the checkpoint that is shown.

use std::cmp::Ordering;

use jiff::Timestamp;
use ledger::{Checkpoint, VerifierKey};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};

use crate::ledger::head::{column, number};
use crate::ledger::{Happened, LedgerError, Said, Stream, note};
use crate::store::{Store, time};

/// Why a witness does not cosign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It does not answer, or not now.
    Unreachable,
    /// It does not know this log, or is not the witness that it should be.
    Refused,
    /// It has seen another log of this name.
    Contradicted,
}

impl Trouble {
    const ALL: [Self; 3] = [Self::Unreachable, Self::Refused, Self::Contradicted];

    /// As tables and answers name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::Refused => "refused",
            Self::Contradicted => "contradicted",
        }
    }
}

/// What is known of one witness and one stream.
#[derive(Debug)]
pub(crate) struct Stands {
    pub(crate) stream: Stream,
    /// The witness's key.
    pub(crate) witness: String,
    /// Entries that it cosigned.
    pub(crate) size: u64,
    /// The checkpoint that it cosigned last, with its cosignature.
    pub(crate) checkpoint: Option<Checkpoint>,
    /// When that was.
    pub(crate) cosigned_at: Option<Timestamp>,
    /// Why it does not cosign at present, in a word and in words.
    pub(crate) trouble: Option<(Trouble, String)>,
    /// Since when that is so.
    pub(crate) since: Timestamp,
}

/// What is known of all witnesses.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn all(store: &Store) -> Result<Vec<Stands>, LedgerError> {
    let rows = sqlx::query(
        "select log, witness, size, checkpoint, cosigned_at, trouble, said, since from ledger_cosignatures order by log, witness",
    )
    .fetch_all(store.reader())
    .await?;
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        all.extend(stands(row)?);
    }
    Ok(all)
}

fn stands(row: &AnyRow) -> Result<Option<Stands>, sqlx::Error> {
    let (log, text): (String, String) = (row.try_get("log")?, row.try_get("checkpoint")?);
    let (trouble, said): (String, String) = (row.try_get("trouble")?, row.try_get("said")?);
    // Of a stream that a newer version has, nothing is known here.
    let Some(stream) = Stream::named(&log) else { return Ok(None) };
    let checkpoint = Checkpoint::read(text.as_bytes()).ok();
    let at = time(row.try_get("cosigned_at")?)?;
    Ok(Some(Stands {
        stream,
        witness: row.try_get("witness")?,
        size: number(row.try_get("size")?)?,
        cosigned_at: checkpoint.is_some().then_some(at),
        checkpoint,
        trouble: Trouble::ALL.into_iter().find(|known| known.as_str() == trouble).map(|known| (known, said)),
        since: time(row.try_get("since")?)?,
    }))
}

/// Keeps what a witness cosigned, unless it cosigned more by now. `is_news`: it had not, or refused to.
///
/// # Errors
/// When the database does not take it.
pub(super) async fn cosigned(
    store: &Store,
    stream: Stream,
    witness: &VerifierKey,
    checkpoint: &Checkpoint,
    is_news: bool,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let size = checkpoint.head().size;
    let mut transaction = store.writer().begin().await?;
    sqlx::query(
        "insert into ledger_cosignatures (log, witness, size, checkpoint, cosigned_at, trouble, said, since)
         values ($1, $2, $3, $4, $5, '', '', $5)
         on conflict (log, witness) do update set size = excluded.size, checkpoint = excluded.checkpoint,
             cosigned_at = excluded.cosigned_at, trouble = '', said = '', since = excluded.since
         where ledger_cosignatures.size <= excluded.size",
    )
    .bind(stream.as_str())
    .bind(witness.to_string())
    .bind(column(size)?)
    .bind(String::from_utf8_lossy(&checkpoint.text()).into_owned())
    .bind(now.as_millisecond())
    .execute(&mut *transaction)
    .await?;
    if is_news {
        let said = Said::done(Happened::LedgerCosigned).on("witness", witness.name(), None);
        note(&mut transaction, said.with("log", stream.as_str()).with("entries", size.to_string())).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Keeps why a witness does not cosign. `is_news`: that it contradicts was not known. Who contradicted does so until it cosigns: cutting
/// it off silences nobody.
///
/// # Errors
/// When the database does not take it.
pub(super) async fn troubled(
    store: &Store,
    stream: Stream,
    witness: &VerifierKey,
    (trouble, said): (Trouble, &str),
    is_news: bool,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let mut transaction = store.writer().begin().await?;
    sqlx::query(
        "insert into ledger_cosignatures (log, witness, size, checkpoint, cosigned_at, trouble, said, since)
         values ($1, $2, 0, '', 0, $3, $4, $5)
         on conflict (log, witness) do update set said = excluded.said,
             since = case when ledger_cosignatures.trouble = excluded.trouble then ledger_cosignatures.since else excluded.since end,
             trouble = excluded.trouble
         where ledger_cosignatures.trouble <> $6 or excluded.trouble = $6",
    )
    .bind(stream.as_str())
    .bind(witness.to_string())
    .bind(trouble.as_str())
    .bind(said)
    .bind(now.as_millisecond())
    .bind(Trouble::Contradicted.as_str())
    .execute(&mut *transaction)
    .await?;
    if is_news && trouble == Trouble::Contradicted {
        let event = Said::failed(Happened::LedgerContradicted).on("witness", witness.name(), None);
        note(&mut transaction, event.with("log", stream.as_str()).with("reason", said)).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// The checkpoint of a stream that several witnesses cosigned, as it is kept; none: none has.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn shown(
    connection: &mut AnyConnection,
    stream: Stream,
) -> Result<Option<Checkpoint>, LedgerError> {
    let text: Option<String> = sqlx::query_scalar("select checkpoint from ledger_cosigned where log = $1")
        .bind(stream.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(text.and_then(|text| Checkpoint::read(text.as_bytes()).ok()))
}

/// Shows this checkpoint, if what was shown is still `before`; another process may have been faster.
///
/// # Errors
/// When the database does not take it.
pub(super) async fn show(
    store: &Store,
    stream: Stream,
    before: Option<&Checkpoint>,
    checkpoint: &Checkpoint,
) -> Result<(), LedgerError> {
    let text = |checkpoint: &Checkpoint| String::from_utf8_lossy(&checkpoint.text()).into_owned();
    let query = match before {
        None => {
            "insert into ledger_cosigned (log, size, checkpoint) select $1, $2, $3 where $4 = ''
             on conflict (log) do nothing"
        }
        Some(_) => "update ledger_cosigned set size = $2, checkpoint = $3 where log = $1 and checkpoint = $4",
    };
    sqlx::query(query)
        .bind(stream.as_str())
        .bind(column(checkpoint.head().size)?)
        .bind(text(checkpoint))
        .bind(before.map(text).unwrap_or_default())
        .execute(store.writer())
        .await?;
    Ok(())
}

/// Of what witnesses cosigned one by one, what is to be shown in place of what is shown: none, if nothing is better.
///
/// The cosignatures of one head are put together. Those of most witnesses count more than the newest head, until what is shown is
/// `stale`: a witness that is gone shall not hold the others up.
pub(super) fn better(
    cosigned: &[&Checkpoint],
    shown: Option<&Checkpoint>,
    is_stale: bool,
    witnesses: &[VerifierKey],
) -> Option<Checkpoint> {
    let rank = |checkpoint: &Checkpoint| (checkpoint.cosigners(witnesses), checkpoint.head().size);
    let (most, longest) = shown.map_or((0, 0), rank);
    let whole = |first: &&Checkpoint| {
        let mut whole = first.joined(first, witnesses).ok()?;
        for other in cosigned.iter().copied().chain(shown) {
            // Of another head: nothing of it is taken.
            if let Ok(more) = whole.joined(other, witnesses) {
                whole = more;
            }
        }
        Some(whole)
    };
    let is_better = |checkpoint: &Checkpoint| {
        let (signed, size) = rank(checkpoint);
        match size.cmp(&longest) {
            // Who saw the longer one would take it for a log that was cut off.
            Ordering::Less => false,
            Ordering::Equal => signed > most,
            Ordering::Greater => signed > 0 && (is_stale || signed >= most),
        }
    };
    cosigned.iter().filter_map(whole).filter(is_better).max_by_key(rank)
}

#[cfg(test)]
mod tests;
