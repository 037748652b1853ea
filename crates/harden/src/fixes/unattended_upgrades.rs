//! Security updates without a person.

use serde::Deserialize;

use crate::change::Change;
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};
use crate::unit;

/// Files are read in the order of their names, and the last value counts.
const FOLDER: &str = "/etc/apt/apt.conf.d/";
const FILE: &str = "/etc/apt/apt.conf.d/52palisade-upgrades";
const LATE: &str = "/etc/apt/apt.conf.d/99zz-palisade-upgrades";

pub(super) const FIX: Fix = Fix {
    id: "unattended-upgrades",
    title: "Install security updates every day without a person",
    changes: "/etc/apt/apt.conf.d/52palisade-upgrades, and apt's timers",
    disruption: Disruption::None,
    may_break: "services that are restarted by an update at night, and software that needs an old version",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// Whether the periods are set.
    #[serde(default)]
    daily: bool,
    /// Whether the security archive is taken in.
    #[serde(default)]
    security: bool,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(updates) = ask.facts.updates.value() else { return };
    let file = file(ask);
    let line = |text: &str| Change::line(file, text);
    ask.each(draft, |one, args: Args, draft| {
        match updates.automatic.tool.value().map(String::as_str) {
            Some("unattended-upgrades") => {}
            Some(other) => return draft.refuse(one, format!("switch it on in the settings of {other}")),
            None => {
                let reason = "run `apt-get install unattended-upgrades`, then harden again";
                return draft.refuse(one, reason);
            }
        }
        if args.daily {
            draft.change(line("APT::Periodic::Enable \"1\";"));
            draft.change(line("APT::Periodic::Unattended-Upgrade \"1\";"));
            draft.change(line("APT::Periodic::Update-Package-Lists \"1\";"));
            if updates.automatic.scheduled.value() == Some(&false) {
                timers(ask, draft);
            }
        }
        if args.security {
            match ask.facts.os.value().and_then(|os| os.id.value()).map(String::as_str) {
                Some("debian") => draft.change(line(
                    "Unattended-Upgrade::Origins-Pattern:: \
                     \"origin=Debian,codename=${distro_codename}-security,label=Debian-Security\";",
                )),
                Some("ubuntu") => draft.change(line(
                    "Unattended-Upgrade::Allowed-Origins:: \"${distro_id}:${distro_codename}-security\";",
                )),
                _ => draft.refuse(one, "add this distribution's security archive to the origins by hand"),
            }
        }
    });
}

/// The file that has the last word: one of the others may come after the usual name.
fn file(ask: &Ask<'_>) -> &'static str {
    let facts = ["updates.automatic.lists_every_days", "updates.automatic.upgrade_every_days"];
    let mut places = facts.iter().filter_map(|fact| ask.sources.get(*fact)).filter_map(|source| {
        let file = source.at.rsplit_once(':').map_or(source.at.as_str(), |(file, _)| file);
        file.starts_with(FOLDER).then_some(file)
    });
    if places.any(|place| place > FILE) { LATE } else { FILE }
}

fn timers(ask: &Ask<'_>, draft: &mut Draft) {
    for name in ["apt-daily.timer", "apt-daily-upgrade.timer"] {
        if let Some(unit) = unit::find(ask.facts, name)
            && let Err(reason) = unit::switch_on(unit, draft)
        {
            draft.note(reason);
        }
    }
}
