//! Figures for Prometheus: what the listener counts, and the registry that others add theirs to.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::process;
use super::seats::Full;

/// From a page out of memory to a login that waits for its turn.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The figures of this process; copies count into the same.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    registry: Arc<Mutex<Registry>>,
    open: Gauge,
    accepted: Counter,
    refused: Family<Why, Counter>,
    accepts_failed: Counter,
    handshakes_failed: Family<Why, Counter>,
    requests: Family<Answered, Counter>,
    seconds: Family<Route, Histogram>,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Why {
    why: &'static str,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Answered {
    route: String,
    method: &'static str,
    class: &'static str,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Route {
    route: String,
}

impl Metrics {
    /// Figures that begin at zero, of a program of this `version`.
    pub(crate) fn new(version: &str) -> Self {
        let mut registry = Registry::with_prefix("palisade");
        let open = Gauge::default();
        let accepted = Counter::default();
        let refused = Family::default();
        let accepts_failed = Counter::default();
        let handshakes_failed = Family::default();
        let requests = Family::default();
        let seconds = Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram);
        registry.register("build", "The program", Info::new(vec![("version".to_owned(), version.to_owned())]));
        registry.register("connections_open", "Connections now", open.clone());
        registry.register("connections_accepted", "Connections so far", accepted.clone());
        registry.register("connections_refused", "Connections for which there was no room", refused.clone());
        registry.register(
            "handshakes_failed",
            "Connections that came to no TLS session",
            handshakes_failed.clone(),
        );
        registry.register("requests", "Answers so far", requests.clone());
        registry.register(
            "request_seconds",
            "Time from the headers of a request to those of its answer",
            seconds.clone(),
        );
        registry.register_collector(Box::new(process::Figures));
        Self {
            registry: Arc::new(Mutex::new(registry)),
            open,
            accepted,
            refused,
            accepts_failed,
            handshakes_failed,
            requests,
            seconds,
        }
    }

    /// Adds figures of other rooms.
    pub(crate) fn register(&self, add: impl FnOnce(&mut Registry)) {
        add(&mut self.registry.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// All figures in the text form of OpenMetrics.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry.lock().unwrap_or_else(PoisonError::into_inner))?;
        Ok(text)
    }

    /// Counts a connection until what is returned is dropped.
    pub(super) fn connection(&self) -> OpenConnection {
        self.accepted.inc();
        self.open.inc();
        OpenConnection(self.open.clone())
    }

    pub(super) fn refused(&self, full: Full) {
        let why = match full {
            Full::All => "all busy",
            Full::Address => "address busy",
        };
        self.refused.get_or_create(&Why { why }).inc();
    }

    pub(super) fn accept_failed(&self) {
        self.accepts_failed.inc();
    }

    pub(super) fn handshake_failed(&self, why: &'static str) {
        self.handshakes_failed.get_or_create(&Why { why }).inc();
    }

    pub(super) fn request(&self, route: &str, method: &'static str, status: StatusCode, took: Duration) {
        let class = match status.as_u16() {
            ..200 => "1xx",
            200..300 => "2xx",
            300..400 => "3xx",
            400..500 => "4xx",
            _ => "5xx",
        };
        self.requests.get_or_create(&Answered { route: route.to_owned(), method, class }).inc();
        self.seconds.get_or_create(&Route { route: route.to_owned() }).observe(took.as_secs_f64());
    }
}

/// A connection that is counted as open.
#[derive(Debug)]
pub(super) struct OpenConnection(Gauge);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.dec();
    }
}
