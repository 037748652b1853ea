//! What the server says of itself in `status.json`, for the audit of its own machine: values in force, and how users and
//! roles stand. Names and counts; never a secret.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use model::Fact;
use model::facts::palisade::{
    AuditLogs, BruteForce, Certificate, Ledger, Mail, Passwords, Published, Sessions, State, Target,
};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::causes::with_causes;
use crate::config::{Config, Effective, Span};
use crate::identity::survey::{Survey, survey};
use crate::ledger::review;
use crate::pki::Pki;
use crate::posture::targets;
use crate::state::{self, StateError};
use crate::store::StoreError;

#[cfg(test)]
mod tests;

/// How often it is written.
const EVERY: Duration = Duration::from_secs(Published::EVERY_SECONDS.unsigned_abs());

const DAY: u64 = 24 * 60 * 60;

/// What keeps the server from saying how it stands.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
    /// It cannot be written down.
    #[error("the server's own state cannot be written as JSON; this is a bug")]
    Json(#[from] serde_json::Error),
    /// The task that writes ended.
    #[error("writing the server's own state ended unexpectedly; this is a bug")]
    Task(#[from] tokio::task::JoinError),
}

/// Writes the document.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    app: App,
    pki: Arc<Pki>,
    directory: PathBuf,
    /// What does not change while the server runs.
    settled: State,
}

impl Status {
    /// What `config` settles is taken up once.
    pub(crate) fn new(config: &Config, app: &App, pki: &Arc<Pki>) -> Self {
        let settled = State {
            version: Fact::known(app.version.to_owned()),
            address: Fact::known(app.origin.clone()),
            started_at: Fact::known(app.started_at.to_string()),
            ..settled(config, &app.effective)
        };
        Self { app: app.clone(), pki: Arc::clone(pki), directory: config.server.state_dir.clone(), settled }
    }

    /// Writes how things stand now.
    ///
    /// # Errors
    /// When the database or the state directory does not answer; what was written before stays.
    pub(crate) async fn publish(&self) -> Result<(), StatusError> {
        let now = self.app.now();
        let survey = survey(self.app.store(), now).await?;
        let targets = targets::latest(self.app.store()).await?;
        let (reviewed, due) = review::due(self.app.store()).await?;
        let ledger = ledger(&self.app, reviewed, due);
        let certificate = Certificate {
            own: Fact::known(self.pki.ca_pem().is_some()),
            ends_at: Fact::known(self.pki.until().to_string()),
        };
        let state = State {
            certificate: Fact::known(certificate),
            ledger: Fact::known(ledger),
            ..with(self.settled.clone(), survey, targets, now)
        };
        let text = text(state, now)?;
        let directory = self.directory.clone();
        tokio::task::spawn_blocking(move || state::publish(&directory, Published::FILE, &text)).await??;
        Ok(())
    }

    /// Writes it again and again until `shutdown`, and once more then.
    pub(crate) async fn keep(self, shutdown: CancellationToken) {
        loop {
            let goes_on = tokio::select! {
                () = shutdown.cancelled() => false,
                () = tokio::time::sleep(EVERY) => true,
            };
            if let Err(error) = self.publish().await {
                tracing::warn!(error = %with_causes(&error), "the server's own state could not be written; it is tried again");
            }
            if !goes_on {
                return;
            }
        }
    }
}

/// The values in force.
fn settled(config: &Config, effective: &Effective) -> State {
    let count = |count: crate::config::Count| Fact::known(i64::from(count.get()));
    let limits = &config.brute_force;
    let brute_force = BruteForce {
        max_attempts_by_ip_and_username: count(limits.max_attempts_by_ip_and_username),
        max_attempts_by_ip_and_username_node_users: count(limits.max_attempts_by_ip_and_username_node_users),
        max_attempts_by_ip_and_username_dashboard_users: count(
            limits.max_attempts_by_ip_and_username_dashboard_users,
        ),
        max_attempts_by_ip_and_username_validate_token: count(
            limits.max_attempts_by_ip_and_username_validate_token,
        ),
        max_attempts_by_ip_and_username_verify_log_agent: count(
            limits.max_attempts_by_ip_and_username_verify_log_agent,
        ),
        max_attempts_by_ip_and_username_ws_tunnel: count(limits.max_attempts_by_ip_and_username_ws_tunnel),
        max_attempts_by_ip_and_username_mfa_validation: count(
            limits.max_attempts_by_ip_and_username_mfa_validation,
        ),
        reset_attempts_interval_by_ip_and_username: seconds(limits.reset_attempts_interval_by_ip_and_username),
        block_duration_by_ip_and_username: seconds(limits.block_duration_by_ip_and_username),
        max_attempts_by_ip: count(limits.max_attempts_by_ip),
        reset_attempts_interval_by_ip: seconds(limits.reset_attempts_interval_by_ip),
        block_duration_by_ip: seconds(limits.block_duration_by_ip),
    };
    let passwords = &config.passwords;
    State {
        brute_force: Fact::known(brute_force),
        mfa_enabled: Fact::known(config.mfa.mfa_enabled),
        sessions: Fact::known(Sessions {
            idle_lock_seconds: seconds(config.sessions.idle_lock),
            lifetime_seconds: seconds(config.sessions.absolute_lifetime),
            max_per_user: count(config.sessions.max_per_user),
        }),
        passwords: Fact::known(Passwords {
            min_length: count(passwords.min_length),
            min_strength: count(passwords.min_strength),
            // The built-in list cannot be switched off.
            known_bad_refused: Fact::known(true),
            history: count(passwords.history),
            max_age_days: passwords.max_age.map_or(Fact::Absent, days),
        }),
        notice: Fact::known(!config.sessions.use_notice.as_str().is_empty()),
        audit_logs: Fact::known(AuditLogs {
            file_warm_state_retention_policy_audit_ms: days(
                config.audit_logs.file_warm_state_retention_policy_audit_ms,
            ),
            file_warm_state_retention_policy_security_auditlog: days(
                config.audit_logs.file_warm_state_retention_policy_security_auditlog,
            ),
            file_warm_state_retention_policy_audit_docker_log: days(
                config.audit_logs.file_warm_state_retention_policy_audit_docker_log,
            ),
        }),
        remote_session_seconds: seconds(config.remote_connection.session_duration),
        mail: Fact::from_option(config.mail.host.as_ref().map(|host| Mail {
            host: Fact::known(host.to_string()),
            port: count(config.mail.port),
            tls: Fact::known(config.mail.tls.as_str().to_owned()),
        })),
        weakened_by: Fact::known(weakened_by(effective)),
        ..State::default()
    }
}

