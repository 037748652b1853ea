//! Who may use cron and at.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::change::{Access, Change};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

pub(super) const FIX: Fix = Fix {
    id: "cron-access",
    title: "Let only those use cron and at who have jobs now",
    changes: "/etc/cron.allow or /etc/at.allow, made with the users that have a table of their own",
    disruption: Disruption::None,
    may_break: "users who want to plan a job for the first time; jobs that are planned go on",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// `/etc/cron.allow` or `/etc/at.allow`.
    file: String,
    /// The group whose rights the program has that reads it.
    group: String,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    ask.each(draft, |_, args: Args, draft| {
        let jobs = ask.facts.services.value().and_then(|services| services.jobs.value());
        let tables = jobs.into_iter().flatten().filter(|job| job.source.starts_with("/var/spool/cron/"));
        let mut users: BTreeSet<&str> = tables.map(|job| job.user.as_str()).collect();
        users.insert("root");
        let text: String = users.iter().map(|name| format!("{name}\n")).collect();
        draft.change(Change::whole(&args.file, 0o640, &text));
        let groups = ask.facts.accounts.value().and_then(|accounts| accounts.groups.value());
        if let Some(group) = groups.into_iter().flatten().find(|group| group.name == args.group) {
            let access = Access { gid: Some(group.gid), ..Access::default() };
            draft.change(Change::Access { path: args.file, access });
        }
    });
}
