//! Files of the system get the owner and the permissions that rules ask for.

use serde::Deserialize;

use super::access::{self, Wish};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

pub(super) const FIX: Fix = Fix {
    id: "file-access",
    title: "Give files of the system the owner and permissions they need",
    changes: "owner and permissions of the files named; links are not followed",
    disruption: Disruption::None,
    may_break: "users and services that read or write these files as `others`",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// Files that the finding lists; none: the one that it is about.
    #[serde(default)]
    of: Option<List>,
    access: Wish,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum List {
    AptKeys,
    BootLoader,
    PathPrograms,
    ServiceFiles,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    ask.each(draft, |one, args: Args, draft| {
        if matches!(args.of, Some(List::PathPrograms)) && access::is_cut(ask, "path_programs_of_others") {
            return draft.refuse(one, access::CUT);
        }
        let paths = args.of.map_or_else(|| vec![one.subject.clone()], |list| listed(ask, list));
        match paths.iter().map(|path| access::give(ask, path, &args.access)).collect::<Result<Vec<_>, _>>() {
            Ok(changes) => changes.into_iter().for_each(|change| draft.change(change)),
            Err(reason) => draft.refuse(one, reason),
        }
    });
}

fn listed(ask: &Ask<'_>, list: List) -> Vec<String> {
    let facts = ask.facts;
    match list {
        List::AptKeys => {
            let keyrings = facts.packages.value().and_then(|packages| packages.keyrings.value());
            let open = keyrings.into_iter().flatten().filter(|keyring| keyring.others_may_change);
            open.map(|keyring| keyring.path.clone()).collect()
        }
        List::BootLoader => {
            let loader = facts.boot.value().and_then(|boot| boot.loader.value());
            let files = loader.into_iter().flat_map(|loader| &loader.files);
            files
                .filter(|file| file.owner_uid != 0 || file.readable_by_others || file.writable_by_others)
                .map(|file| file.path.clone())
                .collect()
        }
        List::PathPrograms => {
            let programs = facts.files.value().and_then(|files| files.path_programs_of_others.value());
            programs.into_iter().flatten().map(|file| file.path.clone()).collect()
        }
        List::ServiceFiles => {
            let files = facts.services.value().and_then(|services| services.changeable_files.value());
            files.into_iter().flatten().cloned().collect()
        }
    }
}
