//! The JSON routes of the ledger, and its parts as C2SP tlog-tiles serves them.

mod exporters;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use jiff::tz::TimeZone;
use ledger::{Event, Kind as EventKind, Path as Part, Proof};
use schemars::JsonSchema;
use serde::Serialize;

use super::asked::{self, Words, asks};
use super::checkup::{self, Checkup, Found};
use super::export::{self, Format};
use super::room::Outlook;
use super::{Filter, PAGE, Placed, Stream, find, list, part, prove};
use crate::api::body::{Asked, Json, Page};
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::roles::Permission;

pub(crate) mod witness;

pub(crate) fn routes() -> Vec<Route> {
    let read = Needs::Permission(Permission::LedgerRead);
    let mut routes = vec![
        Route::new(
            Method::GET,
            "/api/v1/ledger",
            read,
            "The streams of the ledger: how many entries each has, what was signed of it, and the key that checks that",
            get(streams),
        )
        .gives::<Vec<StreamView>>(),
        Route::new(
            Method::GET,
            "/api/v1/ledger/events",
            read,
            "The catalogue of what can happen",
            get(|| async { Json(catalogue()) }),
        )
        .gives::<Vec<KindView>>(),
        Route::new(
            Method::GET,
            "/api/v1/ledger/checks",
            read,
            "When the server checked the ledger itself and what it found, newest first",
            get(checks),
        )
        .gives::<Vec<CheckView>>(),
        Route::new(
            Method::GET,
            "/api/v1/ledger/room",
            read,
            "How much room the ledger takes, how much it has, and when it will be full",
            get(room),
        )
        .gives::<RoomView>(),
        Route::new(
            Method::GET,
            "/api/v1/ledger/exporters",
            read,
            "The receivers that the ledger is sent to: how far each has come, and what keeps it back",
            get(exporters::list),
        )
        .gives::<Vec<exporters::ExporterView>>(),
        Route::new(
            Method::GET,
            "/api/v1/ledger/export",
            Needs::Permission(Permission::LedgerExport),
            "The ledger as a file: an archive that proves itself, or entries as lines of JSON or as CSV",
            get(export),
        )
        .query::<Wanted>()
        .gives_file(),
        Route::new(
            Method::GET,
            "/api/v1/ledger/{stream}/entries",
            read,
            "List entries of a stream, newest first",
            get(entries),
        )
        .query::<Which>()
        .gives::<Page<EntryView>>(),
        Route::new(
            Method::GET,
            "/api/v1/ledger/{stream}/entries/{position}",
            read,
            "One entry, with the proof that it is in the tree that was signed",
            get(entry),
        )
        .gives::<ProvenView>(),
        Route::new(
            Method::GET,
            "/api/v1/ledger/{stream}/entries/{position}/proof",
            read,
            "The proof of one entry as a file (C2SP tlog-proof)",
            get(proof),
        )
        .gives_file(),
        Route::new(
            Method::GET,
            "/api/v1/ledger/{stream}/checkpoint",
            read,
            "What was signed of a stream last (C2SP tlog-checkpoint)",
            get(checkpoint),
        )
        .gives_file_of("text/plain"),
        Route::new(
            Method::GET,
            "/api/v1/ledger/{stream}/tile/{*path}",
            read,
            "A tile of hashes or a bundle of entries (C2SP tlog-tiles)",
            get(tile),
        )
        .gives_file(),
    ];
    routes.extend(witness::routes());
    routes
}

asks! {
    /// Which page of which entries.
    Which {
        /// Those after this one, as `next` of the page before said.
        after: String,
    }
}

asks! {
    /// An export of what.
    Wanted {
        /// `archive`, `jsonl` or `csv`. An archive is whole: nothing narrows it.
        format: Format,
        /// Entries of this stream alone.
        stream: String,
    }
}

