//! The ledger as a file, made while it is sent: never more than one part of it is held.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::Frame;
use ledger::{ArchiveWriter, Kind, Path, write_archive};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Filter, LedgerError, RUN, Said, Stream, following, is_waiting, part, standing};
use crate::api::problem::Failure;
use crate::app::App;
use crate::causes::with_causes;

mod table;

/// How often it is looked whether all events have their place; on a busy server some always wait.
const PATIENCE: u32 = 25;

/// What an export is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// All streams with their trees and checkpoints: what `palisade ledger verify` reads.
    #[default]
    Archive,
    /// An entry a line, as JSON.
    Jsonl,
    /// An entry a row, for spreadsheets.
    Csv,
}

impl Format {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Archive, Self::Jsonl, Self::Csv];

    /// As addresses name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Archive => "tar",
            Self::Jsonl => "jsonl",
            Self::Csv => "csv",
        }
    }
}

/// An export as it is sent: of these streams, and of these entries where it is no archive; `asked` is noted of it.
///
/// # Errors
/// When the database does not answer, before the first byte is sent. Later the connection breaks off, so that nobody takes a part for
/// the whole.
pub(crate) async fn export(
    app: &App,
    format: Format,
    streams: Vec<Stream>,
    filter: Filter,
    asked: &[(&str, &str)],
) -> Result<Response, Failure> {
    let said = Said::done(Kind::LedgerExported).with("format", format.as_str());
    let said = asked.iter().fold(said, |said, (name, value)| said.with(name, *value));
    app.ledger.tell(said).await?;
    // What was noted until now is in the export, and that it was exported too; where another process is at it, a moment later.
    for _ in 0..PATIENCE {
        app.ledger.sequence_all().await;
        if !is_waiting(app.store()).await? {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let now = app.now();
    let work = match format {
        Format::Archive => Work::Archive(archive(app, now.as_second()).await?),
        Format::Jsonl | Format::Csv => {
            let mut runs = VecDeque::new();
            for stream in streams {
                let Some(standing) = standing(app.store(), stream).await? else { continue };
                runs.push_back(Run { stream, next: standing.first_kept, end: standing.head.size });
            }
            Work::Entries { format, runs, filter, is_begun: false }
        }
    };
    let name = format!("palisade-ledger-{}.{}", now.strftime("%Y%m%dT%H%M%SZ"), format.extension());
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        .unwrap_or(HeaderValue::from_static("attachment"));
    let kind = HeaderValue::from_static("application/octet-stream");
    let body = Body::new(Made { app: app.clone(), next: Next::Idle(Box::new(work)) });
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], body).into_response())
}

/// What is still to be written.
enum Work {
    Archive(Archive),
    Entries { format: Format, runs: VecDeque<Run>, filter: Filter, is_begun: bool },
}

/// Entries of one stream.
struct Run {
    stream: Stream,
    next: u64,
    end: u64,
}

/// An archive that is being written.
struct Archive {
    writer: ArchiveWriter<Kept>,
    kept: Kept,
    parts: Box<dyn Iterator<Item = (Stream, Path)> + Send>,
    /// The checkpoints that say how much of each stream is in it.
    checkpoints: VecDeque<(Stream, Vec<u8>)>,
}

async fn archive(app: &App, time: i64) -> Result<Archive, Failure> {
    let mut first_kept = BTreeMap::new();
    let mut checkpoints = VecDeque::new();
    let mut parts: Box<dyn Iterator<Item = (Stream, Path)> + Send> = Box::new(std::iter::empty());
    let mut standings = Vec::new();
    // The Management System's own stream last: it tells of what was removed from the others before they were read.
    for stream in Stream::ALL.into_iter().rev() {
        standings.extend(standing(app.store(), stream).await?.map(|standing| (stream, standing)));
    }
    for (stream, standing) in app.witnesses.covering(app, standings).await? {
        first_kept.insert(stream.as_str().to_owned(), standing.first_kept);
        checkpoints.push_back((stream, standing.checkpoint.text()));
        let paths = Path::all(standing.head.size, standing.first_kept);
        parts = Box::new(parts.chain(paths.map(move |path| (stream, path))));
    }
    let kept = Kept::default();
    let writer = write_archive(kept.clone(), u64::try_from(time).unwrap_or(0), first_kept)
        .map_err(|error| Failure::from(LedgerError::broken(Stream::ManagementSystem, error.to_string())))?;
    Ok(Archive { writer, kept, parts, checkpoints })
}

