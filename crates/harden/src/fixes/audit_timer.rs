//! Palisade's own audit, every day.

use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};
use crate::unit::Job;

pub(super) const FIX: Fix = Fix {
    id: "audit-timer",
    title: "Audit this host every day",
    changes: "/etc/systemd/system/palisade-audit.service and palisade-audit.timer",
    disruption: Disruption::None,
    may_break: "nothing; the report is /var/lib/palisade/audit.json",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan,
};

/// systemd looks for the program where it looks for all.
const SERVICE: &str = "# Written by Palisade; `palisade harden undo` takes it back.\n\
    [Unit]\n\
    Description=Audit of this host by Palisade\n\
    \n\
    [Service]\n\
    Type=oneshot\n\
    StateDirectory=palisade\n\
    StateDirectoryMode=0700\n\
    ExecStart=palisade audit --format json --output /var/lib/palisade/audit.json --fail-on never\n\
    Nice=10\n";

const TIMER: &str = "# Written by Palisade; `palisade harden undo` takes it back.\n\
    [Unit]\n\
    Description=Audit of this host by Palisade, every day\n\
    \n\
    [Timer]\n\
    OnCalendar=daily\n\
    RandomizedDelaySec=1h\n\
    Persistent=yes\n\
    \n\
    [Install]\n\
    WantedBy=timers.target\n";

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let job = Job { name: "palisade-audit", program: "palisade", service: SERVICE, timer: TIMER };
    match job.set_up(ask.facts, draft) {
        Ok(()) => draft.note(
            "for an audit against the site's profile add `--profile FILE` with `systemctl edit palisade-audit`",
        ),
        Err(reason) => ask.uses.iter().for_each(|one| draft.refuse(one, reason.as_str())),
    }
}
