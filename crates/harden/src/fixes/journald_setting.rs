//! Settings of systemd's journal.

use std::collections::BTreeMap;

use super::drop_in;
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

const FILE: &str = "/etc/systemd/journald.conf.d/99-palisade.conf";

pub(super) const FIX: Fix = Fix {
    id: "journald-setting",
    title: "Keep the journal over reboots, bounded and compressed",
    changes: "/etc/systemd/journald.conf.d/99-palisade.conf; journald restarts",
    disruption: Disruption::Restart,
    may_break: "nothing; the journal takes room on the disk up to its limit, and what was kept stays after undoing",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<BTreeMap<String, String>>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    ask.each(draft, |_, settings: BTreeMap<String, String>, draft| {
        for (key, value) in settings {
            let fact = match key.as_str() {
                "Storage" => "logging.journald.storage",
                "SystemMaxUse" => "logging.journald.system_max_use",
                "Compress" => "logging.journald.compress",
                _ => "",
            };
            drop_in::set(ask, FILE, fact, "Journal", &key, &value, draft);
        }
    });
}
