//! No copies of the memory of crashed programs.

use super::drop_in;
use crate::change::{Change, Edit};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

/// Read after limits.conf and all other files; the last line counts.
const LIMITS: &str = "/etc/security/limits.d/zz-palisade.conf";
const COREDUMP: &str = "/etc/systemd/coredump.conf.d/99-palisade.conf";

pub(super) const FIX: Fix = Fix {
    id: "core-dumps",
    title: "Keep no memory of crashed programs",
    changes: "/etc/security/limits.d/zz-palisade.conf, or /etc/systemd/coredump.conf.d/99-palisade.conf where systemd \
              takes the dumps",
    disruption: Disruption::None,
    may_break: "finding out why a program crashed; sessions that are open keep their limit until the next login",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let dumps = ask.facts.net.value().and_then(|net| net.core_dumps.value());
    for one in ask.uses {
        match dumps.map(String::as_str) {
            Some("file") => {
                draft.change(Change::line(LIMITS, "* hard core 0"));
                if let Some((file, _, text)) = ask.line_of("net.core_dumps").filter(|(file, ..)| *file > LIMITS)
                {
                    draft.change(Change::Edit {
                        file: file.to_owned(),
                        mode: 0o644,
                        edit: Edit::Replace { old: text.to_owned(), new: Some("* hard core 0".to_owned()) },
                    });
                }
            }
            Some("external" | "journal") => {
                for (key, value) in [("Storage", "none"), ("ProcessSizeMax", "0")] {
                    drop_in::set(ask, COREDUMP, "net.core_dumps", "Coredump", key, value, draft);
                }
            }
            Some(other) => {
                let reason = format!(
                    "dumps go to a {other}: set it up to keep none, or write `kernel.core_pattern = |/bin/false` to \
                     /etc/sysctl.d"
                );
                draft.refuse(one, reason);
            }
            None => {}
        }
    }
}
