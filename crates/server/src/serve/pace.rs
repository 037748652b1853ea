//! Bodies that come too slowly are ended.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep};

use super::limits::Limits;

/// What is read of a body that nobody reads any more, and for how long: programs that still send take the end of their
/// stream or connection for the whole answer, and never say what was wrong.
const LINGER_BYTES: u64 = 256 * 1024;
const LINGER: Duration = Duration::from_secs(2);

/// A request's body that must keep up with a least rate from when it is first asked for.
pub(super) struct Paced {
    /// Until it is dropped.
    body: Option<Incoming>,
    /// Whether it is read on when the handler is done with it.
    lingers: bool,
    slack: Duration,
    bytes_per_second: u32,
    received: u64,
    clock: Option<(Instant, Pin<Box<Sleep>>)>,
    late: Arc<AtomicBool>,
}

/// Said to the handler that reads the body.
#[derive(Debug)]
pub(super) struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body of the request comes too slowly")
    }
}

impl Error for TooSlow {}

impl Paced {
    /// The body, and a flag that is set when it was ended.
    pub(super) fn new(body: Incoming, limits: &Limits) -> (Self, Arc<AtomicBool>) {
        let late = Arc::new(AtomicBool::new(false));
        let paced = Self {
            lingers: body.size_hint().lower() <= LINGER_BYTES,
            body: Some(body),
            slack: limits.body_slack,
            bytes_per_second: limits.body_bytes_per_second.max(1),
            received: 0,
            clock: None,
            late: Arc::clone(&late),
        };
        (paced, late)
    }

    /// How long what has come so far may have taken.
    fn allowance(&self) -> Duration {
        self.slack
            + Duration::from_millis(self.received.saturating_mul(1000) / u64::from(self.bytes_per_second))
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        match Pin::new(body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                this.received = this.received.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
                return Poll::Ready(Some(Ok(frame)));
            }
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => {}
        }
        let allowance = this.allowance();
        let (since, sleep) = this.clock.get_or_insert_with(|| {
            let since = Instant::now();
            (since, Box::pin(tokio::time::sleep_until(since + allowance)))
        });
        let until = *since + allowance;
        if sleep.deadline() != until {
            sleep.as_mut().reset(until);
        }
        std::task::ready!(sleep.as_mut().poll(cx));
        (this.lingers, this.body) = (false, None);
        this.late.store(true, Ordering::Release);
        Poll::Ready(Some(Err(Box::new(TooSlow))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        let rest = self.body.take().filter(|rest| self.lingers && !rest.is_end_stream());
        if let (Some(rest), Ok(runtime)) = (rest, Handle::try_current()) {
            runtime.spawn(tokio::time::timeout(LINGER, read_on(rest)));
        }
    }
}

/// Reads what is still sent, within bounds.
async fn read_on(mut rest: Incoming) {
    let mut left = LINGER_BYTES;
    while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut rest).poll_frame(cx)).await {
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        let Some(less) = left.checked_sub(u64::try_from(bytes).unwrap_or(u64::MAX)) else { return };
        left = less;
    }
}
