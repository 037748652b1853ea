//! Idle shells end, and users cannot change that.

use serde::Deserialize;

use crate::change::{Change, Edit};
use crate::edit::HEADING;
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

/// Scripts are read in the order of their names.
const FILE: &str = "/etc/profile.d/zz-palisade-timeout.sh";

pub(super) const FIX: Fix = Fix {
    id: "shell-timeout",
    title: "End shells in which nobody types",
    changes: "/etc/profile.d/zz-palisade-timeout.sh; it holds from the next login",
    disruption: Disruption::None,
    may_break: "sessions left open on purpose, with nothing running in front",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// Seconds.
    secs: i64,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(accounts) = ask.facts.accounts.value() else { return };
    let session = &accounts.session;
    let current = session.idle_secs.value().copied();
    let is_fixed = session.idle_fixed.value() == Some(&true);
    let winner = ask.line_of("accounts.session.idle_secs");
    ask.each(draft, |one, args: Args, draft| match winner {
        Some((file, number, line)) if is_fixed => {
            let said = current.and_then(|secs| {
                let written = [format!("TMOUT={secs}"), format!("TMOUT=\"{secs}\""), format!("TMOUT='{secs}'")];
                written.into_iter().find(|written| line.contains(written.as_str()))
            });
            match said {
                Some(said) => {
                    let new = line.replace(&said, &format!("TMOUT={}", args.secs));
                    let edit = Edit::Replace { old: line.to_owned(), new: Some(new) };
                    draft.change(Change::Edit { file: file.to_owned(), mode: 0o644, edit });
                }
                None => draft.refuse(one, format!("{file}:{number} sets TMOUT for good: change it there")),
            }
        }
        Some((file, number, _)) if !file.starts_with("/etc/profile") || file > FILE => draft.refuse(
            one,
            format!(
                "{file}:{number} sets TMOUT after all other files: write `readonly TMOUT={}` there",
                args.secs
            ),
        ),
        _ => {
            let secs = current.filter(|secs| (1..args.secs).contains(secs)).unwrap_or(args.secs);
            draft.change(Change::whole(FILE, 0o644, &script(secs)));
        }
    });
}

/// Can be read twice by one shell.
fn script(secs: i64) -> String {
    format!("# {HEADING}\nif (unset TMOUT) 2>/dev/null; then\n  readonly TMOUT={secs}\n  export TMOUT\nfi\n")
}
