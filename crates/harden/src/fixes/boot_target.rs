//! What the host boots into.

use crate::change::Change;
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

pub(super) const FIX: Fix = Fix {
    id: "boot-target",
    title: "Boot without a graphical desktop",
    changes: "the link /etc/systemd/system/default.target, as `systemctl set-default` makes it",
    disruption: Disruption::Reboot,
    may_break: "operators who work at this host's own screen",
    opt_in: true,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan,
};

fn plan(_: &Ask<'_>, draft: &mut Draft) {
    draft.change(Change::Link {
        path: "/etc/systemd/system/default.target".to_owned(),
        target: "/lib/systemd/system/multi-user.target".to_owned(),
    });
}
