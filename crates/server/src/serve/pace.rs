//! Bodies that come too slowly are ended.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep};

use super::limits::Limits;

/// A request's body that must keep up with a least rate from when it is first asked for.
pub(super) struct Paced {
    body: Incoming,
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
            body,
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
        match Pin::new(&mut this.body).poll_frame(cx) {
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
        this.late.store(true, Ordering::Release);
        Poll::Ready(Some(Err(Box::new(TooSlow))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
