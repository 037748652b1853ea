//! Section `palisade`: Management Systems of Palisade on the host: their files as the host shows them, and their state as they
//! publish it themselves.
//!
//! What only the server knows (values in force, users, reviews) it writes into `status.json` of its state directory, each
//! minute; [`Published`] is that document. It holds names and counts, never a secret.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Fact;

/// Section `palisade`. Absent where no Management System runs and none left its state.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Palisade {
    /// The Management Systems: those that run, and one that does not and whose state is in the usual place.
    pub servers: Fact<Vec<Server>>,
}

/// One Management System.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Server {
    /// Its state directory.
    pub name: String,
    /// Its process; absent when it does not run.
    pub pid: Fact<u32>,
    /// The user it runs as; absent when it does not run.
    pub uid: Fact<u32>,
    /// Its configuration file, and the file from which the service manager hands it over; empty without one.
    pub configuration: Fact<Vec<ServerFile>>,
    /// The state directory and what stands in it and in its folder `pki`.
    pub files: Fact<Vec<ServerFile>>,
    /// What it says of itself. Unreadable when a running server has not said it lately.
    pub state: Fact<State>,
    /// Where it was read: its `status.json`.
    pub source: String,
}

/// A file or folder, and who may do what with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ServerFile {
    /// Its path.
    pub path: String,
    /// Permission bits, `0600`.
    pub mode: String,
    /// Its owner's number.
    pub uid: u32,
    /// Whether it belongs to root or to the user that the server runs as.
    pub owner_trusted: bool,
    /// Whether its group may do anything with it.
    pub group_access: bool,
    /// Whether users outside of its group may do anything with it.
    pub others_access: bool,
    /// Whether anybody but its owner may change it.
    pub others_write: bool,
}

/// The document `status.json`. A reader tolerates fields that it does not know; what is missing is unknown to it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Published {
    /// [`Published::SCHEMA`].
    pub schema: String,
    /// When it was written, RFC 3339.
    pub written_at: String,
    /// The state at that time.
    pub state: State,
}

impl Published {
    /// The file's name within the state directory.
    pub const FILE: &'static str = "status.json";
    /// The document's form.
    pub const SCHEMA: &'static str = "palisade.status/1";
    /// How often a running server writes it, in seconds.
    pub const EVERY_SECONDS: i64 = 60;
    /// When it is too old to say anything of a server that runs, in seconds.
    pub const STALE_SECONDS: i64 = 5 * Self::EVERY_SECONDS;
    /// The most bytes of it: a thousand names in every list.
    pub const MOST_BYTES: usize = 1 << 20;
    /// The most names in one list; a longer one is left out, and nothing is said of it.
    pub const MOST_NAMES: usize = 1000;
}

/// What a Management System knows of itself.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct State {
    /// Its version.
    pub version: Fact<String>,
    /// The address that browsers are pointed to.
    pub address: Fact<String>,
    /// When it started, RFC 3339.
    pub started_at: Fact<String>,
    /// When this was so, RFC 3339.
    pub written_at: Fact<String>,
    /// The limits of wrong credentials in force.
    pub brute_force: Fact<BruteForce>,
    /// `mfa.mfa_enabled`: whether everybody needs a second factor.
    pub mfa_enabled: Fact<bool>,
    /// Limits of sessions.
    pub sessions: Fact<Sessions>,
    /// What a password must be.
    pub passwords: Fact<Passwords>,
    /// Whether a notice is shown before the login.
    pub notice: Fact<bool>,
    /// `remote_connection.session_duration` in seconds.
    pub remote_session_seconds: Fact<i64>,
    /// The mail server; absent when there is none.
    pub mail: Fact<Mail>,
    /// How long records are kept, in days.
    pub audit_logs: Fact<AuditLogs>,
    /// How its ledger is.
    pub ledger: Fact<Ledger>,
    /// Parameters that no requirement names and that weaken the server as they are set, `log.level: why`.
    pub weakened_by: Fact<Vec<String>>,
    /// The certificate of the pages.
    pub certificate: Fact<Certificate>,
    /// How many users there are, deactivated ones too.
    pub users: Fact<i64>,
    /// Whether the first administrator is yet to be made.
    pub set_up_open: Fact<bool>,
    /// Names of users who are not deactivated and hold the role `administrator`.
    pub administrators: Fact<Vec<String>>,
    /// Names of active users who may change users or roles and have no second factor.
    pub administrators_without_second_factor: Fact<Vec<String>>,
    /// Names of active users without second factor.
    pub users_without_second_factor: Fact<Vec<String>>,
    /// Names of users that are what everybody tries first: `admin`, `root`.
    pub guessable_names: Fact<Vec<String>>,
    /// Names of users who are not deactivated and did not log in for 90 days, or never since they were made so long ago.
    pub idle_users: Fact<Vec<String>>,
    /// API tokens that are in force and were not used for 90 days, `OWNER: NAME`.
    pub idle_tokens: Fact<Vec<String>>,
    /// Names of users who may make, configure and deploy workloads, on any node.
    pub workload_managers: Fact<Vec<String>>,
    /// Names of users who may configure or open remote connections, to any node.
    pub connection_managers: Fact<Vec<String>>,
    /// Built-in roles that do not permit exactly what this version says.
    pub changed_roles: Fact<Vec<String>>,
    /// When the latest access review was signed, RFC 3339; absent when there was none.
    pub reviewed_at: Fact<String>,
    /// When the next access review is due, RFC 3339; absent while there is nobody to review.
    pub review_due_at: Fact<String>,
    /// What it has reports of.
    pub targets: Fact<Vec<Target>>,
}

