//! What Prometheus is told of exporters.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::Standing;
use crate::serve::Metrics;

/// The figures of all exporters; copies count into the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Figures {
    waiting: Family<Of, Gauge>,
    seconds: Family<Of, Gauge>,
    succeeded: Family<Of, Gauge>,
    is_failing: Family<Of, Gauge>,
    sent: Family<Of, Counter>,
}

/// Of which one.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Of {
    exporter: &'static str,
}

impl Figures {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let figures = Self::default();
        metrics.register(|registry| {
            registry.register(
                "ledger_exporter_waiting",
                "Entries of the ledger that wait to be handed on",
                figures.waiting.clone(),
            );
            registry.register(
                "ledger_exporter_lag_seconds",
                "For how long the oldest entry that waits has waited",
                figures.seconds.clone(),
            );
            registry.register(
                "ledger_exporter_succeeded_at_seconds",
                "When a receiver took entries last, in seconds since 1970",
                figures.succeeded.clone(),
            );
            registry.register(
                "ledger_exporter_failing",
                "Whether the receiver took nothing the last time",
                figures.is_failing.clone(),
            );
            registry.register(
                "ledger_exporter_sent",
                "Entries that this process handed on",
                figures.sent.clone(),
            );
        });
        figures
    }

    /// So many were handed on.
    pub(super) fn sent(&self, exporter: &'static str, count: usize) {
        self.sent.get_or_create(&Of { exporter }).inc_by(u64::try_from(count).unwrap_or(0));
    }

    pub(super) fn show(&self, standing: &Standing) {
        let of = Of { exporter: standing.name };
        self.waiting.get_or_create(&of).set(i64::try_from(standing.waiting).unwrap_or(i64::MAX));
        self.seconds.get_or_create(&of).set(standing.seconds);
        self.succeeded.get_or_create(&of).set(standing.succeeded_at.map_or(0, jiff::Timestamp::as_second));
        self.is_failing.get_or_create(&of).set(i64::from(standing.failing_since.is_some()));
    }
}
