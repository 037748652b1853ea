//! Every fix, in the order in which plans show them.

mod compose;
mod compose_ports;
mod compose_secrets;
mod compose_service;
mod container_limits;
mod container_restart;
mod docker_access;
mod docker_setting;
mod docker_trust;
mod sshd_option;

use crate::fix::Fix;

/// All fixes. A rule names one by its id; a test demands that every fix is named by some rule, and shows that it works.
pub const ALL: &[&Fix] = &[
    &sshd_option::FIX,
    &docker_setting::LIVE_RESTORE,
    &docker_setting::FIX,
    &docker_setting::USER_NAMESPACES,
    &docker_access::FIX,
    &docker_trust::FIX,
    &container_limits::FIX,
    &container_restart::FIX,
    &compose_service::LOGGING,
    &compose_service::HARDENING,
    &compose_ports::FIX,
    &compose_secrets::FIX,
];

/// The fix of that name.
pub fn find(id: &str) -> Option<&'static Fix> {
    ALL.iter().find(|fix| fix.id == id).copied()
}

/// Whether what a rule says of its fix can be carried out: `{id: arguments}`.
///
/// # Errors
/// What is wrong with it.
pub fn check(spec: &serde_json::Value) -> Result<(), String> {
    let named = spec.as_object().filter(|map| map.len() == 1).and_then(|map| map.iter().next());
    let (id, args) = named.ok_or("a fix is written as {name: {arguments}}")?;
    let fix = find(id).ok_or_else(|| format!("there is no fix `{id}`"))?;
    (fix.accepts)(args)
}
