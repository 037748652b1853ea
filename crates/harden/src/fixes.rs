//! Every fix, in the order in which plans show them.

mod access;
mod account_inactivity;
mod account_lock;
mod audit;
mod audit_timer;
mod auditd_setting;
mod boot_target;
mod codesys_setting;
mod compose;
mod compose_ports;
mod compose_secrets;
mod compose_service;
mod container_limits;
mod container_restart;
mod core_dumps;
mod cron_access;
mod docker_access;
mod docker_setting;
mod docker_trust;
mod drop_in;
mod empty_passwords;
mod faillock;
mod file_access;
mod firewall;
mod firewall_table;
mod group_members;
mod home_access;
mod journald_setting;
mod kernel_module;
mod leftovers;
mod log_access;
mod log_copy;
mod log_setting;
mod login_defs;
mod mount_option;
mod node_egress;
mod pam;
mod password_age;
mod password_hashing;
mod password_history;
mod password_quality;
mod people;
mod root_lock;
mod scalar;
mod secret_access;
mod service;
mod service_loopback;
mod setuid_drop;
mod shell_timeout;
mod ssh_banner;
mod ssh_key_access;
mod ssh_keys_quarantine;
mod ssh_login_group;
mod sshd;
mod sshd_algorithms;
mod sshd_option;
mod storage_watch;
mod su_restricted;
mod sudo_defaults;
mod sudo_password;
mod sysctl;
mod system_shell;
mod time_source;
mod trust_files;
mod umask;
mod unattended_upgrades;
mod web;
mod web_headers;
mod web_methods;
mod web_tls;
mod web_tokens;
mod world_writable;

use crate::fix::Fix;

/// All fixes. A rule names one by its id; a test demands that every fix is named by some rule, and shows that it works.
pub const ALL: &[&Fix] = &[
    &sshd_option::FIX,
    &sshd_option::WITHOUT_PAM,
    &ssh_login_group::FIX,
    &ssh_banner::FIX,
    &ssh_keys_quarantine::FIX,
    &ssh_key_access::FIX,
    &login_defs::FIX,
    &password_quality::FIX,
    &password_history::FIX,
    &password_hashing::FIX,
    &empty_passwords::FIX,
    &faillock::FIX,
    &password_age::FIX,
    &account_inactivity::FIX,
    &account_lock::FIX,
    &root_lock::FIX,
    &system_shell::FIX,
    &group_members::FIX,
    &sudo_password::FIX,
    &sudo_defaults::FIX,
    &su_restricted::FIX,
    &shell_timeout::FIX,
    &umask::FIX,
    &home_access::FIX,
    &trust_files::FIX,
    &file_access::FIX,
    &secret_access::FIX,
    &log_access::FIX,
    &world_writable::FIX,
    &setuid_drop::FIX,
    &leftovers::FIX,
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
    &firewall_table::FIX,
    &node_egress::FIX,
    &web_tls::FIX,
    &web_headers::FIX,
    &web_headers::POLICY,
    &web_tokens::FIX,
    &web_methods::FIX,
    &web_methods::LISTING,
    &service_loopback::FIX,
    &service_loopback::BROKER,
    &codesys_setting::FIX,
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
