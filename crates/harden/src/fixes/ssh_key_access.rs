//! Owners and modes of what SSH trusts: key files, host keys, the server's configuration.

use crate::change::{Access, Change};
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, Use, accepts};

pub(super) const FIX: Fix = Fix {
    id: "ssh-key-access",
    title: "Give SSH's files to their owners alone",
    changes: "owner and mode of authorized_keys files, the directories they stand in, host keys and sshd's configuration",
    disruption: Disruption::None,
    may_break: "programs of other accounts that read or write these files",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<NoArgs>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    ask.each(draft, |one, NoArgs {}, draft| {
        let path = &one.subject;
        if mend_key_file(ask, one, draft) {
            return;
        }
        let server = ask.facts.ssh.value().and_then(|ssh| ssh.server.value());
        let Some(server) = server else { return draft.refuse(one, "there is no such file any more") };
        let access = if server.host_keys.iter().any(|key| key.path == *path) {
            Access { uid: Some(0), clear: 0o7077, ..Access::default() }
        } else if server.config_files.iter().any(|file| file.path == *path) {
            Access { uid: Some(0), clear: 0o022, ..Access::default() }
        } else {
            return draft.refuse(one, "there is no such file any more");
        };
        draft.change(Change::Access { path: path.clone(), access });
    });
}

/// Whether the finding is about an authorized_keys file, and then its changes or why there are none.
fn mend_key_file(ask: &Ask<'_>, one: &Use, draft: &mut Draft) -> bool {
    let ssh = ask.facts.ssh.value();
    let mut files = ssh.into_iter().flat_map(|ssh| &ssh.key_files).filter_map(|file| file.value());
    let Some(file) = files.find(|file| file.path == one.subject) else { return false };
    let accounts = ask.facts.accounts.value().and_then(|accounts| accounts.users.value());
    let account = accounts.and_then(|accounts| accounts.iter().find(|account| account.name == file.user));
    let Some(account) = account else {
        draft.refuse(one, format!("the account {} is not known here", file.user));
        return true;
    };
    let directory = file.path.rsplit_once('/').map_or("/", |(directory, _)| directory);
    let at_home =
        account.home != "/" && file.path.starts_with(&format!("{}/", account.home.trim_end_matches('/')));
    let mut access = Access { clear: 0o7033, ..Access::default() };
    if at_home {
        access.clear |= 0o044;
        // Root's file in somebody's home cannot be read by sshd once it is closed to others.
        access.uid = Some(account.uid);
    } else if !file.owner_fits {
        access.uid = Some(0);
    }
    if !at_home && file.others_read {
        let why = "sshd reads this file as its account: run `chown USER FILE && chmod 600 FILE`, or waive the rule where \
                   everybody may see whose keys they are";
        draft.refuse(one, why);
        return true;
    }
    draft.change(Change::Access { path: file.path.clone(), access });
    let mode = u32::from_str_radix(&file.directory_mode, 8).unwrap_or(0);
    let foreign = file.directory_uid.value().is_some_and(|uid| *uid != account.uid && *uid != 0);
    if mode & 0o022 != 0 || foreign {
        let clear = if directory.ends_with("/.ssh") { 0o077 } else { 0o022 };
        // Closed to others, root's directory in somebody's home would be closed to sshd, which reads as the account.
        let uid = (foreign || at_home).then_some(if at_home { account.uid } else { 0 });
        let access = Access { uid, clear, ..Access::default() };
        draft.change(Change::Access { path: directory.to_owned(), access });
    }
    true
}