/// What was written and is not sent yet.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The next bytes, and what is still to be written after them.
type Step = io::Result<(Vec<u8>, Option<Work>)>;

async fn step(app: App, work: Work) -> Step {
    match work {
        Work::Archive(archive) => archive.step(&app).await,
        Work::Entries { format, mut runs, filter, is_begun } => {
            let mut bytes = Vec::new();
            if !is_begun {
                bytes.extend_from_slice(table::head(format).as_bytes());
            } else if let Some(run) = runs.front_mut() {
                let found =
                    following(app.store(), run.stream, &filter, run.next).await.map_err(io::Error::other)?;
                for placed in found.iter().take_while(|placed| placed.position < run.end) {
                    table::line(format, run.stream, placed, &mut bytes);
                }
                run.next = found.last().map_or(run.end, |placed| placed.position.saturating_add(1));
                if found.len() < RUN || run.next >= run.end {
                    runs.pop_front();
                }
            }
            let rest = (!runs.is_empty()).then_some(Work::Entries { format, runs, filter, is_begun: true });
            Ok((bytes, rest))
        }
    }
}

impl Archive {
    async fn step(mut self, app: &App) -> Step {
        if let Some((stream, text)) = self.checkpoints.pop_front() {
            self.add(stream, Path::Checkpoint, &text)?;
        } else if let Some((stream, path)) = self.parts.next() {
            let found = part(app.store(), stream, path).await.map_err(io::Error::other)?;
            let bytes = found.ok_or_else(|| {
                io::Error::other(format!("{}/{path} was removed while it was exported", stream.as_str()))
            })?;
            self.add(stream, path, &bytes)?;
        } else {
            let kept = self.kept.clone();
            self.writer.end().map_err(io::Error::other)?;
            return Ok((kept.take(), None));
        }
        Ok((self.kept.take(), Some(Work::Archive(self))))
    }

    fn add(&mut self, stream: Stream, path: Path, bytes: &[u8]) -> io::Result<()> {
        self.writer.add(stream.as_str(), path, bytes).map_err(io::Error::other)
    }
}

/// A body that is made while it is sent: whoever stops to read ends the work.
struct Made {
    app: App,
    next: Next,
}

enum Next {
    Idle(Box<Work>),
    Running(Pin<Box<dyn Future<Output = Step> + Send>>),
    Done,
}

impl hyper::body::Body for Made {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        loop {
            match std::mem::replace(&mut self.next, Next::Done) {
                Next::Done => return Poll::Ready(None),
                Next::Idle(work) => self.next = Next::Running(Box::pin(step(self.app.clone(), *work))),
                Next::Running(mut running) => {
                    let Poll::Ready(done) = running.as_mut().poll(cx) else {
                        self.next = Next::Running(running);
                        return Poll::Pending;
                    };
                    match done {
                        Ok((bytes, rest)) => {
                            self.next = rest.map_or(Next::Done, |work| Next::Idle(Box::new(work)));
                            if !bytes.is_empty() {
                                return Poll::Ready(Some(Ok(Frame::data(bytes.into()))));
                            }
                        }
                        Err(error) => {
                            tracing::warn!(error = %with_causes(&error), "an export of the ledger broke off");
                            return Poll::Ready(Some(Err(error)));
                        }
                    }
                }
            }
        }
    }
}
