//! The ledger under load, for `cargo xtask bench ledger`: appends, proofs, searches, and an archive to verify.

use std::fs::File;
use std::ops::Range;
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

/// Events of one round.
const ROUND: u64 = WRITERS * AT_ONCE;

/// From round to round while proofs are sought: a little more than 10,000 events a second.
const PACE: Duration = Duration::from_millis(95);

/// Of so many rounds the first entry of one is sought until it has its proof.
const SOUGHT: u64 = 10;

/// How often it is sought.
const LOOK: Duration = Duration::from_millis(10);

/// The days that the entries are spread over.
const DAYS: u64 = 180;

/// What was measured.
#[derive(Debug)]
pub struct Figures {
    /// Entries that were appended.
    pub entries: u64,
    /// Entries a second that got their places in the signed tree, as fast as it goes.
    pub fastest: f64,
    /// The same while they came at their pace.
    pub sustained: f64,
    /// Milliseconds from an append at that pace until its proof could be had, ascending.
    pub proofs: Vec<f64>,
    /// Milliseconds of a search for a user and a week, ascending.
    pub searches: Vec<f64>,
    /// The key that checks the archive.
    pub key: VerifierKey,
}

/// Loads the ledger of an empty database with so many entries and writes the archive of it: one half as fast as it goes, the other at
/// its pace, while the proofs of some of them are sought.
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
) -> Result<Figures, Error> {
    let store = Store::open(url, 10).await?;
    let sealer = Sealer::open_or_create(&directory.join("seal.key"))?;
    let clock = Clock::default();
    let ledger = Ledger::open(&store, &sealer, "localhost", directory.to_owned(), clock.clone()).await?;
    let stop = CancellationToken::new();
    let (keeper, ended) = (ledger.clone(), stop.clone());
    let keeper = tokio::spawn(async move { keeper.keep(ended).await });

    let load = Load { store: store.clone(), ledger: ledger.clone(), entries, last: clock.now() };
    let half = entries / 2 / ROUND * ROUND;
    let begun = Instant::now();
    load.append(0..half, None).await?;
    let fastest = per_second(half, begun);
    let begun = Instant::now();
    let mut proofs = load.append(half..entries, Some(PACE)).await?;
    let sustained = per_second(entries - half, begun);

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
    Ok(Figures { entries, fastest, sustained, proofs, searches, key })
}

/// What goes wrong.
type Error = Box<dyn std::error::Error + Send + Sync>;

/// Appends to a ledger, spread over the days before the last time.
struct Load {
    store: Store,
    ledger: Ledger,
    entries: u64,
    last: Timestamp,
}

impl Load {
    /// Appends the entries of these numbers, a round at each beat, and waits until all of them have their places; the milliseconds
    /// until some of them had their proofs, where there is a beat.
    async fn append(&self, numbers: Range<u64>, beat: Option<Duration>) -> Result<Vec<f64>, Error> {
        let mut beats = beat.map(tokio::time::interval);
        let mut seekers = JoinSet::new();
        for first in numbers.clone().step_by(usize::try_from(ROUND)?) {
            if let Some(beats) = &mut beats {
                beats.tick().await;
            }
            let back = i64::try_from((self.entries - first) * DAYS * 86_400 / self.entries)?;
            let time = self.last.checked_sub(jiff::SignedDuration::from_secs(back))?;
            let asked = Instant::now();
            let mut writers = JoinSet::new();
            for from in (first..numbers.end.min(first + ROUND)).step_by(usize::try_from(AT_ONCE)?) {
                let events: Vec<Event> =
                    (from..(from + AT_ONCE).min(numbers.end)).map(|number| event(number, time)).collect();
                let ledger = self.ledger.clone();
                writers.spawn(async move { ledger.append(Stream::ManagementSystem, &events).await });
            }
            if beats.is_some() && first / ROUND % SOUGHT == 0 {
                let store = self.store.clone();
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
        while standing(&self.store, Stream::ManagementSystem)
            .await?
            .is_none_or(|there| there.head.size < numbers.end)
        {
            tokio::time::sleep(LOOK).await;
        }
        Ok(proofs)
    }
}

/// So many in a second since then.
fn per_second(count: u64, begun: Instant) -> f64 {
    u32::try_from(count).map_or(f64::NAN, f64::from) / begun.elapsed().as_secs_f64()
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
