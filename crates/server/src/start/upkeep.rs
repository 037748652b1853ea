//! What the server does beside serving: figures, readiness, and forgetting what counts no longer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio_util::sync::CancellationToken;

use super::{StartError, outside};
use crate::api;
use crate::app::App;
use crate::causes::with_causes;
use crate::identity::password::Load;
use crate::identity::{links, second_factors, sessions, users};
use crate::ledger::room::{self, Outlook, Place, Room};
use crate::ledger::{self, Ledger};
use crate::posture::reports;
use crate::serve::Metrics;

/// How long whole reports are kept; since when each finding stands as it does is kept for ever.
const REPORTS_KEPT: jiff::SignedDuration = jiff::SignedDuration::from_hours(730 * 24);

/// How often the database is asked whether it answers.
const READY_EVERY: Duration = Duration::from_secs(5);

/// How often what counts no longer is forgotten.
const TIDY_EVERY: Duration = Duration::from_secs(600);

/// How much is being hashed and how the ledger is, for the metrics.
pub(super) struct Figures {
    running: Gauge,
    done: Gauge,
    most_at_once: Gauge,
    ledger_bytes: Gauge,
    ledger_room: Gauge,
    ledger_full: Gauge,
    ledger_checked: Gauge,
    ledger_faults: Gauge,
}

impl Figures {
    pub(super) fn new(metrics: &Metrics) -> Self {
        let figures = Self {
            running: Gauge::default(),
            done: Gauge::default(),
            most_at_once: Gauge::default(),
            ledger_bytes: Gauge::default(),
            ledger_room: Gauge::default(),
            ledger_full: Gauge::default(),
            ledger_checked: Gauge::default(),
            ledger_faults: Gauge::default(),
        };
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
            for (name, about, gauge) in [
                ("ledger_bytes", "Bytes that the ledger takes", &figures.ledger_bytes),
                ("ledger_room_bytes", "Bytes that it may take; 0: not known", &figures.ledger_room),
                (
                    "ledger_full_seconds",
                    "When it will be full, since 1970; 0: not in sight",
                    &figures.ledger_full,
                ),
                (
                    "ledger_checked_seconds",
                    "When the server checked it last, since 1970",
                    &figures.ledger_checked,
                ),
                ("ledger_faults", "Faults that the last check of it found", &figures.ledger_faults),
            ] {
                registry.register(name, about, gauge.clone());
            }
        });
        figures
    }

    fn show_ledger(&self, ledger: &Ledger) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        if let Some(room) = ledger.room() {
            self.ledger_bytes.set(number(room.used));
            self.ledger_room.set(room.total.map_or(0, number));
            self.ledger_full.set(match room.outlook {
                Outlook::On(day) => day.as_second(),
                Outlook::Never | Outlook::Unknown => 0,
            });
        }
        if let Some(last) = ledger.checkup() {
            self.ledger_checked.set(last.ended_at.as_second());
            self.ledger_faults.set(number(last.faults));
        }
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
    figures: Figures,
    ready: Arc<AtomicBool>,
    shutdown: CancellationToken,
) -> Result<(), StartError> {
    while pause(READY_EVERY, &shutdown).await {
        figures.show(&app.logins.hasher.load());
        figures.show_ledger(&app.ledger);
        app.logins.hasher.rest();
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

/// Looks after the room of the ledger; administrators are written to when it becomes tight.
pub(super) async fn rooms(app: App, place: Place, shutdown: CancellationToken) -> Result<(), StartError> {
    let told = |room: Room| {
        let app = app.clone();
        async move {
            if let Err(error) = app.logins.tell_ledger_filling(&room.to_string()).await {
                tracing::warn!(error = %with_causes(&error), "no administrator is written to about the room of the ledger");
            }
        }
    };
    room::keep(app.ledger.clone(), place, app.retention.clone(), told, shutdown).await;
    Ok(())
}

/// Forgets what counts no longer, and removes the set-up code's file once there is a user.
pub(super) async fn tidy(app: App, shutdown: CancellationToken) -> Result<(), StartError> {
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
                tracing::warn!(error = %with_causes(&error), "old rows could not be removed; it is tried again");
            }
        }
        if let Err(error) = ledger::prune(&app.ledger, store, &app.retention, now).await {
            tracing::warn!(error = %with_causes(&error), "entries of the ledger past their retention could not be removed; it is tried again");
        }
        app.shelf.clear();
        if matches!(users::count(store).await, Ok(1..)) {
            app.forget_set_up_code().await;
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
