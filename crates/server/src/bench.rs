//! The ledger under load, for `cargo xtask bench ledger`: appends, proofs, searches, and an archive to verify.

use std::fs::File;
use std::path::Path as FilePath;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ledger::{Event, Kind, Path, VerifierKey, write_archive};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::ledger::{Filter, Ledger, LedgerError, Stream, list, part, prove, standing};
use crate::seal::Sealer;
use crate::store::Store;

/// Tasks that append at the same time.
const WRITERS: u64 = 4;

/// Events that a writer appends at once: what gathers while a batch is made durable.
const AT_ONCE: u64 = 250;

/// Different users in the entries.
const USERS: u64 = 1000;

/// Of so many rounds the first entry of one is sought until it has its proof.
const SOUGHT: usize = 10;

/// How often it is sought.
const LOOK: Duration = Duration::from_millis(10);

/// The days that the entries are spread over.
const DAYS: u64 = 180;

/// What was measured.
#[derive(Debug)]
pub struct Figures {
    /// Entries that were appended.
    pub entries: u64,
    /// Seconds until all of them had their place in the signed tree.
    pub seconds: f64,
    /// Milliseconds from an append under load until its proof could be had, ascending.
    pub proofs: Vec<f64>,
    /// Milliseconds of a search for a user and a week, ascending.
    pub searches: Vec<f64>,
    /// The key that checks the archive.
    pub key: VerifierKey,
}

/// Loads the ledger of an empty database with so many entries and writes the archive of it.
///
/// In rounds: the entries of one have one time, and the next begins when all of them are on the disk, so that no entry is older than the one
/// before it.
///
/// # Errors
/// When something does not work.
pub async fn ledger(
    url: &str,
    directory: &FilePath,
    entries: u64,
    archive: &FilePath,
) -> Result<Figures, Box<dyn std::error::Error + Send + Sync>> {
    let store = Store::open(url, 10).await?;
    let sealer = Sealer::open_or_create(&directory.join("seal.key"))?;
    let clock = Clock::default();
    let ledger = Ledger::open(&store, &sealer, "localhost", directory.to_owned(), clock.clone()).await?;
    let stop = CancellationToken::new();
    let (keeper, ended) = (ledger.clone(), stop.clone());
    let keeper = tokio::spawn(async move { keeper.keep(ended).await });

    let begun = Instant::now();
    let last = clock.now();
    let mut seekers = JoinSet::new();
    for (round, first) in (0..entries).step_by(usize::try_from(WRITERS * AT_ONCE)?).enumerate() {
        let back = i64::try_from((entries - first) * DAYS * 86_400 / entries)?;
        let time = last.checked_sub(jiff::SignedDuration::from_secs(back))?;
        let asked = Instant::now();
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let from = (first + writer * AT_ONCE).min(entries);
            let events: Vec<Event> =
                (from..(from + AT_ONCE).min(entries)).map(|number| event(number, time)).collect();
            let ledger = ledger.clone();
            writers.spawn(async move { ledger.append(Stream::ManagementSystem, &events).await });
        }
        if round % SOUGHT == 0 {
            let store = store.clone();
            seekers.spawn(async move { proven(&store, first, asked).await });
        }
        while let Some(done) = writers.join_next().await {
            done??;
        }
    }
    let mut proofs = Vec::new();
    while let Some(done) = seekers.join_next().await {
        proofs.push(done??);
    }
    while standing(&store, Stream::ManagementSystem).await?.is_none_or(|there| there.head.size < entries) {
        tokio::time::sleep(LOOK).await;
    }
    let seconds = begun.elapsed().as_secs_f64();

    let mut searches = Vec::new();
    for user in 0..20_u64 {
        let now = clock.now();
        let week = |back: i64| now.checked_sub(jiff::SignedDuration::from_hours(24 * 7 * back)).ok();
        let filter = Filter {
            actor: format!("00000000-0000-4000-8000-{:012x}", user * 37 % USERS),
            since: week(5),
            until: week(4),
            ..Filter::default()
        };
        let asked = Instant::now();
        list(&store, Stream::ManagementSystem, &filter, None).await?;
        searches.push(asked.elapsed().as_secs_f64() * 1000.0);
    }
    stop.cancel();
    keeper.await?;
    let standing = standing(&store, Stream::ManagementSystem).await?.ok_or("nothing was logged")?;
    let name = Stream::ManagementSystem.as_str();
    let mut writer =
        write_archive(std::io::BufWriter::new(File::create(archive)?), 0, [(name.to_owned(), 0)].into())?;
    for path in Path::all(standing.head.size, 0).chain([Path::Checkpoint]) {
        let bytes = part(&store, Stream::ManagementSystem, path).await?.ok_or("a part is missing")?;
        writer.add(name, path, &bytes)?;
    }
    std::io::Write::flush(&mut writer.end()?)?;
    for figures in [&mut proofs, &mut searches] {
        figures.sort_by(f64::total_cmp);
    }
    let key = ledger.key(Stream::ManagementSystem).ok_or("no key")?.clone();
    store.close().await;
    Ok(Figures { entries, seconds, proofs, searches, key })
}

/// What one of many users does.
fn event(number: u64, time: Timestamp) -> Event {
    let user = number * 7919 % USERS;
    let mut event = Event::new(format!("{number:032x}"), time, Kind::SessionBegun);
    event.actor.id = Some(format!("00000000-0000-4000-8000-{user:012x}"));
    event.actor.name = Some(format!("user{user}"));
    event.from = Some(format!("192.0.2.{}", number % 250));
    event.correlation = Some(request(number));
    event
}

/// The request that an entry comes of.
fn request(number: u64) -> String {
    format!("{number:016x}")
}

/// Milliseconds until the entry of a request has its proof.
async fn proven(store: &Store, number: u64, asked: Instant) -> Result<f64, LedgerError> {
    let filter = Filter { correlation: request(number), ..Filter::default() };
    loop {
        if let Some(placed) = list(store, Stream::ManagementSystem, &filter, None).await?.first()
            && prove(store, Stream::ManagementSystem, placed.position).await?.is_some()
        {
            return Ok(asked.elapsed().as_secs_f64() * 1000.0);
        }
        tokio::time::sleep(LOOK).await;
    }
}
