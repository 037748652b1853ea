//! The head of one stream: its right edge out of the tiles of the database, and what is kept of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ledger::{Checkpoint, Edge, Hash, Head, SigningKey, Tile};
use sqlx::{AnyConnection, Row as _};

use super::Stream;
use super::sequencer::LedgerError;

/// What is kept of a stream's head.
pub(super) struct Kept {
    pub(super) head: Head,
    pub(super) checkpoint: Checkpoint,
    pub(super) first_kept: u64,
}

/// What is kept of a stream's head; none: nothing was ever logged in it.
///
/// # Errors
/// When the database does not answer, or what it holds is damaged.
pub(super) async fn kept(connection: &mut AnyConnection, stream: Stream) -> Result<Option<Kept>, LedgerError> {
    let row = sqlx::query("select size, root, checkpoint, first_kept from ledger_heads where log = $1")
        .bind(stream.as_str())
        .fetch_optional(connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let root: String = row.try_get("root")?;
    let damaged = || LedgerError::broken(stream, "what is kept of its head is damaged");
    let root = hex::decode(root).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(damaged)?;
    let text: String = row.try_get("checkpoint")?;
    let checkpoint = Checkpoint::read(text.as_bytes()).map_err(|_| damaged())?;
    Ok(Some(Kept {
        head: Head { size: number(row.try_get("size")?)?, root: Hash(root) },
        checkpoint,
        first_kept: number(row.try_get("first_kept")?)?,
    }))
}

/// The right edge that the stream had with so many entries, out of its tiles.
///
/// # Errors
/// When the database does not answer, or a tile is missing or too narrow.
pub(super) async fn edge(
    connection: &mut AnyConnection,
    stream: Stream,
    size: u64,
) -> Result<Edge, LedgerError> {
    let mut levels = Vec::new();
    let mut rest = size;
    for (level, width) in (0_u8..).zip(Edge::widths(size)) {
        let width = usize::try_from(width).unwrap_or(usize::MAX);
        let hashes = if width == 0 {
            Vec::new()
        } else {
            let found = tile(connection, stream, level, rest / ledger::TILE).await?;
            let hashes = found.and_then(|tile| Some(tile.hashes().get(..width)?.to_vec()));
            hashes.ok_or_else(|| {
                LedgerError::broken(
                    stream,
                    format!("the last tile of level {level} of {size} entries is missing or damaged"),
                )
            })?
        };
        levels.push(hashes);
        rest /= ledger::TILE;
    }
    Edge::new(size, levels).map_err(|error| LedgerError::broken(stream, error.to_string()))
}

/// One tile, as wide as it is now; none: it is missing or damaged.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn tile(
    connection: &mut AnyConnection,
    stream: Stream,
    level: u8,
    number: u64,
) -> Result<Option<Tile>, LedgerError> {
    let text: Option<String> =
        sqlx::query_scalar("select hashes from ledger_tiles where log = $1 and level = $2 and number = $3")
            .bind(stream.as_str())
            .bind(i64::from(level))
            .bind(column(number)?)
            .fetch_optional(connection)
            .await?;
    Ok(text.and_then(|text| Tile::read(&STANDARD.decode(text).ok()?).ok()))
}

/// Keeps a tile in place of the narrower one.
///
/// # Errors
/// When the database does not take it.
pub(super) async fn keep_tile(
    connection: &mut AnyConnection,
    stream: Stream,
    (level, number, tile): &(u8, u64, Tile),
) -> Result<(), LedgerError> {
    sqlx::query(
        "insert into ledger_tiles (log, level, number, hashes) values ($1, $2, $3, $4)
         on conflict (log, level, number) do update set hashes = excluded.hashes",
    )
    .bind(stream.as_str())
    .bind(i64::from(*level))
    .bind(column(*number)?)
    .bind(STANDARD.encode(tile.bytes()))
    .execute(connection)
    .await?;
    Ok(())
}

/// Signs the head and keeps it, if the one that is kept is still `before`.
///
/// # Errors
/// [`LedgerError::Overtaken`] when it is another one by now; others when the database does not take it.
pub(super) async fn keep(
    connection: &mut AnyConnection,
    stream: Stream,
    before: Option<Head>,
    head: Head,
    key: &SigningKey,
    now: jiff::Timestamp,
) -> Result<(), LedgerError> {
    let checkpoint =
        Checkpoint::sign(head, key).map_err(|error| LedgerError::broken(stream, error.to_string()))?;
    let checkpoint = String::from_utf8(checkpoint.text()).map_err(|_| LedgerError::Overtaken)?;
    let text = match before {
        None => {
            "insert into ledger_heads (log, size, root, checkpoint, signed_at, first_kept)
             select $1, $2, $3, $4, $5, 0 where $6 = 0 and $7 = ''
             on conflict (log) do nothing"
        }
        Some(_) => {
            "update ledger_heads set size = $2, root = $3, checkpoint = $4, signed_at = $5
             where log = $1 and size = $6 and root = $7"
        }
    };
    let done = sqlx::query(text)
        .bind(stream.as_str())
        .bind(column(head.size)?)
        .bind(hex::encode(head.root.0))
        .bind(checkpoint)
        .bind(now.as_millisecond())
        .bind(column(before.map_or(0, |before| before.size))?)
        .bind(before.map(|before| hex::encode(before.root.0)).unwrap_or_default())
        .execute(connection)
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(LedgerError::Overtaken) }
}

/// A number out of a column.
pub(super) fn number(value: i64) -> Result<u64, sqlx::Error> {
    u64::try_from(value).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// A number into a column.
pub(super) fn column(value: u64) -> Result<i64, sqlx::Error> {
    i64::try_from(value).map_err(|error| sqlx::Error::Encode(error.into()))
}
