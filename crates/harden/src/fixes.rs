//! Every fix, in the order in which plans show them.

mod audit;
mod audit_timer;
mod auditd_setting;
mod boot_target;
mod core_dumps;
mod cron_access;
mod drop_in;
mod journald_setting;
mod kernel_module;
mod log_copy;
mod log_setting;
mod mount_option;
mod service;
mod sshd_option;
mod storage_watch;
mod sysctl;
mod time_source;
mod unattended_upgrades;

use crate::fix::Fix;

/// All fixes. A rule names one by its id; a test demands that every fix is named by some rule, and shows that it works.
pub const ALL: &[&Fix] = &[
    &sshd_option::FIX,
    &sysctl::FIX,
    &sysctl::PRIVILEGED,
    &sysctl::AT_BOOT,
    // The kernel sets what redirects do whenever routing begins or ends, so routing comes first.
    &sysctl::ROUTING,
    &sysctl::NETWORK,
    &kernel_module::FIX,
    &kernel_module::DEVICE,
    &mount_option::FIX,
    &mount_option::PROCESSES,
    &core_dumps::FIX,
    &service::ON,
    &service::OFF,
    &service::DATABASE,
    &service::UNWANTED,
    &boot_target::FIX,
    &time_source::SERVICE,
    &time_source::FIX,
    &unattended_upgrades::FIX,
    &cron_access::FIX,
    &journald_setting::FIX,
    &log_setting::RSYSLOG,
    &log_setting::ROTATION,
    &log_setting::RECORDS,
    &log_copy::FIX,
    &storage_watch::FIX,
    &auditd_setting::FIX,
    &log_setting::AUDIT_LOG,
    &audit::PERSIST,
    &audit::WATCH,
    &audit::SITE,
    &audit::ACTIVITY,
    &audit::LOAD,
    &audit::SETTING,
    &audit::IMMUTABLE,
    &audit_timer::FIX,
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
