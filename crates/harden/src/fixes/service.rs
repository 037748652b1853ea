//! Services that must run, and services that must not.

use regex::Regex;
use serde::Deserialize;

use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, Use, accepts};
use crate::unit;

pub(super) const ON: Fix = Fix {
    id: "service-on",
    title: "Start services that must run, now and at every boot",
    changes: "links in /etc/systemd/system, as `systemctl enable` makes them, and whether the service runs",
    disruption: Disruption::None,
    may_break: "nothing; the service takes memory and does what it is set up for",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<On>,
    plan: on,
};

pub(super) const OFF: Fix = Fix {
    id: "service-off",
    title: "Stop services of old protocols and of discovery, and keep them from starting",
    changes: "links in /etc/systemd/system, as `systemctl disable` and `systemctl mask` make them, and whether they run",
    disruption: Disruption::Restart,
    may_break: "whoever uses the service: shares, printers, file transfers, devices that are found by themselves",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Off>,
    plan: off,
};

pub(super) const UNWANTED: Fix = Fix {
    id: "undeclared-service-off",
    title: "Stop services that the profile does not declare, and keep them from starting",
    changes: "links in /etc/systemd/system, as `systemctl disable` and `systemctl mask` make them, and whether they run",
    disruption: Disruption::Restart,
    may_break: "what this host is there for, when the profile forgot to declare it",
    opt_in: true,
    can_cut_off: true,
    accepts: accepts::<NoArgs>,
    plan: undeclared,
};

pub(super) const DATABASE: Fix = Fix {
    id: "data-service-off",
    title: "Stop web servers and databases beside the containers, and keep them from starting",
    changes: "links in /etc/systemd/system, as `systemctl disable` and `systemctl mask` make them, and whether they run",
    disruption: Disruption::Restart,
    may_break: "pages, applications and data that this host serves itself",
    opt_in: true,
    can_cut_off: false,
    accepts: accepts::<Off>,
    plan: off,
};

/// Without these nobody logs in or nothing starts; a profile that does not declare them is not finished.
const NEEDED: &[&str] = &[
    "ssh",
    "sshd",
    "dbus",
    "getty",
    "serial-getty",
    "console-getty",
    "network",
    "NetworkManager",
    "ifup",
    "wpa_supplicant",
    "dhcpcd",
    "polkit",
    "cloud-",
    "apparmor",
    "nftables",
    "firewalld",
    "ufw",
    "auditd",
    "docker",
    "containerd",
    "palisade",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct On {
    /// Units of which the first that is installed is switched on.
    any: Vec<String>,
    /// The package to install when none is.
    package: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Off {
    /// Regular expression of unit names.
    names: String,
}

fn on(ask: &Ask<'_>, draft: &mut Draft) {
    ask.each(draft, |one, args: On, draft| {
        if let Some(reason) = unit::no_manager(ask.facts) {
            return draft.refuse(one, reason);
        }
        let Some(unit) = args.any.iter().find_map(|name| unit::find(ask.facts, name)) else {
            let package = args.package;
            let reason =
                format!("{package} is not installed: run `apt-get install {package}`, then harden again");
            return draft.refuse(one, reason);
        };
        if let Err(reason) = unit::switch_on(unit, draft) {
            draft.refuse(one, reason);
        }
    });
}

fn off(ask: &Ask<'_>, draft: &mut Draft) {
    ask.each(draft, |one, args: Off, draft| {
        let pattern = match Regex::new(&args.names) {
            Ok(pattern) => pattern,
            Err(error) => return draft.refuse(one, format!("`names` is no regular expression: {error}")),
        };
        switch_off(ask, one, |name| pattern.is_match(name), draft);
    });
}

fn undeclared(ask: &Ask<'_>, draft: &mut Draft) {
    for one in ask.uses {
        if NEEDED.iter().any(|name| one.subject.starts_with(name)) || one.subject.starts_with("systemd-") {
            let reason = "a host without it may not be reachable any more: declare it in services, or switch it off by hand";
            draft.refuse(one, reason);
        } else {
            switch_off(ask, one, |name| name == one.subject, draft);
        }
    }
}

fn switch_off(ask: &Ask<'_>, one: &Use, meant: impl Fn(&str) -> bool, draft: &mut Draft) {
    if let Some(reason) = unit::no_manager(ask.facts) {
        return draft.refuse(one, reason);
    }
    let units = ask.facts.services.value().and_then(|services| services.units.value());
    for unit in units.into_iter().flatten().filter(|unit| unit.kind != "timer" && meant(&unit.name)) {
        if unit.alias_of.value().is_none() && (unit.enabled || unit.active.value() == Some(&true)) {
            unit::switch_off(unit, draft);
        }
    }
}
