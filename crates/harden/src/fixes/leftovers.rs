//! Old copies, dumps and samples are taken away.

use serde::Deserialize;

use super::{access, people};
use crate::change::Change;
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

pub(super) const FIX: Fix = Fix {
    id: "leftovers",
    title: "Take away old copies, dumps and samples",
    changes: "the files named, up to 4 MiB each; undoing brings them back",
    disruption: Disruption::None,
    may_break: "whoever still needs a copy, and pages that were no sample after all",
    opt_in: true,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// Kinds as the facts name them.
    kinds: Vec<String>,
    /// Only what web servers hand out.
    #[serde(default)]
    in_web_root: bool,
    /// Only what is older.
    #[serde(default)]
    older_than_days: i64,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let all = ask.facts.files.value().and_then(|files| files.leftovers.value());
    ask.each(draft, |one, args: Args, draft| {
        if access::is_cut(ask, "leftovers") {
            return draft.refuse(one, access::CUT);
        }
        let mine = || {
            all.into_iter().flatten().filter(|left| {
                args.kinds.contains(&left.kind)
                    && (!args.in_web_root || left.in_web_root)
                    && (args.older_than_days == 0
                        || people::is_older(ask, &left.modified, args.older_than_days))
            })
        };
        if let Some(folder) = mine().find(|left| left.kind == "repository") {
            let path = &folder.path;
            return draft.refuse(
                one,
                format!("{path} is a whole directory: publish from a clean copy, then run `rm -r {path}`"),
            );
        }
        for left in mine() {
            draft.change(Change::Remove { path: left.path.clone() });
        }
    });
}
