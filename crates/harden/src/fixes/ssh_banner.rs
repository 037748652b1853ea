//! The notice that SSH shows before a login.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::sshd::{Settings, Value};
use crate::change::Change;
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

/// A file of our own: /etc/issue.net often names the release.
const FILE: &str = "/etc/ssh/palisade-banner";

pub(super) const FIX: Fix = Fix {
    id: "ssh-banner",
    title: "Show a notice before SSH logins",
    changes: "/etc/ssh/palisade-banner, /etc/ssh/sshd_config.d/00-palisade.conf, and contrary lines in Match blocks",
    disruption: Disruption::Reload,
    may_break: "programs that read the output of ssh and are confused by a notice on standard error",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    text: String,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(mut settings) = Settings::or_refuse(ask, draft) else { return };
    ask.each(draft, |one, Args { text }, draft| {
        match settings.add(one, BTreeMap::from([("Banner".to_owned(), Value::Text(FILE.to_owned()))])) {
            Err(why) => draft.refuse(one, why),
            Ok(()) => draft.change(Change::whole(FILE, 0o644, &format!("{}\n", text.trim_end()))),
        }
    });
    settings.finish(draft);
}