/// One stream.
#[derive(Serialize, JsonSchema)]
struct StreamView {
    /// Its name.
    name: String,
    /// How many entries it has had, those counted that were removed after their retention.
    size: u64,
    /// The root of the tree over all of them, hexadecimal; none: nothing was ever logged in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    /// The first entry that is kept.
    first_kept: u64,
    /// When it happened; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_since: Option<String>,
    /// When the checkpoint was signed; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_at: Option<String>,
    /// The key that checks it, as `palisade ledger verify --key` takes it.
    key: String,
    /// What was signed, with all signatures. Where there are witnesses it is what these cosigned, some seconds behind the newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<String>,
    /// The witnesses that are asked to cosign it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    witnesses: Vec<witness::AskedView>,
}

/// One kind of events.
#[derive(Serialize, JsonSchema)]
struct KindView {
    /// Its name.
    id: &'static str,
    /// Its category.
    category: &'static str,
    /// What it says.
    about: &'static str,
}

/// One check of the ledger by the server itself.
#[derive(Serialize, JsonSchema)]
struct CheckView {
    /// When it began; RFC 3339.
    begun_at: String,
    /// When it ended; RFC 3339.
    ended_at: String,
    /// Entries that are the ones that were logged.
    entries: u64,
    /// Faults in all; 0: the ledger is as it was signed.
    faults: u64,
    /// The first of them.
    found: Vec<Found>,
}

/// The room of the ledger.
#[derive(Default, Serialize, JsonSchema)]
struct RoomView {
    /// Bytes that it takes; none: they were not counted yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    used: Option<u64>,
    /// Bytes that it may take; none: nobody knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// How much of that is taken.
    percent: u64,
    /// Bytes by which it grew a day lately; none: it is too young to tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    per_day: Option<u64>,
    /// When it will be full, RFC 3339; none: not within ten years, or it cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    full_on: Option<String>,
    /// Whether it never becomes full with this retention.
    lasts: bool,
    /// Why nothing is taken any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    refuses: Option<String>,
}

/// One entry.
#[derive(Serialize, JsonSchema)]
struct EntryView {
    /// Its place in the stream, beginning at 0.
    position: u64,
    /// What it says.
    entry: Event,
}

/// One entry with its proof.
#[derive(Serialize, JsonSchema)]
struct ProvenView {
    /// Its place in the stream, beginning at 0.
    position: u64,
    /// What it says.
    entry: Event,
    /// The same as it is hashed, byte by byte.
    text: String,
    /// The proof that it is in the tree that was signed last (C2SP tlog-proof).
    proof: String,
    /// Why this is not the entry that was logged; null: it is.
    fault: Option<String>,
}

async fn streams(State(app): State<App>) -> Result<Json<Vec<StreamView>>, Failure> {
    let mut all = Vec::new();
    let stands = app.witnesses.stands(&app).await?;
    for stream in Stream::ALL {
        let key = app.ledger.key(stream).map(ToString::to_string).unwrap_or_default();
        let name = stream.as_str().to_owned();
        let asked = witness::asked(&app, &stands, stream);
        let Some(standing) = app.witnesses.standing(&app, stream).await? else {
            let view = StreamView {
                name,
                size: 0,
                root: None,
                first_kept: 0,
                kept_since: None,
                signed_at: None,
                key,
                checkpoint: None,
                witnesses: asked,
            };
            all.push(view);
            continue;
        };
        let first = find(app.store(), stream, standing.first_kept).await?;
        all.push(StreamView {
            name,
            size: standing.head.size,
            root: Some(hex::encode(standing.head.root.0)),
            first_kept: standing.first_kept,
            kept_since: first.map(|placed| placed.event.time.to_string()),
            signed_at: Some(standing.signed_at.to_string()),
            key,
            checkpoint: Some(String::from_utf8_lossy(&standing.checkpoint.text()).into_owned()),
            witnesses: asked,
        });
    }
    Ok(Json(all))
}

