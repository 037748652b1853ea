//! Kernel settings: in a file of our own that is read last, and at once.

use std::collections::BTreeMap;

use model::facts::net::Net;

use crate::change::{Act, Change, Edit, Live, Syntax};
use crate::fix::{Ask, Disruption, Draft, Fix, Use, accepts};

/// Files are read in the order of their names, wherever they stand, and the last one wins; `99-sysctl.conf` is a link to
/// /etc/sysctl.conf.
const FILE: &str = "/etc/sysctl.d/99-zz-palisade.conf";

const CHANGES: &str = "/etc/sysctl.d/99-zz-palisade.conf, lines of /etc/sysctl.conf that say otherwise, and the \
                       running kernel";

pub(super) const FIX: Fix = Fix {
    id: "sysctl",
    title: "Set kernel settings now and for every boot",
    changes: CHANGES,
    disruption: Disruption::None,
    may_break: "debuggers, tracers and browsers of ordinary users that look into the kernel or into other programs",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<BTreeMap<String, String>>,
    plan,
};

pub(super) const NETWORK: Fix = Fix {
    id: "sysctl-network",
    title: "Set the kernel's network settings now and for every boot",
    changes: CHANGES,
    disruption: Disruption::None,
    may_break: "hosts whose answers leave by another interface than the one where the questions came in",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<BTreeMap<String, String>>,
    plan,
};

pub(super) const ROUTING: Fix = Fix {
    id: "sysctl-routing",
    title: "Route no packets for others, and take no routes from others",
    changes: CHANGES,
    disruption: Disruption::None,
    may_break: "virtual machines, containers without Docker, VPN gateways, and IPv6 addresses that routers announce",
    opt_in: true,
    can_cut_off: true,
    accepts: accepts::<BTreeMap<String, String>>,
    plan,
};

pub(super) const PRIVILEGED: Fix = Fix {
    id: "sysctl-user-namespaces",
    title: "Let only administrators create user namespaces",
    changes: CHANGES,
    disruption: Disruption::None,
    may_break: "rootless containers, browsers and other programs that fence themselves in",
    opt_in: true,
    can_cut_off: false,
    accepts: accepts::<BTreeMap<String, String>>,
    plan,
};

pub(super) const AT_BOOT: Fix = Fix {
    id: "sysctl-at-boot",
    title: "Set kernel settings that the kernel never takes back at the next boot",
    changes: "/etc/sysctl.d/99-zz-palisade.conf; the running kernel stays as it is, so that the change can be undone",
    disruption: Disruption::Reboot,
    may_break: "loading another kernel without the firmware (kexec), also for crash dumps",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<BTreeMap<String, String>>,
    plan: |ask, draft| every(ask, draft, false),
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    every(ask, draft, true);
}

fn every(ask: &Ask<'_>, draft: &mut Draft, at_once: bool) {
    let Some(net) = ask.facts.net.value() else { return };
    let mut done = BTreeMap::new();
    ask.each(draft, |one, settings: BTreeMap<String, String>, draft| {
        for (pattern, value) in wanted(one, &settings) {
            for setting in Setting::all(&pattern, &one.subject) {
                if done.insert(setting.key(), value.clone()).is_none() {
                    persist(ask, &setting, &value, draft);
                    if at_once {
                        write(net, &setting, &value, draft);
                    }
                }
            }
        }
    });
}

/// The settings that mend a finding: one that is named for a setting is mended by that one alone.
fn wanted(one: &Use, settings: &BTreeMap<String, String>) -> Vec<(String, String)> {
    if let Some(value) = settings.get(&one.subject).or_else(|| settings.get("subject")) {
        return vec![(one.subject.clone(), value.clone())];
    }
    settings.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// The parts of a setting's name; an interface's name may hold dots.
struct Setting(Vec<String>);

impl Setting {
    /// `net.ipv4.conf.*.rp_filter` is the setting of all interfaces, of new ones, and of the one that fails.
    fn all(pattern: &str, subject: &str) -> Vec<Self> {
        let with = |name: &str| {
            let part = |part: &str| if part == "*" { name.to_owned() } else { part.to_owned() };
            Self(pattern.split('.').map(part).collect())
        };
        if pattern.split('.').any(|part| part == "*") {
            ["all", "default", subject].map(with).into()
        } else {
            vec![with("")]
        }
    }

    fn key(&self) -> String {
        let separator = if self.0.iter().any(|part| part.contains('.')) { "/" } else { "." };
        self.0.join(separator)
    }

    fn path(&self) -> String {
        format!("/proc/sys/{}", self.0.join("/"))
    }

    /// What it is now, where that is known.
    fn now<'n>(&self, net: &'n Net) -> Option<&'n str> {
        if let Some(known) = net.sysctl.get(&self.key()) {
            return known.live.value().map(String::as_str);
        }
        let [first, version, conf, interface, name] = self.0.as_slice() else { return None };
        if first != "net" || conf != "conf" {
            return None;
        }
        let interface = net.interfaces.value()?.iter().find(|known| known.name == *interface)?;
        interface.own.get(&format!("{version}.{name}")).map(String::as_str)
    }
}

/// Writes the line, and mends those that come after it and say otherwise.
fn persist(ask: &Ask<'_>, setting: &Setting, value: &str, draft: &mut Draft) {
    let key = setting.key();
    draft.change(Change::set(FILE, Syntax::Equals, None, &key, value));
    let Some(source) = ask.sources.get(&format!("net.sysctl[\"{key}\"].persisted")) else { return };
    let winner = source.excerpt.as_ref().map(|text| (&source.at, text));
    let places = source.overridden.iter().map(|place| (&place.at, &place.excerpt)).chain(winner);
    for (at, text) in places {
        let Some((file, _)) = at.rsplit_once(':') else { continue };
        let says = text.split_once('=').map(|(_, value)| value.trim());
        if file != FILE && comes_later(file) && says != Some(value) {
            draft.change(Change::Edit {
                file: file.to_owned(),
                mode: 0o644,
                edit: Edit::Replace { old: text.clone(), new: Some(format!("{key} = {value}")) },
            });
        }
    }
}

/// Whether a file is read after ours: `sysctl --system` takes /etc/sysctl.conf last, whatever leads to it.
fn comes_later(file: &str) -> bool {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    file == "/etc/sysctl.conf" || name(file) == "99-sysctl.conf" || name(file) > name(FILE)
}

fn write(net: &Net, setting: &Setting, value: &str, draft: &mut Draft) {
    let Some(now) = setting.now(net).filter(|now| *now != value) else { return };
    let key = setting.key();
    let act =
        |from: &str, to: &str| Act::Kernel { path: setting.path(), from: from.to_owned(), to: to.to_owned() };
    let (mut apply, mut undo) = (vec![act(now, value)], vec![act(value, now)]);
    if key == "net.ipv4.ip_forward"
        && let Some(redirects) =
            net.sysctl.get("net.ipv4.conf.all.accept_redirects").and_then(|setting| setting.live.value())
    {
        // Whenever the kernel starts or ends routing it sets this one by itself.
        let other = if redirects == "0" { "1" } else { "0" };
        let path = "/proc/sys/net/ipv4/conf/all/accept_redirects".to_owned();
        let back = Act::Kernel { path, from: other.to_owned(), to: redirects.clone() };
        apply.push(back.clone());
        undo.push(back);
    }
    draft.change(Change::Live(Live { what: format!("{key}: {now} -> {value}"), apply, undo }));
}
