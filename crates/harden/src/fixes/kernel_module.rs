//! Kernel modules that must not be loaded.

use crate::change::{Act, Change, Live};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

/// modprobe takes the first `install` line it reads; files are read in the order of their names.
const FILE: &str = "/etc/modprobe.d/00-palisade.conf";

const CHANGES: &str =
    "/etc/modprobe.d/00-palisade.conf; a module that is loaded and that nothing uses is unloaded";

pub(super) const FIX: Fix = Fix {
    id: "kernel-module",
    title: "Keep rare kernel modules from being loaded",
    changes: CHANGES,
    disruption: Disruption::None,
    may_break: "mounting such file systems (squashfs: snaps), and programs that speak such protocols (can: CAN buses)",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan,
};

pub(super) const DEVICE: Fix = Fix {
    id: "device-module",
    title: "Keep the drivers of removable devices from being loaded",
    changes: CHANGES,
    disruption: Disruption::None,
    may_break: "USB sticks, FireWire and Thunderbolt devices: whatever is backed up to or updated from them",
    opt_in: true,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(net) = ask.facts.net.value() else { return };
    ask.each(draft, |one, _: NoArgs, draft| {
        let Some(module) = net.modules.get(&one.subject) else { return };
        let name = module.name.as_str();
        if module.built_in.value() == Some(&true) {
            return draft.refuse(one, format!("{name} is part of the kernel itself: use a kernel without it"));
        }
        let loaded = module.loaded.value() == Some(&true);
        if loaded && module.in_use.value() != Some(&false) {
            let reason = format!("{name} is in use: end what uses it (`lsmod` names it), then harden again");
            return draft.refuse(one, reason);
        }
        draft.change(Change::line(FILE, &format!("blacklist {name}")));
        draft.change(Change::line(FILE, &format!("install {name} /bin/false")));
        if loaded {
            draft.change(Change::Live(Live {
                what: format!("unload {name}"),
                apply: vec![Act::run("modprobe", &["-r", name])],
                undo: vec![Act::run("modprobe", &[name])],
            }));
        }
    });
}
