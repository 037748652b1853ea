//! Figures of witnesses for Prometheus.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use super::Trouble;
use crate::app::App;
use crate::ledger::LedgerError;
use crate::serve::Metrics;

/// How each witness stands to each stream.
#[derive(Debug)]
pub(crate) struct Figures {
    cosigned: Family<Of, Gauge>,
    silent: Family<Of, Gauge>,
    contradicts: Family<Of, Gauge>,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Of {
    stream: &'static str,
    witness: String,
}

impl Figures {
    /// Figures that are shown with the others.
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let figures =
            Self { cosigned: Family::default(), silent: Family::default(), contradicts: Family::default() };
        metrics.register(|registry| {
            registry.register(
                "ledger_witness_cosigned_timestamp_seconds",
                "When a witness cosigned a stream of the ledger last, in seconds since 1970",
                figures.cosigned.clone(),
            );
            registry.register(
                "ledger_witness_silent_seconds",
                "Seconds since a witness does not cosign, for whatever reason; 0: it does",
                figures.silent.clone(),
            );
            registry.register(
                "ledger_witness_contradicts",
                "1 where a witness saw another ledger of the name of this one",
                figures.contradicts.clone(),
            );
        });
        figures
    }

    /// Shows how things stand now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn show(&self, app: &App) -> Result<(), LedgerError> {
        for stands in app.witnesses.stands(app).await? {
            let name = stands.witness.split('+').next().unwrap_or_default();
            let of = Of { stream: stands.stream.as_str(), witness: name.to_owned() };
            let trouble = stands.trouble.as_ref().map(|(trouble, _)| *trouble);
            if let Some(at) = stands.cosigned_at {
                self.cosigned.get_or_create(&of).set(at.as_second());
            }
            let silent = trouble.map_or(0, |_| app.now().duration_since(stands.since).as_secs().max(1));
            self.silent.get_or_create(&of).set(silent);
            self.contradicts.get_or_create(&of).set(i64::from(trouble == Some(Trouble::Contradicted)));
        }
        Ok(())
    }
}
