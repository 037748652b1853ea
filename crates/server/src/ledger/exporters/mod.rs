//! Handing the ledger on to receivers outside: each exporter follows the entries, and goes on where it stopped.
//!
//! What is handed on is told by cursors in the database. A cursor moves after the receiver has taken what lies before it, so that
//! after a crash of either side something may be sent twice, and nothing is left out.

mod cursor;
mod engine;
mod figures;
mod places;
pub(crate) mod search;
mod send;
pub(crate) mod syslog;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use places::{Health, Standing, standing};
pub(crate) use search::{Login, SearchError, SearchSettings, SearchStore};
pub(crate) use send::Receiver;
pub(crate) use syslog::{Syslog, SyslogSettings};

use crate::app::App;
use crate::causes::with_causes;
use crate::random;
use crate::serve::Metrics;
use engine::{Engine, Pace};
use figures::Figures;

/// What one receiver may take for one batch, from the first packet to the last; shorter than the lease on sending.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(20);

/// One exporter, and where it hands things on to.
#[derive(Clone, Debug)]
pub(crate) struct Exporter {
    /// What it is called: `syslog`, `opensearch`.
    pub(crate) name: &'static str,
    /// Where to.
    pub(crate) receiver: Arc<Receiver>,
}

/// Those that are configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exporters(Vec<Exporter>);

impl Exporters {
    /// These.
    pub(crate) fn new(all: Vec<Exporter>) -> Self {
        Self(all)
    }

    /// All of them.
    pub(crate) fn all(&self) -> &[Exporter] {
        &self.0
    }
}

/// Hands the ledger on until the server stops.
///
/// # Errors
/// When no random numbers are to be had.
pub(crate) async fn run(
    app: App,
    metrics: Metrics,
    ended: CancellationToken,
) -> Result<(), random::RandomError> {
    if app.exporters.all().is_empty() {
        return Ok(());
    }
    let figures = Figures::new(&metrics);
    let holder = random::public_id()?;
    let mut tasks = JoinSet::new();
    for exporter in app.exporters.all() {
        let engine = Engine {
            exporter: exporter.clone(),
            store: app.store().clone(),
            ledger: app.ledger.clone(),
            clock: app.clock.clone(),
            holder: holder.clone(),
            pace: Pace::default(),
            figures: figures.clone(),
        };
        tasks.spawn(engine.run(ended.clone()));
    }
    while let Some(done) = tasks.join_next().await {
        if let Err(error) = done {
            tracing::error!(error = %with_causes(&error), "an exporter of the ledger ended unexpectedly; this is a bug");
        }
    }
    Ok(())
}
