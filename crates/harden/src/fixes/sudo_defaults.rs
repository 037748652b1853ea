//! Settings of sudo, in a file that is read behind all others, so that it wins.

use serde::Deserialize;

use super::scalar::Scalar;
use crate::change::{Change, Edit};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

/// sudo takes the last value it reads; files are read in the order of their names.
const FILE: &str = "/etc/sudoers.d/zz-palisade";
const MAIN: &str = "/etc/sudoers";
const FOLDER: &str = "/etc/sudoers.d/";
const ROTATION: &str = "/etc/logrotate.d/palisade-sudo";

pub(super) const FIX: Fix = Fix {
    id: "sudo-defaults",
    title: "Set how sudo runs commands, where it wins over all other files",
    changes: "/etc/sudoers.d/zz-palisade, and an include at the end of /etc/sudoers where it would lose otherwise",
    disruption: Disruption::None,
    may_break: "commands that reach the caller's terminal or environment through sudo",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
struct Args {
    use_pty: bool,
    env_reset: bool,
    secure_path: Option<String>,
    logfile: Option<String>,
    /// Minutes.
    timestamp_timeout: Option<Scalar>,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(sudo) = ask.facts.accounts.value().and_then(|accounts| accounts.sudo.value()) else { return };
    let rotates = ask.facts.logging.value().is_some_and(|logging| logging.logrotate.value().is_some());
    let mut include = !sudo.drop_ins_win;
    ask.each(draft, |_, args: Args, draft| {
        let mut lines = Vec::new();
        if args.use_pty {
            lines.push(("use_pty", "Defaults use_pty".to_owned()));
        }
        if args.env_reset {
            lines.push(("env_reset", "Defaults env_reset".to_owned()));
        }
        // A path that somebody chose stays.
        if let Some(path) = args.secure_path.filter(|_| sudo.secure_path.value().is_none()) {
            lines.push(("secure_path", format!("Defaults secure_path=\"{path}\"")));
        }
        if let Some(file) = args.logfile {
            lines.push(("log_file", format!("Defaults logfile=\"{file}\"")));
            if rotates {
                let text = format!(
                    "# {}\n{file} {{\n\tmonthly\n\trotate 12\n\tcompress\n\tmissingok\n\tnotifempty\n}}\n",
                    crate::edit::HEADING
                );
                draft.change(Change::whole(ROTATION, 0o644, &text));
            }
        }
        if let Some(minutes) = args.timestamp_timeout {
            lines.push(("timestamp_timeout_minutes", format!("Defaults timestamp_timeout={minutes}")));
        }
        for (fact, text) in lines {
            let winner = ask.line_of(&format!("accounts.sudo.{fact}"));
            include |= winner.is_some_and(|(file, ..)| file.starts_with(FOLDER) && file > FILE);
            let edit = match winner {
                Some((FILE, _, old)) => Edit::Replace { old: old.to_owned(), new: Some(text) },
                _ => Edit::Line { rank: 100, text },
            };
            draft.change(Change::Edit { file: FILE.to_owned(), mode: 0o440, edit });
        }
    });
    if include && !draft.changes.is_empty() {
        // All releases of sudo know this form.
        let edit = Edit::Last(format!("#include {FILE}"));
        draft.change(Change::Edit { file: MAIN.to_owned(), mode: 0o440, edit });
    }
}
