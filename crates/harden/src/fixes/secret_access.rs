//! Files that hold secrets are closed to those who do not need them.

use model::facts::files::Access as Seen;
use serde::Deserialize;

use super::access::{self, Wish};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

pub(super) const FIX: Fix = Fix {
    id: "secret-access",
    title: "Close keys, passwords, backups and deployment files to everybody else",
    changes: "permissions of the files named; owners stay, links are not followed",
    disruption: Disruption::None,
    may_break: "a service that reads its key as one of `others`, when it starts the next time: give it the file's group",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    closed_to: To,
}

/// To whom the file is closed.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum To {
    /// To everybody but the owner.
    AllButOwner,
    /// To everybody but the owner and a service's group, which reads.
    AllButService,
    /// Nobody but the owner writes.
    OtherWriters,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    ask.each(draft, |one, args: Args, draft| {
        let path = &one.subject;
        let Some(seen) = seen(ask, path) else { return draft.refuse(one, "it was not seen") };
        let clear = match args.closed_to {
            To::AllButOwner => 0o077,
            To::AllButService if seen.group_is_system => 0o027,
            To::AllButService => 0o077,
            To::OtherWriters if !seen.owner_is_system => {
                let owner = &seen.owner;
                return draft.refuse(
                    one,
                    format!(
                        "it belongs to {owner}: run `chown root {path}` unless {owner} is to decide what runs"
                    ),
                );
            }
            To::OtherWriters => 0o022,
        };
        match access::give(ask, path, &Wish { clear, ..Wish::default() }) {
            Ok(change) => draft.change(change),
            Err(reason) => draft.refuse(one, reason),
        }
    });
}

/// Who may do what with a file now.
fn seen<'a>(ask: &'a Ask<'_>, path: &str) -> Option<&'a Seen> {
    let files = ask.facts.files.value()?;
    let secrets = files.secret_files.value().into_iter().flatten().map(|file| (&file.path, &file.access));
    let backups = files.backups.value().into_iter().flatten().map(|file| (&file.path, &file.access));
    let deployed = files.deployment_files.value().into_iter().flatten().map(|file| (&file.path, &file.access));
    secrets.chain(backups).chain(deployed).find(|(known, _)| *known == path).map(|(_, seen)| seen)
}
