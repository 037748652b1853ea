//! Every fix, in the order in which plans show them.

mod ssh_banner;
mod ssh_key_access;
mod ssh_keys_quarantine;
mod ssh_login_group;
mod sshd;
mod sshd_algorithms;
mod sshd_option;

use crate::fix::Fix;

/// All fixes. A rule names one by its id; a test demands that every fix is named by some rule, and shows that it works.
pub const ALL: &[&Fix] = &[
    &sshd_option::FIX,
    &sshd_option::WITHOUT_PAM,
    &ssh_login_group::FIX,
    &ssh_banner::FIX,
    &ssh_keys_quarantine::FIX,
    &ssh_key_access::FIX,
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
