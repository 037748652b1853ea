//! The ledger: what happened, and one entry with its proof.

use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::get;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ledger::{Category, Kind as EventKind, Proof};

use super::{drawn, shell, with_query};
use crate::api::body::{Asked, Page};
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::login::Caller;
use crate::identity::roles::Permission;
use crate::ledger::api::proof_of;
use crate::ledger::api::witness::PREFIX;
use crate::ledger::asked::{self, Words, asks};
use crate::ledger::export::Format;
use crate::ledger::witnesses::Witness;
use crate::ledger::{Placed, Stream, api, exporters, find, standing};
use crate::web::ledger::{entries, entry, receivers, tree, witnesses};
use crate::web::list::{Facet, Listing};
use crate::web::shell::{Notice, Tone};

mod review;

pub(super) use review::due;

const PATH: &str = "/ledger";

/// For how long it is an alarm that a ledger contradicted itself, when it went on since.
const ALARMED: SignedDuration = SignedDuration::from_hours(24 * 7);

pub(super) fn routes() -> Vec<Route> {
    let read = Needs::Permission(Permission::LedgerRead);
    let export = Needs::Permission(Permission::LedgerExport);
    let page = |path, needs, about, serve| Route::new(Method::GET, path, needs, about, serve);
    let mut routes = vec![
        page(PATH, read, "What happened, newest first", get(all)),
        page("/ledger/export", export, "The ledger as a file", get(whole)),
        page("/ledger/{stream}/{position}", read, "One entry with its proof", get(one)),
        page(
            "/ledger/{stream}/{position}/download/{what}",
            read,
            "An entry or its proof as a file",
            get(download),
        ),
    ];
    routes.extend(review::routes());
    routes
}

asks! {
    /// Which entries.
    Wanted {
        /// Of this stream.
        stream: String,
        /// Those after this one.
        after: String,
    }
}

asks! {
    /// An export of what.
    Exported {
        /// As what.
        format: Format,
        /// Of this stream.
        stream: String,
    }
}

/// The zone in which the viewer writes times.
fn zone(caller: &Caller) -> TimeZone {
    caller.user.zone.as_deref().and_then(|zone| TimeZone::get(zone).ok()).unwrap_or(TimeZone::UTC)
}

/// What must be known of the ledger before anybody looks for it: what is wrong with it, and that its room is tight.
pub(super) fn notices(app: &App, caller: &Caller) -> Vec<Notice> {
    if !caller.rights.has(Permission::LedgerRead) {
        return Vec::new();
    }
    let notice = |tone, text: String| Notice { tone, text, link: Some(("Ledger".to_owned(), PATH.to_owned())) };
    let ill =
        app.ledger.ails().map(|why| notice(Tone::Bad, format!("The ledger needs somebody to look: {why}.")));
    let tight = app.ledger.room().filter(|room| room.level(0) > 0 && !room.is_full());
    let tight = tight.map(|room| {
        let tone = if room.level(0) >= 95 { Tone::Bad } else { Tone::Unsure };
        notice(tone, format!("The ledger takes {room}."))
    });
    let contradicted = app
        .witnesses
        .alarm()
        .map(|said| notice(Tone::Bad, format!("A witness speaks against the ledger: {said}.")));
    ill.into_iter().chain(contradicted).chain(tight).collect()
}