/// What weakens the server and no fact of its own tells: what a requirement names has one, and so have sessions.
fn weakened_by(effective: &Effective) -> Vec<String> {
    let told_apart = |section: &str| section == "sessions";
    effective
        .settings
        .iter()
        .filter(|setting| setting.guide.is_none() && !told_apart(&setting.section))
        .filter_map(|setting| Some(format!("{}: {}", setting.key(), setting.danger.as_ref()?.reason)))
        .collect()
}

/// How the ledger is at this moment.
fn ledger(app: &App, reviewed: Option<Timestamp>, due: Option<Timestamp>) -> Ledger {
    let time = |time: Option<Timestamp>| Fact::from_option(time.map(|time| time.to_string()));
    let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let checkup = app.ledger.checkup();
    let room = app.ledger.room().filter(|room| room.total.is_some());
    Ledger {
        checked_at: time(checkup.as_ref().map(|checkup| checkup.ended_at)),
        faults: Fact::from_option(checkup.map(|checkup| number(checkup.faults))),
        percent: Fact::from_option(room.map(|room| number(room.percent()))),
        reviewed_at: time(reviewed),
        review_due_at: time(due),
    }
}

/// The same with what is so at this moment.
fn with(settled: State, survey: Survey, targets: Vec<(String, Timestamp)>, now: Timestamp) -> State {
    let time = |time: Option<Timestamp>| Fact::from_option(time.map(|time| time.to_string()));
    let targets: Vec<Target> = targets
        .into_iter()
        .map(|(name, at)| Target { name, reported_at: Fact::known(at.to_string()) })
        .collect();
    State {
        written_at: Fact::known(now.to_string()),
        users: Fact::known(i64::try_from(survey.users).unwrap_or(i64::MAX)),
        set_up_open: Fact::known(survey.users == 0),
        administrators: list(survey.administrators),
        administrators_without_second_factor: list(survey.administrators_without_factor),
        users_without_second_factor: list(survey.without_factor),
        guessable_names: list(survey.guessable),
        idle_users: list(survey.idle),
        idle_tokens: list(survey.idle_tokens),
        workload_managers: list(survey.workload_managers),
        connection_managers: list(survey.connection_managers),
        changed_roles: list(survey.changed_roles),
        reviewed_at: time(survey.reviewed_at),
        review_due_at: time(survey.review_due_at),
        targets: list(targets),
        ..settled
    }
}

/// A list that the document has room for; of a longer one nothing is said, since a part of it would prove nothing.
fn list<T>(items: Vec<T>) -> Fact<Vec<T>> {
    if items.len() <= Published::MOST_NAMES { Fact::known(items) } else { Fact::default() }
}

fn seconds(span: Span) -> Fact<i64> {
    Fact::known(i64::try_from(span.seconds()).unwrap_or(i64::MAX))
}

fn days(span: Span) -> Fact<i64> {
    Fact::known(i64::try_from(span.seconds() / DAY).unwrap_or(i64::MAX))
}

/// The document's text: what is not known is left out.
fn text(state: State, now: Timestamp) -> Result<String, serde_json::Error> {
    let published = Published { schema: Published::SCHEMA.to_owned(), written_at: now.to_string(), state };
    let (mut places, mut reasons) = (BTreeMap::new(), BTreeMap::new());
    let plain = model::fact::split(serde_json::to_value(published)?, "", &mut places, &mut reasons);
    let mut text = serde_json::to_string_pretty(&plain)?;
    text.push('\n');
    Ok(text)
}
