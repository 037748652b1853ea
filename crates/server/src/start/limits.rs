//! From the configuration to the bounds that the parts of the server keep.

use std::path::Path;

use crate::config::{Config, Database, ForwardedHeader};
use crate::identity::gate::{Limit, Limits as GateLimits};
use crate::ledger::Retention;
use crate::ledger::room::Place;
use crate::serve::{self, ForwardedBy, Limits, TrustedProxies};

pub(super) fn retention(config: &Config) -> Retention {
    let logs = &config.audit_logs;
    Retention::new(
        logs.file_warm_state_retention_policy_audit_ms.get(),
        logs.file_warm_state_retention_policy_security_auditlog.get(),
        logs.file_warm_state_retention_policy_audit_docker_log.get(),
    )
}

/// Where the ledger finds its room.
pub(super) fn room(config: &Config) -> Place {
    let disk = match config.database() {
        Database::Sqlite(path) => path.parent().map(Path::to_owned),
        Database::Postgres(_) => None,
    };
    Place { capacity: config.audit_logs.capacity.bytes(), disk }
}

pub(super) fn gate_limits(config: &Config) -> GateLimits {
    let limits = &config.brute_force;
    let (window, block) = (
        limits.reset_attempts_interval_by_ip_and_username.get(),
        limits.block_duration_by_ip_and_username.get(),
    );
    let pair = [
        limits.max_attempts_by_ip_and_username,
        limits.max_attempts_by_ip_and_username_node_users,
        limits.max_attempts_by_ip_and_username_dashboard_users,
        limits.max_attempts_by_ip_and_username_validate_token,
        limits.max_attempts_by_ip_and_username_verify_log_agent,
        limits.max_attempts_by_ip_and_username_ws_tunnel,
        limits.max_attempts_by_ip_and_username_mfa_validation,
    ];
    GateLimits {
        pair: pair.map(|attempts| Limit { attempts: attempts.get(), window, block }),
        address: Limit {
            attempts: limits.max_attempts_by_ip.get(),
            window: limits.reset_attempts_interval_by_ip.get(),
            block: limits.block_duration_by_ip.get(),
        },
    }
}

pub(super) fn proxies(config: &Config) -> TrustedProxies {
    let by = match config.server.forwarded_header {
        ForwardedHeader::XForwardedFor => ForwardedBy::XForwardedFor,
        ForwardedHeader::Forwarded => ForwardedBy::Forwarded,
    };
    TrustedProxies::new(config.server.trusted_proxies.clone(), by)
}

pub(super) fn limits(config: &Config) -> Limits {
    let server = &config.server;
    Limits {
        connections: usize::try_from(server.max_connections.get()).unwrap_or(usize::MAX),
        handshake: server.handshake_timeout.get(),
        head: server.header_timeout.get(),
        keep_alive: server.idle_timeout.get(),
        exchange: server.request_timeout.get(),
        grace: server.shutdown_grace.get(),
        ..Limits::default()
    }
    .fitting(serve::open_files())
}
