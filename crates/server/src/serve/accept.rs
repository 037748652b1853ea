//! The accept loop: lets connections in while there is room, and sees all of them out.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use rustix::io::Errno;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, error, warn};

use super::client::{ClientAddress, TrustedProxies};
use super::connection::{self, Guest};
use super::exchange::{Ends, House};
use super::limits::Limits;
use super::listener::Listener;
use super::metrics::Metrics;
use super::seats::Seats;

use crate::causes::with_causes;

/// How long one waits after the machine ran out of files or memory, doubled up to the last.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// What a listener speaks.
#[derive(Debug, Clone)]
pub(crate) enum Transport {
    /// HTTPS, HTTP/1.1 and HTTP/2.
    Tls(Arc<ServerConfig>),
    /// HTTP/1.1 in plain text: for loopback only.
    Plain,
}

/// All that a listener serves.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where requests go; see [`super::dress`].
    pub(crate) router: Router,
    /// What is spoken.
    pub(crate) transport: Transport,
    /// The bounds.
    pub(crate) limits: Limits,
    /// Who may say where a request came from.
    pub(crate) proxies: TrustedProxies,
    /// Where connections are counted.
    pub(crate) metrics: Metrics,
}

/// How a listener ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Connections with a request under way that were cut when the grace was over.
    pub(crate) cut: usize,
}

impl Server {
    /// Serves `listener` until `shutdown`, then lets requests under way finish.
    ///
    /// # Errors
    /// Only when the socket cannot be served at all; errors of single connections are counted, not returned.
    pub(crate) async fn run(self, listener: Listener, shutdown: CancellationToken) -> io::Result<Ended> {
        let socket = listener.into_tokio()?;
        let seats = Seats::new(self.limits.connections, self.limits.per_address);
        let tls = match self.transport {
            Transport::Tls(config) => Some(config),
            Transport::Plain => None,
        };
        let grace = self.limits.grace;
        let house = Arc::new(House { router: self.router, limits: self.limits, proxies: self.proxies });
        let metrics = self.metrics;
        let mut connections = JoinSet::new();
        let mut pause = FIRST_PAUSE;
        loop {
            let accepted = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = connections.join_next() => {
                    report(ended);
                    continue;
                }
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = FIRST_PAUSE;
                    let key =
                        (!house.proxies.contains(peer.ip())).then(|| ClientAddress::new(peer.ip()).pair_key());
                    let seat = match seats.take(key) {
                        Ok(seat) => seat,
                        Err(full) => {
                            metrics.refused(full);
                            debug!(client = %peer.ip(), ?full, "connection refused");
                            continue;
                        }
                    };
                    let Ok(reached) = stream.local_addr() else { continue };
                    let counted = metrics.connection();
                    let guest = Guest {
                        house: Arc::clone(&house),
                        metrics: metrics.clone(),
                        tls: tls.clone(),
                        ends: Ends { peer, reached },
                        seat,
                        shutdown: shutdown.clone(),
                    };
                    connections.spawn(
                        async move {
                            let _counted = counted;
                            serve(guest, stream, peer).await;
                        }
                        .in_current_span(),
                    );
                }
                Err(error) if is_of_one_connection(&error) => {
                    debug!(error = %with_causes(&error), "a connection ended before it was taken")
                }
                Err(error) => {
                    let freed = seats.free_one();
                    metrics.accept_failed();
                    warn!(error = %with_causes(&error), freed, "cannot take connections for a moment; raise the limit of open files if this lasts");
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = shutdown.cancelled() => break,
                    }
                    pause = LAST_PAUSE.min(pause * 2);
                }
            }
        }
        // Nobody new gets in; the kernel refuses them at once.
        drop(socket);
        let all_ended = async {
            while let Some(ended) = connections.join_next().await {
                report(ended);
            }
        };
        let cut = match tokio::time::timeout(grace, all_ended).await {
            Ok(()) => 0,
            Err(_) => seats.count().1,
        };
        connections.shutdown().await;
        Ok(Ended { cut })
    }
}

async fn serve(guest: Guest, stream: TcpStream, peer: SocketAddr) {
    if let Err(error) = stream.set_nodelay(true) {
        debug!(client = %peer.ip(), error = %with_causes(&error), "connection without TCP_NODELAY");
    }
    connection::serve(guest, stream).await;
}

/// Errors that `accept(2)` passes on from a connection; the next call may succeed at once. After any other one waits: most are of
/// files or memory that ran out, and none gets better by asking without end.
fn is_of_one_connection(error: &io::Error) -> bool {
    const THEIRS: [Errno; 9] = [
        Errno::CONNABORTED,
        Errno::CONNRESET,
        Errno::INTR,
        Errno::PROTO,
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::NOPROTOOPT,
    ];
    Errno::from_io_error(error).is_some_and(|errno| THEIRS.contains(&errno))
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        error!("the task of a connection panicked; others go on");
    }
}
