//! How many, how large, how long: the bounds of the listener.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Bounds of one listener.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Connections in all. At this number the connection that has been idle longest makes room for a new one.
    pub(crate) connections: usize,
    /// Connections of one address (IPv6: of one /64), trusted proxies excepted.
    pub(crate) per_address: usize,
    /// From the connection to the end of the TLS handshake.
    pub(crate) handshake: Duration,
    /// From the first byte of a request to the end of its headers; also from the handshake to the first byte.
    pub(crate) head: Duration,
    /// How long a connection may stand idle between requests.
    pub(crate) keep_alive: Duration,
    /// From the end of a request's headers to the end of its answer. Live updates are taken up again after it.
    pub(crate) exchange: Duration,
    /// How long a client may take nothing of what is being sent.
    pub(crate) stall: Duration,
    /// How long a body may lag behind `body_bytes_per_second`.
    pub(crate) body_slack: Duration,
    /// How fast a body must come, after the slack.
    pub(crate) body_bytes_per_second: u32,
    /// The request line and headers of a request together.
    pub(crate) header_bytes: u32,
    /// Headers of a request.
    pub(crate) headers: usize,
    /// Requests at the same time on one HTTP/2 connection.
    pub(crate) streams: u32,
    /// How long requests may still take when the server stops.
    pub(crate) grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            // An office behind one address, with six connections a browser.
            per_address: 256,
            handshake: Duration::from_secs(5),
            head: Duration::from_secs(10),
            keep_alive: Duration::from_secs(60),
            exchange: Duration::from_secs(15 * 60),
            stall: Duration::from_secs(30),
            body_slack: Duration::from_secs(10),
            body_bytes_per_second: 1024,
            header_bytes: 16 * 1024,
            headers: 100,
            streams: 100,
            grace: Duration::from_secs(20),
        }
    }
}

impl Limits {
    /// The same with no more connections than fit beside the server's other `open_files`.
    pub(crate) fn fitting(mut self, open_files: u64) -> Self {
        let room = usize::try_from(open_files.saturating_mul(3) / 4).unwrap_or(usize::MAX);
        self.connections = self.connections.min(room.max(1));
        self.per_address = self.per_address.min(self.connections);
        self
    }
}

/// How many files this process may have open, after raising that to what it may raise it to.
pub(crate) fn open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        // Without the higher limit the server takes fewer connections.
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).ok();
    }
    // No limit at all is taken as a million.
    getrlimit(Resource::Nofile).current.unwrap_or(1 << 20)
}