/// The parameters of section `brute_force`: counts, and durations in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BruteForce {
    /// Failed logins of one user name from one address.
    pub max_attempts_by_ip_and_username: Fact<i64>,
    /// The same on a node.
    pub max_attempts_by_ip_and_username_node_users: Fact<i64>,
    /// The same on a dashboard.
    pub max_attempts_by_ip_and_username_dashboard_users: Fact<i64>,
    /// The same of API tokens.
    pub max_attempts_by_ip_and_username_validate_token: Fact<i64>,
    /// The same of log agents.
    pub max_attempts_by_ip_and_username_verify_log_agent: Fact<i64>,
    /// The same of tunnels.
    pub max_attempts_by_ip_and_username_ws_tunnel: Fact<i64>,
    /// The same of second factors.
    pub max_attempts_by_ip_and_username_mfa_validation: Fact<i64>,
    /// How long the failures of a pair are counted.
    pub reset_attempts_interval_by_ip_and_username: Fact<i64>,
    /// How long a pair stays blocked.
    pub block_duration_by_ip_and_username: Fact<i64>,
    /// Failures from one address.
    pub max_attempts_by_ip: Fact<i64>,
    /// How long the failures of an address are counted.
    pub reset_attempts_interval_by_ip: Fact<i64>,
    /// How long an address stays blocked.
    pub block_duration_by_ip: Fact<i64>,
}

/// Limits of sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Sessions {
    /// Seconds without a request after which a session is locked.
    pub idle_lock_seconds: Fact<i64>,
    /// Seconds after which a session ends whatever happens.
    pub lifetime_seconds: Fact<i64>,
    /// Sessions of one user at a time.
    pub max_per_user: Fact<i64>,
}

/// What a password must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Passwords {
    /// Fewest characters.
    pub min_length: Fact<i64>,
    /// Least strength by the estimator, 0 to 4.
    pub min_strength: Fact<i64>,
    /// Whether passwords of a list of known ones are refused.
    pub known_bad_refused: Fact<bool>,
    /// How many earlier passwords may not be taken again.
    pub history: Fact<i64>,
    /// Days after which one must be changed; absent: never.
    pub max_age_days: Fact<i64>,
}

/// How long records are kept, in days, by the guide's names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AuditLogs {
    /// Records of the Management System.
    pub file_warm_state_retention_policy_audit_ms: Fact<i64>,
    /// Records of nodes.
    pub file_warm_state_retention_policy_security_auditlog: Fact<i64>,
    /// Records of workloads.
    pub file_warm_state_retention_policy_audit_docker_log: Fact<i64>,
}

/// The ledger: the tamper-evident log of what happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Ledger {
    /// When the server checked it last, RFC 3339; absent before the first check.
    pub checked_at: Fact<String>,
    /// Faults that this check found; absent before the first check.
    pub faults: Fact<i64>,
    /// How much of its room is taken, in percent; absent where nobody knows.
    pub percent: Fact<i64>,
    /// When the latest review of it was signed, RFC 3339; absent when there was none.
    pub reviewed_at: Fact<String>,
    /// When the next review of it is due, RFC 3339; absent while there is nobody to review.
    pub review_due_at: Fact<String>,
}

/// The mail server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Mail {
    /// Its name.
    pub host: Fact<String>,
    /// Its port.
    pub port: Fact<i64>,
    /// `starttls` or `tls`.
    pub tls: Fact<String>,
}

/// The certificate of the pages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Certificate {
    /// Whether the server's own authority issued it, and renews it by itself.
    pub own: Fact<bool>,
    /// End of validity, RFC 3339.
    pub ends_at: Fact<String>,
}

/// What the server has reports of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// When the newest report was made, RFC 3339.
    pub reported_at: Fact<String>,
}
