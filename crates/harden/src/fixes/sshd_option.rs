//! Options of the SSH server, in a file that is read before all others, so that it wins.

use std::collections::BTreeMap;

use crate::change::{Change, Edit, Syntax};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

/// sshd takes the first value it reads; files are read in the order of their names.
const FILE: &str = "/etc/ssh/sshd_config.d/00-palisade.conf";
const MAIN: &str = "/etc/ssh/sshd_config";
const FOLDER: &str = "/etc/ssh/sshd_config.d/";

pub(super) const FIX: Fix = Fix {
    id: "sshd-option",
    title: "Set options of the SSH server where they win over all other files",
    changes: "/etc/ssh/sshd_config.d/00-palisade.conf, and an Include at the top of sshd_config when it has none",
    disruption: Disruption::Reload,
    may_break: "logins that need what is switched off; open sessions stay",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<BTreeMap<String, String>>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(server) = ask.facts.ssh.value().and_then(|ssh| ssh.server.value()) else { return };
    let mut include = !server.config_files.iter().any(|file| file.path.starts_with(FOLDER));
    ask.each(draft, |_, options: BTreeMap<String, String>, draft| {
        for (key, value) in options {
            let winner = format!("ssh.server.options.{}", key.to_lowercase());
            // Whoever is read before our file has the last word.
            include |= ask.line_of(&winner).is_some_and(|(file, ..)| file == MAIN || file < FILE);
            draft.change(Change::Edit {
                file: FILE.to_owned(),
                mode: 0o600,
                edit: Edit::Set { syntax: Syntax::Spaced, section: None, key, value },
            });
        }
    });
    if include && !draft.changes.is_empty() {
        let edit = Edit::First(format!("Include {FILE}"));
        draft.change(Change::Edit { file: MAIN.to_owned(), mode: 0o600, edit });
    }
}
