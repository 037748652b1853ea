//! Files that everybody may write are not, and in such directories users cannot remove what others made.

use model::facts::files::FoundFile;
use serde::Deserialize;

use super::access::{self, Wish};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

pub(super) const FIX: Fix = Fix {
    id: "world-writable",
    title: "Let nobody write what belongs to others",
    changes: "`o-w` on files and the sticky bit on directories",
    disruption: Disruption::None,
    may_break: "services that write files of others, and that remove each other's files in one directory",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    of: List,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum List {
    Files,
    Directories,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(files) = ask.facts.files.value() else { return };
    ask.each(draft, |one, args: Args, draft| {
        let (list, name, wish): (Option<&Vec<FoundFile>>, _, _) = match args.of {
            List::Files => {
                let wish = Wish { clear: 0o002, ..Wish::default() };
                (files.world_writable_files.value(), "world_writable_files", wish)
            }
            List::Directories => {
                let wish = Wish { set: 0o1000, ..Wish::default() };
                (files.world_writable_directories.value(), "world_writable_directories", wish)
            }
        };
        if access::is_cut(ask, name) {
            return draft.refuse(one, access::CUT);
        }
        let changes = list.into_iter().flatten().map(|file| access::give(ask, &file.path, &wish));
        match changes.collect::<Result<Vec<_>, _>>() {
            Ok(changes) => changes.into_iter().for_each(|change| draft.change(change)),
            Err(reason) => draft.refuse(one, reason),
        }
    });
}
