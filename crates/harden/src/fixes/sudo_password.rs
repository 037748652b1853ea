//! sudo asks for a password, where those whom it asks have one.

use model::facts::accounts::SudoGrant;
use serde::Deserialize;

use super::people;
use crate::change::{Change, Edit};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

pub(super) const FIX: Fix = Fix {
    id: "sudo-password",
    title: "Let sudo ask for a password",
    changes: "NOPASSWD and `!authenticate` in the lines of sudoers that have them",
    disruption: Disruption::None,
    may_break: "scripts and jobs that call sudo; Ansible and the like need the password then",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// Whether the finding is about `Defaults`; about a grant otherwise.
    #[serde(default)]
    defaults: bool,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let sudo = ask.facts.accounts.value().and_then(|accounts| accounts.sudo.value());
    let grants = sudo.and_then(|sudo| sudo.grants.value()).map_or(&[][..], Vec::as_slice);
    ask.each(draft, |one, args: Args, draft| {
        let concerned: Vec<&SudoGrant> = grants
            .iter()
            .filter(|grant| args.defaults || (grant.no_password && grant.name == one.subject))
            .collect();
        let without = concerned.iter().flat_map(|grant| &grant.users).find(|name| {
            *name != "root" && people::user(ask, name).is_some_and(|user| user.can_log_in && !people::has_password(user))
        });
        let service = concerned.iter().flat_map(|grant| &grant.users).find(|name| {
            people::user(ask, name).is_some_and(|user| user.is_system && !people::has_password(user))
        });
        let operator = &ask.site.operator.name;
        if concerned.iter().any(|grant| grant.users.contains(operator))
            && operator != "root"
            && !people::user(ask, operator).is_some_and(people::has_password)
        {
            return draft.refuse(
                one,
                format!("you work as {operator}, who has no password: sudo would lock you out. Run `sudo passwd {operator}` first"),
            );
        }
        if let Some(name) = without.filter(|_| !args.defaults) {
            return draft.refuse(
                one,
                format!("{name} has no password, so sudo would refuse: run `passwd {name}` first, or take the line away"),
            );
        }
        if let Some(name) = service.filter(|_| !args.defaults) {
            return draft.refuse(
                one,
                format!("{name} is a service and has no password: name the one command it needs, and waive this for it"),
            );
        }
        if args.defaults {
            match ask.line_of("accounts.sudo.authentication_off").and_then(|(file, _, line)| Some((file, line, authenticating(line)?))) {
                Some((file, line, new)) => draft.change(replace(file, line, new)),
                None => draft.refuse(one, "the line is not understood: take `!authenticate` out of it with `visudo`"),
            }
            return;
        }
        for grant in concerned {
            let file = grant.source.rsplit_once(':').map(|(file, _)| file);
            match (file, grant.line.value()) {
                (Some(file), Some(line)) => draft.change(replace(file, line, Some(asking(line)))),
                _ => {
                    let source = &grant.source;
                    return draft.refuse(one, format!("{source} goes on over several lines: take NOPASSWD out of it with `visudo`"));
                }
            }
        }
    });
}

fn replace(file: &str, old: &str, new: Option<String>) -> Change {
    let edit = Edit::Replace { old: old.trim().to_owned(), new };
    Change::Edit { file: file.to_owned(), mode: 0o440, edit }
}

/// The line without its tags `NOPASSWD:`.
fn asking(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line.trim();
    while let Some((before, after)) = rest.split_once("NOPASSWD") {
        let is_word = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        out.push_str(before);
        match after.trim_start().strip_prefix(':') {
            Some(after) if is_word => rest = after.trim_start(),
            _ => {
                out.push_str("NOPASSWD");
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// The line of `Defaults` without `!authenticate`, or nothing where it says nothing else; none: not understood.
fn authenticating(line: &str) -> Option<Option<String>> {
    let (scope, settings) = line.split_once(char::is_whitespace)?;
    if !scope.starts_with("Defaults") || settings.contains(['"', '\\']) {
        return None;
    }
    let all: Vec<&str> = settings.split(',').map(str::trim).collect();
    let kept: Vec<&str> = all.iter().copied().filter(|one| one.replace(' ', "") != "!authenticate").collect();
    match (kept.len() < all.len(), kept.is_empty()) {
        (false, _) => None,
        (true, true) => Some(None),
        (true, false) => Some(Some(format!("{scope} {}", kept.join(", ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::{asking, authenticating};

    #[test]
    fn a_grant_keeps_everything_but_the_tag() {
        for (line, asks) in [
            ("%sudo ALL=(ALL:ALL) NOPASSWD: ALL", "%sudo ALL=(ALL:ALL) ALL"),
            ("a ALL=NOPASSWD:/bin/a, PASSWD: /bin/b # NOPASSWD", "a ALL=/bin/a, PASSWD: /bin/b # NOPASSWD"),
            ("a ALL=(b) SETENV:NOPASSWD : ALL", "a ALL=(b) SETENV:ALL"),
            ("X_NOPASSWD: ALL", "X_NOPASSWD: ALL"),
        ] {
            assert_eq!(asking(line), asks);
        }
    }

    #[test]
    fn defaults_keep_their_other_settings() {
        assert_eq!(authenticating("Defaults !authenticate"), Some(None));
        assert_eq!(
            authenticating("Defaults:a use_pty, !authenticate"),
            Some(Some("Defaults:a use_pty".to_owned()))
        );
        assert_eq!(authenticating("Defaults:a, b !authenticate"), None);
        assert_eq!(authenticating("Defaults use_pty"), None);
    }
}
