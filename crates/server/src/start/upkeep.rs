//! What the server does beside serving: figures, readiness, and forgetting what counts no longer.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio_util::sync::CancellationToken;

use super::{StartError, outside};
use crate::app::App;
use crate::identity::password::Load;
use crate::identity::{links, second_factors, sessions, users};
use crate::posture::reports;
use crate::serve::Metrics;
use crate::{api, state};

/// How long whole reports are kept; since when each finding stands as it does is kept for ever.
const REPORTS_KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(730 * 24);

/// How often the database is asked whether it answers.
const READY_EVERY: Duration = Duration::from_secs(5);

/// How often what counts no longer is forgotten.
const TIDY_EVERY: Duration = Duration::from_secs(600);

/// How much is being hashed, for the metrics.
pub(super) struct HashFigures {
    running: Gauge,
    done: Gauge,
    most_at_once: Gauge,
}

impl HashFigures {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let figures =
            Self { running: Gauge::default(), done: Gauge::default(), most_at_once: Gauge::default() };
        metrics.register(|registry| {
            registry.register(
                "password_hashes_running",
                "Password hashes being computed",
                figures.running.clone(),
            );
            registry.register(
                "password_hashes_done",
                "Password hashes computed since the start",
                figures.done.clone(),
            );
            let about = "Most password hashes that were computed at the same time";
            registry.register("password_hashes_at_once", about, figures.most_at_once.clone());
        });
        figures
    }

    fn show(&self, load: &Load) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.running.set(number(load.running));
        self.done.set(i64::try_from(load.done).unwrap_or(i64::MAX));
        self.most_at_once.set(number(load.most_at_once));
    }
}

/// Asks now and then whether the database answers and how much is being hashed.
pub(super) async fn watch(
    app: App,
    figures: HashFigures,
    ready: Arc<AtomicBool>,
    shutdown: CancellationToken,
) -> Result<(), StartError> {
    while pause(READY_EVERY, &shutdown).await {
        figures.show(&app.logins.hasher.load());
        let is_ready = app.store().is_ready().await;
        if ready.swap(is_ready, Ordering::Relaxed) != is_ready {
            if is_ready {
                tracing::info!("the database answers again");
            } else {
                tracing::error!("the database does not answer");
            }
        }
    }
    Ok(())
}

/// Forgets what counts no longer, and removes the set-up code's file once there is a user.
pub(super) async fn tidy(app: App, directory: PathBuf, shutdown: CancellationToken) -> Result<(), StartError> {
    outside::check(&app.logins.outside, app.now()).await;
    loop {
        let now = app.now();
        let store = app.store();
        for result in [
            app.logins.gate.forget_old(now).await,
            sessions::forget_old(store, now).await,
            links::forget_old(store, now).await,
            reports::forget_old(store, now.checked_sub(REPORTS_KEPT).unwrap_or(now)).await,
            second_factors::forget_old(store, now).await,
            api::idempotency::forget_old(store, now).await,
        ] {
            if let Err(error) = result {
                tracing::warn!(%error, "old rows could not be removed; it is tried again");
            }
        }
        if matches!(users::count(store).await, Ok(1..)) {
            state::remove(&directory, state::SET_UP_CODE);
        }
        if !pause(TIDY_EVERY, &shutdown).await {
            return Ok(());
        }
    }
}

/// Waits; false when the server stops.
async fn pause(time: Duration, shutdown: &CancellationToken) -> bool {
    tokio::select! {
        () = shutdown.cancelled() => false,
        () = tokio::time::sleep(time) => true,
    }
}
