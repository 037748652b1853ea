//! The job that tells somebody before a file system is full.

use serde::Deserialize;

use crate::fix::{Ask, Disruption, Draft, Fix, accepts};
use crate::unit::Job;

pub(super) const FIX: Fix = Fix {
    id: "storage-watch",
    title: "Tell the system log before a file system is full",
    changes: "/etc/systemd/system/storage-watch.service and storage-watch.timer, which looks every 15 minutes",
    disruption: Disruption::None,
    may_break: "nothing; a full file system is told of with every look, as an alert of `storage-watch`",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// Percent of a file system that may be in use.
    percent: u8,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    ask.each(draft, |one, args: Args, draft| {
        let service = service(args.percent);
        let job = Job { name: "storage-watch", program: "/bin/sh", service: &service, timer: TIMER };
        match job.set_up(ask.facts, draft) {
            Ok(()) => draft.note(
                "whoever reads the system log must act on alerts of `storage-watch`: forward them, or have them \
                 mailed; `journalctl -t storage-watch` shows them",
            ),
            Err(reason) => draft.refuse(one, reason),
        }
    });
    draft.notes.dedup();
}

/// `$` and `%` stand twice where the shell is to see them once. Memory and images that are full by nature do not count.
fn service(percent: u8) -> String {
    format!(
        "# {heading}\n\
         [Unit]\n\
         Description=Tell the system log of file systems that are nearly full\n\
         Documentation=man:df(1)\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         ExecStart=/bin/sh -c '{{ df -lP -x tmpfs -x devtmpfs -x squashfs -x overlay; df -P /; }} | sort -u | \
         while read -r _ _ _ _ used place; do \
         if [ \"$${{used%%?}}\" -ge {percent} ] 2>/dev/null; then \
         logger -p daemon.alert -t storage-watch \"$$place is $$used full\"; fi; done'\n\
         NoNewPrivileges=yes\n\
         ProtectSystem=strict\n\
         PrivateNetwork=yes\n",
        heading = crate::edit::HEADING,
    )
}

const TIMER: &str = "# Written by Palisade; `palisade harden undo` takes it back.\n\
    [Unit]\n\
    Description=Look for file systems that are nearly full\n\
    \n\
    [Timer]\n\
    OnCalendar=*:0/15\n\
    Persistent=yes\n\
    \n\
    [Install]\n\
    WantedBy=timers.target\n";
