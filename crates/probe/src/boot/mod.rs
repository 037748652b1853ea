//! Section `boot`.

mod firmware;
mod loader;

use std::collections::BTreeMap;

use host::Door;
use model::Fact;
use model::facts::boot::{Boot, CpuWeakness};

use crate::fact::{IntoFact, reason};
use crate::{Context, kernel};

/// The most parameters of the command line that are kept; the kernel takes 4 KiB.
const MOST: usize = 300;

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Boot> {
    let door = &cx.door;
    let parameters = parameters(door);
    Fact::known(Boot {
        firmware: firmware::kind(door),
        secure_boot: firmware::secure_boot(door),
        setup_mode: firmware::setup_mode(door),
        tpm: firmware::tpm(door),
        measured_boot_log: firmware::measured_boot_log(door),
        firmware_passwords: firmware::passwords(door),
        case_sensors: firmware::case_sensors(door),
        loader: loader::read(door),
        lockdown: lockdown(door),
        security_modules: security_modules(door),
        module_signatures_enforced: signatures(door, &parameters),
        crash_kernel_loaded: flag(door, "/sys/kernel/kexec_crash_loaded"),
        cpu_weaknesses: weaknesses(door),
        parameters,
    })
}

/// A file that holds 0 or 1, Y or N.
fn flag(door: &Door, path: &str) -> Fact<bool> {
    kernel::read(door, path).into_fact(door).and_then(|text| match text.as_str() {
        "1" | "Y" => Fact::read_at(true, path),
        "0" | "N" => Fact::read_at(false, path),
        _ => Fact::unreadable(format!("{path} holds neither 0 nor 1")),
    })
}

fn parameters(door: &Door) -> Fact<BTreeMap<String, String>> {
    let path = "/proc/cmdline";
    kernel::read(door, path).into_fact(door).and_then(|line| {
        let pairs = words(&line).into_iter().take_while(|word| word != "--").take(MOST).map(|word| {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), value.trim_matches('"').to_owned()),
                None => (word, "true".to_owned()),
            };
            let lower = name.to_ascii_lowercase();
            let secret = ["pass", "secret", "token", "auth"].iter().any(|mark| lower.contains(mark));
            (name, if secret { "(left out)".to_owned() } else { value })
        });
        Fact::read_at(pairs.collect(), path)
    })
}

/// Words as the kernel splits them: white space within quotes does not count.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        quoted ^= c == '"';
        if c.is_whitespace() && !quoted {
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// `none [integrity] confidentiality`: the one in brackets holds.
fn lockdown(door: &Door) -> Fact<String> {
    let path = "/sys/kernel/security/lockdown";
    kernel::read(door, path).into_fact(door).and_then(|text| {
        match text.split_once('[').and_then(|(_, rest)| rest.split_once(']')) {
            Some((mode, _)) => Fact::read_at(mode.to_owned(), path),
            None => Fact::unreadable(format!("{path} names no mode")),
        }
    })
}

fn security_modules(door: &Door) -> Fact<Vec<String>> {
    let path = "/sys/kernel/security/lsm";
    kernel::read(door, path).into_fact(door).and_then(|text| {
        let names = text.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        Fact::read_at(names.collect(), path)
    })
}

/// The kernel's own word, or its lockdown, or that it loads no modules at all.
fn signatures(door: &Door, parameters: &Fact<BTreeMap<String, String>>) -> Fact<bool> {
    let path = "/sys/module/module/parameters/sig_enforce";
    let enforced = flag(door, path);
    if enforced.value() == Some(&true) {
        return enforced;
    }
    let locked = lockdown(door);
    if locked.value().is_some_and(|mode| mode != "none") {
        return Fact::read_at(true, "/sys/kernel/security/lockdown");
    }
    let disabled = flag(door, "/proc/sys/kernel/modules_disabled");
    if disabled.value() == Some(&true) {
        return Fact::read_at(true, "/proc/sys/kernel/modules_disabled");
    }
    let none = parameters.value().is_some_and(|parameters| parameters.contains_key("nomodule"));
    match (enforced, none) {
        (Fact::Absent, true) => Fact::read_at(true, "/proc (this kernel loads no modules)"),
        // A kernel built without signature checks has no such file.
        (Fact::Absent, false) => Fact::read_at(false, format!("{path} does not exist")),
        (other, _) => other,
    }
}

fn weaknesses(door: &Door) -> Fact<Vec<CpuWeakness>> {
    let folder = "/sys/devices/system/cpu/vulnerabilities";
    kernel::names(door, folder).into_fact(door).and_then(|names| {
        let mut found = Vec::new();
        for name in names {
            let source = format!("{folder}/{name}");
            match kernel::read(door, &source) {
                Ok(status) => found.push(CpuWeakness {
                    vulnerable: status.starts_with("Vulnerable") || status.starts_with("KVM: Vulnerable"),
                    name,
                    status: status.chars().take(200).collect(),
                    source,
                }),
                Err(error) => return Fact::unreadable(reason(&error, door)),
            }
        }
        Fact::read_at(found, folder)
    })
}

#[cfg(test)]
mod tests;
