//! One connection from its first byte to its last.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, ready};
use std::time::Duration;

use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::CancellationToken;

use super::exchange::{self, Ends, House};
use super::hello;
use super::limits::Limits;
use super::metrics::Metrics;
use super::plain;
use super::pulse::{Late, Pulse, Watched};
use super::seats::Seat;

/// How long a connection that was told to end may take for it.
const FAREWELL: Duration = Duration::from_secs(1);
/// Buffer of an HTTP/1 connection: room for the headers, and no 400 KiB a connection as hyper would.
const BUFFER_BYTES: usize = 64 * 1024;
/// How often an HTTP/2 peer is asked whether it lives, and how long it has for the answer.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_WAIT: Duration = Duration::from_secs(10);
/// Streams that the peer reset before we looked at them; more is the rapid-reset attack (CVE-2023-44487).
const RESET_BEFORE_ACCEPTED: usize = 20;
/// Streams that we had to reset for the peer's errors (CVE-2025-8671).
const RESET_BY_US: usize = 100;
/// What of a body may lie unread in memory, per stream and per connection.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 256 * 1024;

/// A connection that was let in.
pub(super) struct Guest {
    pub(super) house: Arc<House>,
    pub(super) metrics: Metrics,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) ends: Ends,
    pub(super) seat: Seat,
    pub(super) shutdown: CancellationToken,
}

/// Serves a connection until it ends by itself, is late, loses its seat or the server stops.
pub(super) async fn serve(guest: Guest, stream: TcpStream) {
    let evicted = guest.seat.evicted();
    let Some(tls) = guest.tls.clone() else {
        let pulse = Pulse::new(guest.seat);
        let stream = Watched::new(stream, Arc::clone(&pulse));
        return http1(&guest.house, pulse, guest.ends, stream, &evicted, &guest.shutdown).await;
    };
    let limit = guest.house.limits.handshake;
    let handshake = tokio::time::timeout(limit, async {
        match plain::speaks_tls(&stream).await {
            Ok(Some(true)) => hello::accept(stream, tls).await.map_err(|_| "no TLS"),
            Ok(Some(false)) => {
                plain::answer(stream).await;
                Err("plain HTTP")
            }
            Ok(None) | Err(_) => Err("nothing said"),
        }
    });
    let outcome = tokio::select! {
        outcome = handshake => outcome,
        () = evicted.cancelled() => return guest.metrics.handshake_failed("made room"),
        () = guest.shutdown.cancelled() => return,
    };
    let stream = match outcome {
        Ok(Ok(stream)) => stream,
        Ok(Err(why)) => return guest.metrics.handshake_failed(why),
        Err(_) => return guest.metrics.handshake_failed("too slow"),
    };
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let pulse = Pulse::new(guest.seat);
    let stream = Watched::new(stream, Arc::clone(&pulse));
    if is_http2 {
        http2(&guest.house, pulse, guest.ends, stream, &evicted, &guest.shutdown).await;
    } else {
        http1(&guest.house, pulse, guest.ends, stream, &evicted, &guest.shutdown).await;
    }
}

async fn http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    house: &Arc<House>,
    pulse: Arc<Pulse>,
    ends: Ends,
    stream: Watched<S>,
    evicted: &CancellationToken,
    shutdown: &CancellationToken,
) {
    let service = service_fn(|request| exchange::serve(Arc::clone(house), Arc::clone(&pulse), ends, request));
    let limits = &house.limits;
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The pulse does this: hyper's limit would count idle time too.
        .header_read_timeout(None)
        .max_headers(limits.headers)
        .max_header_size(usize::try_from(limits.header_bytes).unwrap_or(usize::MAX))
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    drive(connection, &pulse, limits, false, evicted, shutdown).await;
}

async fn http2<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    house: &Arc<House>,
    pulse: Arc<Pulse>,
    ends: Ends,
    stream: Watched<S>,
    evicted: &CancellationToken,
    shutdown: &CancellationToken,
) {
    let limits = &house.limits;
    let streams = Streams { tasks: Arc::default(), limit: limits.exchange };
    let _end = EndOfStreams(streams.clone());
    let service = service_fn(|request| exchange::serve(Arc::clone(house), Arc::clone(&pulse), ends, request));
    let connection = http2::Builder::new(streams)
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.header_bytes)
        .max_pending_accept_reset_streams(RESET_BEFORE_ACCEPTED)
        .max_local_error_reset_streams(RESET_BY_US)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(BUFFER_BYTES)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_WAIT)
        .serve_connection(TokioIo::new(stream), service);
    drive(connection, &pulse, limits, true, evicted, shutdown).await;
}

/// Ends what is left of streams with their connection, as HTTP/1 requests end. The streams hold their tasks' list themselves, so
/// that dropping the list would not do.
struct EndOfStreams(Streams);

impl Drop for EndOfStreams {
    fn drop(&mut self) {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
    }
}

/// The tasks of one HTTP/2 connection's streams, each bounded in time.
#[derive(Debug, Clone)]
struct Streams {
    tasks: Arc<Mutex<JoinSet<()>>>,
    limit: Duration,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        let limit = self.limit;
        tasks.spawn(async move {
            // A stream out of time is dropped, which resets it.
            tokio::time::timeout(limit, stream).await.ok();
        });
    }
}

async fn drive<C: GracefulConnection>(
    connection: C,
    pulse: &Pulse,
    limits: &Limits,
    is_http2: bool,
    evicted: &CancellationToken,
    shutdown: &CancellationToken,
) {
    let mut connection = pin!(connection);
    let mut watch = Watch { alarm: Box::pin(tokio::time::sleep(limits.head)), pulse, limits, is_http2 };
    let late = tokio::select! {
        late = watch.over(connection.as_mut()) => late,
        () = evicted.cancelled() => Some(Late::Idle),
        () = shutdown.cancelled() => Some(Late::Idle),
    };
    // hyper would wait for the first request of a connection on which nothing was said yet.
    if late != Some(Late::Idle) || pulse.is_fresh() {
        return;
    }
    // Requests under way are finished; who is idle goes with a proper goodbye, or without one.
    connection.as_mut().graceful_shutdown();
    loop {
        let was_busy = pulse.is_busy();
        let farewell = tokio::time::timeout(FAREWELL, watch.over(connection.as_mut())).await;
        if farewell.is_ok() || !was_busy {
            return;
        }
    }
}

/// Watches over the limits of a connection while it is polled.
struct Watch<'a> {
    alarm: Pin<Box<Sleep>>,
    pulse: &'a Pulse,
    limits: &'a Limits,
    is_http2: bool,
}

impl Watch<'_> {
    /// Ends with the connection (none), or when it is late.
    async fn over<C: GracefulConnection>(&mut self, mut connection: Pin<&mut C>) -> Option<Late> {
        poll_fn(|cx| {
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            // After each poll, since what it changed moves the limit; a connection wakes for its own events only.
            loop {
                let (at, why) = self.pulse.deadline(self.limits, self.is_http2);
                if at <= Instant::now() {
                    return Poll::Ready(Some(why));
                }
                if self.alarm.deadline() != at {
                    self.alarm.as_mut().reset(at);
                }
                ready!(self.alarm.as_mut().poll(cx));
            }
        })
        .await
    }
}
