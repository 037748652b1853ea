//! Programs that nobody approved do not run with the rights of others.

use serde::Deserialize;

use super::access::{self, Wish};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

pub(super) const FIX: Fix = Fix {
    id: "setuid-drop",
    title: "Take the setuid and setgid bits off programs that nobody approved",
    changes: "permissions of the programs named",
    disruption: Disruption::None,
    may_break: "what the program does for users who are not its owner",
    opt_in: true,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// Whether the finding is about all that are hidden or stand where users keep files; about one program otherwise.
    #[serde(default)]
    misplaced: bool,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let programs = ask.facts.files.value().and_then(|files| files.setuid_programs.value());
    ask.each(draft, |one, args: Args, draft| {
        if args.misplaced && access::is_cut(ask, "setuid_programs") {
            return draft.refuse(one, access::CUT);
        }
        let wish = Wish { clear: 0o6000, ..Wish::default() };
        let mine = programs.into_iter().flatten().filter(|program| {
            if args.misplaced { program.hidden || program.in_user_place } else { program.path == one.subject }
        });
        match mine.map(|program| access::give(ask, &program.path, &wish)).collect::<Result<Vec<_>, _>>() {
            Ok(changes) => changes.into_iter().for_each(|change| draft.change(change)),
            Err(reason) => draft.refuse(one, reason),
        }
        if args.misplaced {
            draft.note("Find out who put these programs there: setuid programs do not get into such places by themselves.");
        }
    });
}
