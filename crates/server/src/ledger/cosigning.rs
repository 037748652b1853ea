//! This server as a witness: it cosigns what logs of others signed, as long as each goes on from what it cosigned before (C2SP
//! tlog-witness).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use ledger::{Checkpoint, Hash, Head, Refusal, Request, RequestError, SigningKey, VerifierKey, admit, judge};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret as _, SecretSlice};
use sqlx::Row as _;
use tokio::sync::Semaphore;

use super::head::{column, number};
use super::sequencer::{LedgerError, ORIGIN};
use super::{Happened, Ledger, Said, note};
use crate::causes::with_causes;
use crate::random;
use crate::seal::Sealer;
use crate::store::{Store, StoreError, time};

/// Where the sealed seed of the key is kept.
const KEY: &str = "witness_key";

/// What the seed is sealed as.
const KEY_CONTEXT: &str = "key that cosigns the ledgers of others";

/// Checkpoints that are looked at together; others are told to come again. A log asks once in some seconds.
const AT_ONCE: usize = 8;

/// For how long the same checkpoint is answered with the same cosignature: who sends one again has nothing written.
const SAME_FOR: SignedDuration = SignedDuration::from_secs(10);

/// How often a log that contradicts itself is kept as proof.
const REFUSED_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// How often a decision is made again when another request was faster.
const TRIES: usize = 3;

/// Cosigns what others logged.
pub(crate) struct Cosigning {
    name: String,
    seed: SecretSlice<u8>,
    key: VerifierKey,
    logs: Vec<VerifierKey>,
    room: Semaphore,
    /// What was answered last, by log.
    lately: Mutex<BTreeMap<String, Lately>>,
}

