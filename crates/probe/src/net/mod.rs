//! Section `net`: interfaces, kernel settings and modules, mounts, name resolution, proxies.

mod addresses;
mod core_dumps;
mod dns;
mod interfaces;
mod modules;
mod mounts;
mod proxies;
mod sysctl;
#[cfg(test)]
mod tests;

use model::Fact;
use model::facts::net::Net;

use crate::Context;
pub(crate) use addresses::interfaces_by_address;
pub use addresses::{local_v4, local_v6};
pub use proxies::without_login;
pub use sysctl::parse as parse_sysctl;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Net> {
    let door = &cx.door;
    let sysctl = sysctl::settings(door);
    let pattern = sysctl.get("kernel.core_pattern").map_or(Fact::Absent, |setting| setting.value.clone());
    Fact::known(Net {
        interfaces: interfaces::interfaces(door),
        gateways: interfaces::gateways(door),
        modules: modules::modules(door),
        mounts: mounts::mounts(door),
        core_dumps: core_dumps::core_dumps(door, &pattern),
        dns: dns::dns(door),
        proxies: proxies::proxies(door),
        radios: interfaces::radios(door),
        sysctl,
    })
}
