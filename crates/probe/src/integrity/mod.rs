//! Section `integrity`.

mod checkers;
mod detectors;

use host::Door;
use model::Fact;
use model::facts::integrity::{Ima, Integrity};

use crate::Context;
use crate::fact::reason;
use crate::kernel;
use crate::processes::Processes;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Integrity> {
    let door = &cx.door;
    let processes = Processes::read(door);
    Fact::known(Integrity {
        checkers: checkers::read(door, &processes).or_at("the places of known programs"),
        detectors: Fact::read_at(detectors::read(door, &processes), "the places of known programs"),
        ima: ima(door),
    })
}

/// The kernel's list always has one entry, the boot aggregate; a policy adds more.
fn ima(door: &Door) -> Fact<Ima> {
    let path = "/sys/kernel/security/ima/runtime_measurements_count";
    match kernel::read(door, path) {
        Ok(text) => match text.parse::<u64>() {
            Ok(count) if count > 1 => {
                let parameters = kernel::read(door, "/proc/cmdline").unwrap_or_default();
                let appraises = parameters
                    .split_ascii_whitespace()
                    .any(|word| matches!(word, "ima_appraise=enforce" | "ima_policy=appraise_tcb"));
                let ima = Ima {
                    measurements: Fact::read_at(count, path),
                    appraises: Fact::read_at(appraises, "/proc/cmdline"),
                };
                Fact::read_at(ima, path)
            }
            Ok(_) => Fact::Absent,
            Err(_) => Fact::unreadable(format!("{path} holds no number")),
        },
        Err(error) if error.is_not_found() => Fact::Absent,
        Err(error) => Fact::unreadable(reason(&error, door)),
    }
}

#[cfg(test)]
mod tests;