async fn checks(State(app): State<App>) -> Result<Json<Vec<CheckView>>, Failure> {
    let view = |checkup: Checkup| CheckView {
        begun_at: checkup.begun_at.to_string(),
        ended_at: checkup.ended_at.to_string(),
        entries: checkup.entries,
        faults: checkup.faults,
        found: checkup.found,
    };
    Ok(Json(checkup::list(app.store()).await?.into_iter().map(view).collect()))
}

async fn room(State(app): State<App>) -> Json<RoomView> {
    let refuses = app.ledger.refuses();
    let Some(room) = app.ledger.room() else { return Json(RoomView { refuses, ..RoomView::default() }) };
    Json(RoomView {
        used: Some(room.used),
        total: room.total,
        percent: room.percent(),
        per_day: room.per_day,
        full_on: match room.outlook {
            Outlook::On(day) => Some(day.to_string()),
            Outlook::Never | Outlook::Unknown => None,
        },
        lasts: room.outlook == Outlook::Never,
        refuses,
    })
}

fn catalogue() -> Vec<KindView> {
    let view = |kind: &EventKind| KindView {
        id: kind.as_str(),
        category: kind.category().as_str(),
        about: kind.about(),
    };
    EventKind::ALL.iter().map(view).collect()
}

async fn entries(
    State(app): State<App>,
    Path(stream): Path<String>,
    Asked(which): Asked<Which>,
) -> Result<Json<Page<EntryView>>, Failure> {
    let stream = asked::stream(&stream)?;
    let filter = which.words().filter(&app, &TimeZone::UTC).await?;
    let view = |placed: Placed| EntryView { position: placed.position, entry: placed.event };
    Ok(Json(page(&app, stream, &filter, &which.after).await?.map(view)))
}

/// One page of entries, beginning after what `next` of the page before said.
///
/// # Errors
/// `after` is none, or the database does not answer.
pub(crate) async fn page(
    app: &App,
    stream: Stream,
    filter: &Filter,
    after: &str,
) -> Result<Page<Placed>, Failure> {
    let wrong = || Failure::new(Kind::BadRequest, "`after` is what `next` of the page before said");
    let before = match after {
        "" => None,
        text => Some(text.parse().ok().filter(|place| i64::try_from(*place).is_ok()).ok_or_else(wrong)?),
    };
    let mut items = list(app.store(), stream, filter, before).await?;
    let is_last = items.len() <= PAGE;
    items.truncate(PAGE);
    let next = items.last().filter(|_| !is_last).map(|placed| placed.position.to_string());
    Ok(Page { items, next })
}

async fn entry(
    State(app): State<App>,
    Path((stream, position)): Path<(String, String)>,
) -> Result<Json<ProvenView>, Failure> {
    let stream = asked::stream(&stream)?;
    let placed = asked::entry(&app, stream, &position).await?;
    let (proof, fault) = proof_of(&app, stream, &placed).await?;
    let proof = String::from_utf8_lossy(&proof.text()).into_owned();
    Ok(Json(ProvenView { position: placed.position, entry: placed.event, text: placed.entry, proof, fault }))
}

/// The proof for the place of an entry, and why the entry that stands there now is not the one that was logged; none: it is.
///
/// # Errors
/// There is no such entry.
pub(crate) async fn proof_of(
    app: &App,
    stream: Stream,
    placed: &Placed,
) -> Result<(Proof, Option<String>), Failure> {
    let nothing = || Failure::new(Kind::NotFound, "the ledger has no such entry");
    let proof = prove(app.store(), stream, placed.position).await?.ok_or_else(nothing)?;
    let key = app.ledger.key(stream).ok_or_else(nothing)?;
    let checked = proof.check(::ledger::record_hash(placed.entry.as_bytes()), key);
    let fault = checked.err().map(|error| match error {
        ::ledger::ProofError::Wrong => {
            format!(
                "what the database holds as entry {} is not what was logged: it was changed",
                placed.position
            )
        }
        error => error.to_string(),
    });
    Ok((proof, fault))
}

async fn proof(
    State(app): State<App>,
    Path((stream, position)): Path<(String, String)>,
) -> Result<Response, Failure> {
    proof_file(&app, &stream, &position).await
}

