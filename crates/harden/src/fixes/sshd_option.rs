//! Options of the SSH server, in a file that is read before all others, so that it wins.

use std::collections::BTreeMap;

use super::sshd::{Settings, Value};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

pub(super) const FIX: Fix = Fix {
    id: "sshd-option",
    title: "Set options of the SSH server where they win over all other files",
    changes: "/etc/ssh/sshd_config.d/00-palisade.conf, an Include at the top of sshd_config when it has none before \
              other settings, and contrary lines in Match blocks",
    disruption: Disruption::Reload,
    may_break: "logins, forwarded ports and old clients that need what is switched off; open sessions stay",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<BTreeMap<String, Value>>,
    plan,
};

/// The same for `UsePAM no`, which takes more away than its name says.
pub(super) const WITHOUT_PAM: Fix = Fix {
    id: "sshd-without-pam",
    title: "Let the SSH server do without PAM",
    changes: "/etc/ssh/sshd_config.d/00-palisade.conf, and an Include at the top of sshd_config when it needs one",
    disruption: Disruption::Reload,
    may_break: "limits, lock-outs after failed logins, second factors, home directories and sessions of systemd-logind \
                that PAM gives to SSH logins",
    opt_in: true,
    can_cut_off: true,
    accepts: accepts::<BTreeMap<String, Value>>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(mut settings) = Settings::or_refuse(ask, draft) else { return };
    let mut later = Vec::new();
    ask.each(draft, |one, options: BTreeMap<String, Value>, _| {
        if settings.add(one, options.clone()).is_err() {
            later.push((one.clone(), options));
        }
    });
    // One way in may be closed once another one is open.
    for (one, options) in later {
        if let Err(why) = settings.add(&one, options) {
            draft.refuse(&one, why);
        }
    }
    settings.finish(draft);
}
