//! Every fix, in the order in which plans show them.

mod codesys_setting;
mod firewall;
mod firewall_table;
mod node_egress;
mod service_loopback;
mod sshd_option;
mod web;
mod web_headers;
mod web_methods;
mod web_tls;
mod web_tokens;

use crate::fix::Fix;

/// All fixes. A rule names one by its id; a test demands that every fix is named by some rule, and shows that it works.
pub const ALL: &[&Fix] = &[
    &sshd_option::FIX,
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