/// The proof of an entry as a file to keep.
///
/// # Errors
/// There is no such entry, or it was removed.
pub(crate) async fn proof_file(app: &App, stream: &str, position: &str) -> Result<Response, Failure> {
    let stream = asked::stream(stream)?;
    let placed = asked::entry(app, stream, position).await?;
    let (proof, _) = proof_of(app, stream, &placed).await?;
    let text = String::from_utf8_lossy(&proof.text()).into_owned();
    Ok(as_file(&format!("{}-{}.tlog-proof", stream.as_str(), placed.position), text))
}

/// The bytes of an entry as a file to keep.
///
/// # Errors
/// There is no such entry, or it was removed.
pub(crate) async fn entry_file(app: &App, stream: &str, position: &str) -> Result<Response, Failure> {
    let stream = asked::stream(stream)?;
    let placed = asked::entry(app, stream, position).await?;
    Ok(as_file(&format!("{}-{}.json", stream.as_str(), placed.position), placed.entry))
}

fn as_file(name: &str, text: String) -> Response {
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        .unwrap_or(HeaderValue::from_static("attachment"));
    let kind = HeaderValue::from_static(OCTETS);
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], text).into_response()
}

const OCTETS: &str = "application/octet-stream";

async fn checkpoint(State(app): State<App>, Path(stream): Path<String>) -> Result<Response, Failure> {
    let nothing = || Failure::new(Kind::NotFound, "nothing was ever logged in this stream");
    let standing = app.witnesses.standing(&app, asked::stream(&stream)?).await?.ok_or_else(nothing)?;
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], standing.checkpoint.text()).into_response())
}

async fn tile(
    State(app): State<App>,
    Path((stream, path)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let nothing = || Failure::new(Kind::NotFound, "that is no path of C2SP tlog-tiles");
    let part = Part::read(&format!("tile/{path}")).ok_or_else(nothing)?;
    let bytes = served(&app, &stream, part).await?;
    // Hashes of a full tile never change. Entries are removed one day, from caches too: none keeps them.
    let is_for_ever = matches!(part, Part::Tile { width, .. } if u64::from(width) == ledger::TILE);
    let kept = if is_for_ever { "private, max-age=31536000, immutable" } else { "no-store" };
    let kept = HeaderValue::from_static(kept);
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(OCTETS)), (header::CACHE_CONTROL, kept)], bytes)
        .into_response())
}

async fn served(app: &App, stream: &str, path: Part) -> Result<Vec<u8>, Failure> {
    let nothing = || Failure::new(Kind::NotFound, "the stream has no such part, or not any more");
    part(app.store(), asked::stream(stream)?, path).await?.ok_or_else(nothing)
}

async fn export(State(app): State<App>, Asked(wanted): Asked<Wanted>) -> Result<Response, Failure> {
    whole(&app, wanted.format, &wanted.stream, &wanted.words(), &TimeZone::UTC).await
}

/// An export of what these words ask for.
///
/// # Errors
/// They ask for what cannot be, or the database does not answer.
pub(crate) async fn whole(
    app: &App,
    format: Format,
    stream: &str,
    words: &Words,
    zone: &TimeZone,
) -> Result<Response, Failure> {
    let is_narrowed = !stream.is_empty() || !words.pairs().is_empty();
    if format == Format::Archive && is_narrowed {
        let detail = "an archive holds all of the ledger, or it would prove nothing; take `jsonl` or `csv` for some of it";
        return Err(Failure::new(Kind::Unprocessable, detail));
    }
    let streams = if stream.is_empty() { Stream::ALL.to_vec() } else { vec![asked::stream(stream)?] };
    let filter = words.filter(app, zone).await?;
    let mut asked = words.pairs();
    asked.extend((!stream.is_empty()).then_some(("stream", stream)));
    export::export(app, format, streams, filter, &asked).await
}

#[cfg(test)]
mod tests;