async fn all(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Failure> {
    let stream = match wanted.stream.as_str() {
        "" => Stream::ManagementSystem,
        name => asked::stream(name)?,
    };
    let words = wanted.words();
    let (found, problems) = match words.filter(&app, &zone(&caller)).await {
        Ok(filter) => (api::page(&app, stream, &filter, &wanted.after).await?, Vec::new()),
        Err(failure) if !failure.problem().fields.is_empty() => {
            let why = failure.problem().fields.iter().map(|field| field.why.clone()).collect();
            (Page { items: Vec::new(), next: None }, why)
        }
        Err(failure) => return Err(failure),
    };
    let standing = match standing(app.store(), stream).await? {
        None => None,
        Some(standing) => Some(entries::Standing {
            size: standing.head.size,
            removed: standing.first_kept,
            since: find(app.store(), stream, standing.first_kept).await?.map(|first| first.event.time),
            signed: standing.signed_at,
            key: app.ledger.key(stream).map(ToString::to_string).unwrap_or_default(),
            refuses: app.ledger.refuses(),
            room: app.ledger.room().map(|room| entries::Room { level: room.level(0), said: room.to_string() }),
            checked: app.ledger.checkup().map(|last| {
                let more = last.faults.saturating_sub(last.found.len() as u64);
                let more = (more > 0).then(|| format!("{more} more"));
                (last.ended_at, last.found.iter().map(ToString::to_string).chain(more).collect())
            }),
        }),
    };
    let mut receivers = Vec::new();
    for exporter in app.exporters.all() {
        receivers.push(receiver(exporters::standing(app.store(), exporter, app.now()).await?));
    }
    let view = entries::Entries {
        receivers,
        listing: listing(stream, &words, &wanted.after, found.next.as_deref()),
        words: boxes(&words),
        problems,
        standing,
        exports: exports(&caller, stream, &words),
        rows: found.items.iter().map(|placed| row(stream, placed)).collect(),
        witnessing: witnessing(&app, stream).await?,
    };
    let shell = shell(&app, Some(&caller), PATH).await?;
    Ok(drawn(entries::page(&shell, &view)))
}

/// The witnesses of a stream, and this server as one.
async fn witnessing(app: &App, stream: Stream) -> Result<witnesses::Witnessing, Failure> {
    let stands = app.witnesses.stands(app).await?;
    let asked = app.witnesses.all().iter().map(|witness| {
        let key = witness.key.to_string();
        let stands = stands.iter().find(|stands| stands.stream == stream && stands.witness == key);
        witnesses::Asked {
            name: witness.key.name().to_owned(),
            address: witness.prefix.clone(),
            cosigned: stands.and_then(|stands| Some((stands.size, stands.cosigned_at?))),
            trouble: stands.and_then(|stands| {
                let (trouble, said) = stands.trouble.as_ref()?;
                Some((trouble.as_str().to_owned(), said.clone(), stands.since))
            }),
        }
    });
    let now = app.now();
    let watched = app.cosigning.watched(app.store()).await?.into_iter().map(|watched| {
        let cosigned = watched.cosigned.map(|(head, at)| (head.size, at));
        let refused = watched.refused.map(|(_, at)| at);
        let is_alarm = refused.is_some_and(|at| {
            now.duration_since(at) < ALARMED || cosigned.is_none_or(|(_, cosigned)| cosigned <= at)
        });
        witnesses::Watched { name: watched.key.name().to_owned(), cosigned, refused, is_alarm }
    });
    Ok(witnesses::Witnessing {
        asked: asked.collect(),
        own: format!("{} {}{PREFIX}", app.cosigning.key(), app.origin),
        watched: watched.collect(),
    })
}

fn listing(stream: Stream, words: &Words, after: &str, next: Option<&str>) -> Listing {
    let with = |after: &str| {
        let query = [vec![("stream", stream.as_str())], words.pairs(), vec![("after", after)]].concat();
        with_query(PATH, &query)
    };
    let kinds = EventKind::ALL.iter().map(|kind| kind.as_str());
    let streams = Stream::ALL.map(|stream| (stream.as_str(), stream.as_str()));
    let facets = vec![
        Facet::any("event", "Event", kinds, &words.event),
        Facet::any("category", "Category", Category::ALL.map(Category::as_str), &words.category),
        Facet::any("result", "Result", ["success", "refused", "failed"], &words.result),
        Facet::of("stream", "Stream", &streams, stream.as_str()),
    ];
    let looked_for: Vec<&str> = words.pairs().into_iter().map(|(_, value)| value).collect();
    Listing {
        path: PATH.to_owned(),
        filter: looked_for.join(" "),
        facets,
        keep: Vec::new(),
        previous: (!after.is_empty()).then(|| with("")),
        next: next.map(with),
        ..Listing::default()
    }
}

fn boxes(words: &Words) -> Vec<entries::Word> {
    let word = |name: &str, label: &str, value: &str, is_day| entries::Word {
        name: name.to_owned(),
        label: label.to_owned(),
        value: value.to_owned(),
        is_day,
    };
    let mut boxes = vec![
        word("actor", "Who (user name)", &words.actor, false),
        word("subject", "On (name or identifier)", &words.subject, false),
        word("address", "From address", &words.address, false),
        word("since", "From day", &words.since, true),
        word("until", "To day", &words.until, true),
    ];
    // Few look for a request by its identifier; whoever does came by a link.
    if !words.correlation.is_empty() {
        boxes.push(word("correlation", "Request", &words.correlation, false));
    }
    boxes
}

fn exports(caller: &Caller, stream: Stream, words: &Words) -> Vec<(String, String)> {
    if !caller.rights.has(Permission::LedgerExport) {
        return Vec::new();
    }
    let export = |format: Format| match format {
        Format::Archive => ("Archive of all".to_owned(), "/ledger/export?format=archive".to_owned()),
        format => {
            let first = vec![("format", format.as_str()), ("stream", stream.as_str())];
            let label = if format == Format::Csv { "As CSV" } else { "As JSON lines" };
            (label.to_owned(), with_query("/ledger/export", &[first, words.pairs()].concat()))
        }
    };
    Format::ALL.into_iter().map(export).collect()
}

fn receiver(standing: exporters::Standing) -> receivers::Receiver {
    receivers::Receiver {
        name: standing.name.to_owned(),
        place: standing.receiver,
        health: standing.health.as_str().to_owned(),
        waiting: standing.waiting,
        seconds: standing.seconds,
        succeeded: standing.succeeded_at,
        failing: standing.failing_since,
        error: standing.error,
    }
}

/// What a kind says; nothing where a newer version noted it.
fn about(event: &str) -> String {
    let kind = EventKind::ALL.iter().find(|kind| kind.as_str() == event);
    kind.map(|kind| kind.about().to_owned()).unwrap_or_default()
}

fn address(stream: Stream, position: u64) -> String {
    format!("{PATH}/{}/{position}", stream.as_str())
}

fn row(stream: Stream, placed: &Placed) -> entries::Row {
    let event = &placed.event;
    let named = |name: Option<&String>, id: Option<&String>| name.or(id).cloned().unwrap_or_default();
    let on = event.on.as_ref();
    entries::Row {
        href: address(stream, placed.position),
        position: placed.position,
        at: event.time,
        event: event.event.clone(),
        about: about(&event.event),
        result: event.result.as_str().to_owned(),
        times: event.times,
        who: named(event.actor.name.as_ref(), event.actor.id.as_ref()),
        who_kind: event.actor.kind.as_str().to_owned(),
        from: event.from.clone().unwrap_or_default(),
        on: named(on.and_then(|on| on.name.as_ref()), on.and_then(|on| on.id.as_ref())),
        on_kind: on.map(|on| on.kind.clone()).unwrap_or_default(),
    }
}

async fn one(
    State(app): State<App>,
    caller: Caller,
    Path((stream, position)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let stream = asked::stream(&stream)?;
    let placed = asked::entry(&app, stream, &position).await?;
    let nothing = || Failure::new(Kind::NotFound, "the ledger has no such entry");
    let (proof, fault) = proof_of(&app, stream, &placed).await?;
    let stands = standing(app.store(), stream).await?.ok_or_else(nothing)?;
    let here = address(stream, placed.position);
    let file = format!("{}-{}", stream.as_str(), placed.position);
    let key = app.ledger.key(stream).map(ToString::to_string).unwrap_or_default();
    let event = &placed.event;
    let view = entry::Entry {
        stream: stream.as_str().to_owned(),
        position: placed.position,
        about: about(&event.event),
        event: event.event.clone(),
        result: event.result.as_str().to_owned(),
        at: event.time,
        facts: facts(&placed),
        json: serde_json::to_string_pretty(event).unwrap_or_else(|_| placed.entry.clone()),
        fault,
        tree: in_tree(&app, &proof, stands.signed_at),
        downloads: vec![
            ("Entry".to_owned(), format!("{here}/download/entry")),
            ("Proof".to_owned(), format!("{here}/download/proof")),
        ],
        before: (placed.position > stands.first_kept).then(|| address(stream, placed.position - 1)),
        after: (placed.position + 1 < stands.head.size).then(|| address(stream, placed.position + 1)),
        command: format!("palisade ledger verify-proof {file}.tlog-proof --entry {file}.json --key '{key}'"),
    };
    let shell = shell(&app, Some(&caller), &here).await?;
    Ok(drawn(entry::page(&shell, &view)))
}

fn in_tree(app: &App, proof: &Proof, signed: Timestamp) -> entry::Tree {
    let head = proof.checkpoint.head();
    let sides = tree::sides(proof.index, head.size, proof.hashes.len());
    let steps = proof.hashes.iter().zip(sides).map(|(hash, is_left)| {
        let hash = hex::encode(hash.0).chars().take(8).collect();
        tree::Step { is_left, hash }
    });
    entry::Tree {
        size: head.size,
        root: hex::encode(head.root.0),
        signed,
        cosigned: cosigned(app, proof),
        steps: steps.collect(),
        proof: String::from_utf8_lossy(&proof.text()).into_owned(),
    }
}

/// Who cosigned the checkpoint of a proof, and when they say that they did.
fn cosigned(app: &App, proof: &Proof) -> Vec<(String, Timestamp)> {
    let cosigned = |witness: &Witness| {
        let cosignature = proof.checkpoint.cosigned_by(&witness.key).ok()??;
        let at = Timestamp::from_second(i64::try_from(cosignature.time).ok()?).ok()?;
        Some((cosignature.witness, at))
    };
    app.witnesses.all().iter().filter_map(cosigned).collect()
}

/// What an entry says besides what stands above it.
fn facts(placed: &Placed) -> Vec<(String, String)> {
    let event = &placed.event;
    let mut facts = vec![("Category".to_owned(), event.category.clone())];
    let who = [event.actor.name.clone(), event.actor.id.clone()].into_iter().flatten().collect::<Vec<_>>();
    facts.push(("Who".to_owned(), format!("{} {}", event.actor.kind.as_str(), who.join(", "))));
    facts.extend(event.from.iter().map(|from| ("From".to_owned(), from.clone())));
    if let Some(on) = &event.on {
        let what = [on.name.clone(), on.id.clone()].into_iter().flatten().collect::<Vec<_>>();
        facts.push(("On".to_owned(), format!("{} {}", on.kind, what.join(", "))));
    }
    facts.extend(event.details.iter().map(|(name, value)| (name.replace('_', " "), value.clone())));
    if event.times > 1 {
        facts.push(("Times".to_owned(), event.times.to_string()));
    }
    facts.extend(event.correlation.iter().map(|id| ("Request".to_owned(), id.clone())));
    facts.push(("Identifier".to_owned(), event.id.clone()));
    facts
}

async fn download(
    State(app): State<App>,
    Path((stream, position, what)): Path<(String, String, String)>,
) -> Result<Response, Failure> {
    match what.as_str() {
        "entry" => api::entry_file(&app, &stream, &position).await,
        "proof" => api::proof_file(&app, &stream, &position).await,
        _ => Err(Failure::new(Kind::NotFound, "an entry is kept as `entry` or as `proof`")),
    }
}

async fn whole(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Exported>,
) -> Result<Response, Failure> {
    api::whole(&app, wanted.format, &wanted.stream, &wanted.words(), &zone(&caller)).await
}