struct Lately {
    body: Vec<u8>,
    at: Timestamp,
    lines: Vec<u8>,
}

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotCosigned {
    /// It is no request.
    #[error(transparent)]
    Form(#[from] RequestError),
    /// The protocol forbids it.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many at once.
    #[error("this witness has too much to do; ask again in some seconds")]
    Busy,
    /// This server.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<StoreError> for NotCosigned {
    fn from(error: StoreError) -> Self {
        Self::Ledger(error.into())
    }
}

impl From<sqlx::Error> for NotCosigned {
    fn from(error: sqlx::Error) -> Self {
        Self::Ledger(error.into())
    }
}

/// A log that is witnessed.
#[derive(Debug)]
pub(crate) struct Watched {
    /// The key that it signs with.
    pub(crate) key: VerifierKey,
    /// What was cosigned last, and when; none: nothing yet.
    pub(crate) cosigned: Option<(Head, Timestamp)>,
    /// A checkpoint that contradicts it, signed by the log, and when it came.
    pub(crate) refused: Option<(String, Timestamp)>,
}

impl Cosigning {
    /// A witness of these logs. Its key is made where there is none; its name begins like the ledger's, which must be open already.
    ///
    /// # Errors
    /// When its key cannot be made, kept or opened.
    pub(crate) async fn open(
        store: &Store,
        sealer: &Sealer,
        logs: Vec<VerifierKey>,
    ) -> Result<Self, LedgerError> {
        if store.setting(KEY).await?.is_none() {
            let seed: Zeroizing<[u8; 32]> = random::bytes()?;
            // Of two at once the first one's is kept, and read by both.
            store.set_setting(KEY, &sealer.seal(KEY_CONTEXT, seed.as_slice())?).await?;
        }
        let sealed = store.setting(KEY).await?.unwrap_or_default();
        let seed = sealer.open(KEY_CONTEXT, &sealed)?;
        let name = format!("{}/witness", store.setting(ORIGIN).await?.unwrap_or_default());
        let key = SigningKey::of_witness(&name, seed.expose_secret(), 0)?.verifier().clone();
        Ok(Self { name, seed, key, logs, room: Semaphore::new(AT_ONCE), lately: Mutex::default() })
    }

    /// The key that checks its cosignatures.
    pub(crate) fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Whether it witnesses anything.
    pub(crate) fn is_on(&self) -> bool {
        !self.logs.is_empty()
    }

    /// Cosigns the checkpoint of a request: the line that says so. What it cosigned is kept before it is handed out.
    ///
    /// # Errors
    /// Why not. A log that contradicts itself is noted, and what proves it is kept.
    pub(crate) async fn cosign(
        &self,
        ledger: &Ledger,
        store: &Store,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Vec<u8>, NotCosigned> {
        let request = Request::read(body)?;
        // Who cannot sign for a log that is known has nothing looked up.
        admit(&request, &self.logs)?;
        let _room = self.room.try_acquire().map_err(|_| NotCosigned::Busy)?;
        let mut known = None;
        for _ in 0..TRIES {
            known = cosigned(store, request.checkpoint.origin()).await?;
            let head = match judge(&request, &self.logs, known) {
                Ok(head) => head,
                Err(refusal) => {
                    if refusal.is_contradiction() {
                        contradicted(ledger, store, &request.checkpoint, known, refusal, now).await;
                    }
                    return Err(refusal.into());
                }
            };
            if known == Some(head)
                && let Some(lines) = self.answered(&request.checkpoint, now)
            {
                return Ok(lines);
            }
            let lines = self.sign(&request.checkpoint, now)?;
            if keep(ledger, store, &request.checkpoint, (known, head), now).await? {
                let origin = request.checkpoint.origin().to_owned();
                let lately = Lately { body: request.checkpoint.body().to_vec(), at: now, lines };
                let lines = lately.lines.clone();
                self.lately().insert(origin, lately);
                return Ok(lines);
            }
            // Another request was faster: what is true by now decides.
        }
        Err(Refusal::Conflict(known.map_or(0, |head| head.size)).into())
    }

    /// The logs that it witnesses, and how far.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn watched(&self, store: &Store) -> Result<Vec<Watched>, LedgerError> {
        let mut all = Vec::new();
        for key in &self.logs {
            let row = sqlx::query(
                "select size, root, cosigned_at, refused, refused_at from witnessed_logs where origin = $1",
            )
            .bind(key.name())
            .fetch_optional(store.reader())
            .await?;
            let mut watched = Watched { key: key.clone(), cosigned: None, refused: None };
            if let Some(row) = row {
                let head = head(row.try_get("size")?, row.try_get("root")?)?;
                watched.cosigned = Some((head, time(row.try_get("cosigned_at")?)?));
                let refused: String = row.try_get("refused")?;
                let at = time(row.try_get("refused_at")?)?;
                watched.refused = Some((refused, at)).filter(|(refused, _)| !refused.is_empty());
            }
            all.push(watched);
        }
        Ok(all)
    }

    /// The line that cosigns it now.
    fn sign(&self, checkpoint: &Checkpoint, now: Timestamp) -> Result<Vec<u8>, LedgerError> {
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let key = SigningKey::of_witness(&self.name, self.seed.expose_secret(), seconds)?;
        checkpoint.cosign(&key).map_err(|_| LedgerError::Key(ledger::KeyError::Name))
    }

    /// The cosignature that this very checkpoint was given a moment ago.
    fn answered(&self, checkpoint: &Checkpoint, now: Timestamp) -> Option<Vec<u8>> {
        let lately = self.lately();
        let last = lately.get(checkpoint.origin()).filter(|last| last.body == checkpoint.body())?;
        (now.duration_since(last.at).abs() < SAME_FOR).then(|| last.lines.clone())
    }

    fn lately(&self) -> MutexGuard<'_, BTreeMap<String, Lately>> {
        self.lately.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cosigning {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cosigning")
            .field("key", &self.key)
            .field("logs", &self.logs)
            .finish_non_exhaustive()
    }
}

/// The head that was cosigned last for this log.
async fn cosigned(store: &Store, origin: &str) -> Result<Option<Head>, LedgerError> {
    // What was kept a moment ago by another connection counts.
    let row = sqlx::query("select size, root from witnessed_logs where origin = $1")
        .bind(origin)
        .fetch_optional(store.writer())
        .await?;
    Ok(row.map(|row| head(row.try_get("size")?, row.try_get("root")?)).transpose()?)
}

fn head(size: i64, root: String) -> Result<Head, sqlx::Error> {
    let bytes = hex::decode(root).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let root = bytes.try_into().map_err(|_| sqlx::Error::Decode("a root has 32 bytes".into()))?;
    Ok(Head { size: number(size)?, root: Hash(root) })
}

/// Keeps what is about to be cosigned in place of what was cosigned before; false: it is not that any more.
async fn keep(
    ledger: &Ledger,
    store: &Store,
    checkpoint: &Checkpoint,
    (before, head): (Option<Head>, Head),
    now: Timestamp,
) -> Result<bool, NotCosigned> {
    let text = match before {
        None => {
            "insert into witnessed_logs (origin, size, root, checkpoint, cosigned_at, refused, refused_at)
             select $1, $2, $3, $4, $5, '', 0 where $6 = 0 and $7 = ''
             on conflict (origin) do nothing"
        }
        Some(_) => {
            "update witnessed_logs set size = $2, root = $3, checkpoint = $4, cosigned_at = $5
             where origin = $1 and size = $6 and root = $7"
        }
    };
    let mut transaction = store.writer().begin().await?;
    let done = sqlx::query(text)
        .bind(checkpoint.origin())
        .bind(column(head.size)?)
        .bind(hex::encode(head.root.0))
        .bind(String::from_utf8_lossy(&checkpoint.text()).into_owned())
        .bind(now.as_millisecond())
        .bind(column(before.map_or(0, |before| before.size))?)
        .bind(before.map(|before| hex::encode(before.root.0)).unwrap_or_default())
        .execute(&mut *transaction)
        .await?;
    if done.rows_affected() != 1 {
        return Ok(false);
    }
    if before.is_none() {
        // The first one of a log alone: one for each would drown everything else.
        let said = Said::done(Happened::WitnessBegun).on("log", checkpoint.origin(), None);
        note(&mut transaction, said.with("entries", head.size.to_string())).await?;
    }
    transaction.commit().await?;
    ledger.wake();
    Ok(true)
}

/// Notes that a log contradicts itself, and keeps the checkpoint that proves it. It is refused whether or not that succeeds.
async fn contradicted(
    ledger: &Ledger,
    store: &Store,
    checkpoint: &Checkpoint,
    known: Option<Head>,
    refusal: Refusal,
    now: Timestamp,
) {
    let said = Said::refused(Happened::WitnessRefused).on("log", checkpoint.origin(), None);
    let said = said.with("cosigned", known.map_or(0, |head| head.size).to_string());
    // The same words each time, so that a log that goes on and on is counted.
    if let Err(error) = ledger.refuse(said.with("reason", refusal.to_string())).await {
        tracing::error!(error = %with_causes(&error), "that a log contradicts itself is not in the ledger");
    }
    let before = now.checked_sub(REFUSED_EVERY).unwrap_or(now);
    let kept = sqlx::query(
        "update witnessed_logs set refused = $2, refused_at = $3 where origin = $1 and refused_at <= $4",
    )
    .bind(checkpoint.origin())
    .bind(String::from_utf8_lossy(&checkpoint.text()).into_owned())
    .bind(now.as_millisecond())
    .bind(before.as_millisecond())
    .execute(store.writer())
    .await;
    if let Err(error) = kept {
        tracing::error!(error = %with_causes(&error), "the checkpoint with which a log contradicts itself is not kept");
    }
}

#[cfg(test)]
mod tests;
