//! Which checkpoint of a stream is shown: the one that witnesses cosigned, as long as it is not far behind.

use std::time::Duration;

use jiff::SignedDuration;

use super::{Trouble, Witnesses, kept};
use crate::app::App;
use crate::ledger::{Happened, LedgerError, Standing, Stream, head, standing};
use crate::store::time;

/// How long an entry may wait to be cosigned before what is shown goes on without cosignatures.
const PATIENCE: SignedDuration = SignedDuration::from_secs(60);

/// How long an export waits for witnesses: they are asked each two seconds.
const EXPORT_WAITS: Duration = Duration::from_secs(6);

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Whether the first entry after so many waits for long already to be cosigned.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn lags(app: &App, stream: Stream, size: u64) -> Result<bool, LedgerError> {
    let first: Option<i64> =
        sqlx::query_scalar("select time from ledger_entries where log = $1 and position = $2")
            .bind(stream.as_str())
            .bind(head::column(size)?)
            .fetch_optional(app.store().reader())
            .await?;
    // One that was removed already has waited for very long.
    let Some(first) = first else {
        return Ok(standing(app.store(), stream).await?.is_some_and(|standing| size < standing.head.size));
    };
    Ok(app.now().duration_since(time(first)?) > PATIENCE)
}

impl Witnesses {
    /// How a stream stands, with the checkpoint that is shown of it: what witnesses cosigned, or what was signed last where that is far
    /// behind. The head is the newest in any case.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn standing(&self, app: &App, stream: Stream) -> Result<Option<Standing>, LedgerError> {
        let Some(mut standing) = standing(app.store(), stream).await? else { return Ok(None) };
        if self.all().is_empty() {
            return Ok(Some(standing));
        }
        let mut connection = app.store().reader().acquire().await?;
        let cosigned = kept::shown(&mut connection, stream).await?;
        drop(connection);
        let Some(cosigned) = cosigned else { return Ok(Some(standing)) };
        let size = cosigned.head().size;
        let is_shorter = self.state().plain.get(&stream).is_some_and(|plain| size < *plain);
        // Whoever verifies it knows what was removed by now, and must find the entry that says so.
        let is_whole = !is_shorter
            && size <= standing.head.size
            && !lags(app, stream, size).await?
            && told_of_pruning(app, stream).await?.is_none_or(|position| position < size);
        if is_whole {
            standing.checkpoint = cosigned;
        }
        Ok(Some(standing))
    }

    /// The same for an export, which holds all that there is now: waits a moment for witnesses to cosign it, and does without them where
    /// they do not. The head is that of the checkpoint.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn covering(
        &self,
        app: &App,
        standings: Vec<(Stream, Standing)>,
    ) -> Result<Vec<(Stream, Standing)>, LedgerError> {
        if self.all().is_empty() {
            return Ok(standings);
        }
        let until = tokio::time::Instant::now() + EXPORT_WAITS;
        let mut covered = Vec::with_capacity(standings.len());
        for (stream, mut standing) in standings {
            loop {
                let mut connection = app.store().reader().acquire().await?;
                let cosigned = kept::shown(&mut connection, stream).await?;
                drop(connection);
                if let Some(cosigned) = cosigned.filter(|cosigned| cosigned.head().size >= standing.head.size) {
                    standing.head = cosigned.head();
                    standing.checkpoint = cosigned;
                    break;
                }
                if tokio::time::Instant::now() >= until || !self.is_cosigned_soon(app, stream).await? {
                    let mut state = self.state();
                    let plain = state.plain.entry(stream).or_default();
                    *plain = standing.head.size.max(*plain);
                    break;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
            covered.push((stream, standing));
        }
        Ok(covered)
    }

    /// Whether any witness cosigns this stream at present, or was not asked yet.
    async fn is_cosigned_soon(&self, app: &App, stream: Stream) -> Result<bool, LedgerError> {
        let stands = self.stands(app).await?;
        let in_trouble = |trouble: &Option<(Trouble, String)>| trouble.is_some();
        let troubled =
            stands.iter().filter(|stands| stands.stream == stream && in_trouble(&stands.trouble)).count();
        Ok(troubled < self.all().len())
    }
}

/// Where the newest entry is that tells what was removed, of whichever stream.
async fn told_of_pruning(app: &App, stream: Stream) -> Result<Option<u64>, LedgerError> {
    let position: Option<i64> = sqlx::query_scalar(
        "select position from ledger_entries where log = $1 and event = $2 order by time desc limit 1",
    )
    .bind(stream.as_str())
    .bind(Happened::LedgerPruned.as_str())
    .fetch_optional(app.store().reader())
    .await?;
    Ok(position.map(head::number).transpose()?)
}
