//! What a connection is doing, and until when it may.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::limits::Limits;
use super::seats::Seat;

/// The state of one connection, shared by its stream, its requests and whoever ends it.
#[derive(Debug)]
pub(super) struct Pulse {
    seat: Seat,
    beat: Mutex<Beat>,
}

#[derive(Debug)]
struct Beat {
    /// Requests under way, answers not yet handed over included.
    requests: usize,
    /// When `requests` last became zero or one.
    since: Instant,
    /// When the first byte of a request came while none was under way.
    head_since: Option<Instant>,
    /// Since when the client takes nothing of what is being sent.
    stalled_since: Option<Instant>,
    /// Whether a request was ever made.
    used: bool,
}

/// Why a connection was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// The headers of a request did not come.
    Head,
    /// Nothing happened.
    Idle,
    /// The answer was not taken.
    Stalled,
    /// A request and its answer took too long together.
    Exchange,
}

impl Pulse {
    pub(super) fn new(seat: Seat) -> Arc<Self> {
        let beat =
            Beat { requests: 0, since: Instant::now(), head_since: None, stalled_since: None, used: false };
        Arc::new(Self { seat, beat: Mutex::new(beat) })
    }

    /// A request begins; it ends when what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Busy {
        let mut beat = self.beat();
        beat.requests += 1;
        beat.used = true;
        beat.head_since = None;
        if beat.requests == 1 {
            beat.since = Instant::now();
            self.seat.busy();
        }
        Busy(Arc::clone(self))
    }

    pub(super) fn is_busy(&self) -> bool {
        self.beat().requests > 0
    }

    /// Whether nothing was ever said on it.
    pub(super) fn is_fresh(&self) -> bool {
        let beat = self.beat();
        !beat.used && beat.head_since.is_none()
    }

    /// When the connection must end unless something happens, and why.
    ///
    /// On HTTP/2 requests come interleaved with answers and with signs of life: there each stream has its own limit, and a connection
    /// without requests is idle whatever it sends.
    pub(super) fn deadline(&self, limits: &Limits, http2: bool) -> (Instant, Late) {
        let beat = self.beat();
        let waiting = match (beat.requests, beat.head_since) {
            (0, Some(since)) if !http2 => (since + limits.head, Late::Head),
            (0, _) if !beat.used => (beat.since + limits.head, Late::Head),
            (0, _) => (beat.since + limits.keep_alive, Late::Idle),
            _ if http2 => (Instant::now() + limits.exchange, Late::Exchange),
            _ => (beat.since + limits.exchange, Late::Exchange),
        };
        match beat.stalled_since.map(|since| (since + limits.stall, Late::Stalled)) {
            Some(stalled) if stalled.0 < waiting.0 => stalled,
            _ => waiting,
        }
    }

    fn read_something(&self) {
        let mut beat = self.beat();
        if beat.requests == 0 && beat.head_since.is_none() {
            beat.head_since = Some(Instant::now());
        }
    }

    fn writes<T>(&self, outcome: &Poll<T>) {
        let mut beat = self.beat();
        match outcome {
            Poll::Ready(_) => beat.stalled_since = None,
            Poll::Pending if beat.stalled_since.is_none() => beat.stalled_since = Some(Instant::now()),
            Poll::Pending => {}
        }
    }

    fn beat(&self) -> MutexGuard<'_, Beat> {
        self.beat.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Busy(Arc<Pulse>);

impl Drop for Busy {
    fn drop(&mut self) {
        let mut beat = self.0.beat();
        beat.requests = beat.requests.saturating_sub(1);
        if beat.requests == 0 {
            beat.since = Instant::now();
            self.0.seat.idle();
        }
    }
}

/// A stream that tells its pulse what passes.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    pulse: Arc<Pulse>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.pulse.read_something();
        }
        outcome
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.pulse.writes(&outcome);
        outcome
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.pulse.writes(&outcome);
        outcome
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.pulse.writes(&outcome);
        outcome
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.pulse.writes(&outcome);
        outcome
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
