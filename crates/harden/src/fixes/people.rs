//! Who is on the host, as far as fixes must know it to lock nobody out.

use model::facts::accounts::{Administrator, User};

use crate::fix::Ask;

/// The local accounts.
pub(super) fn users<'a>(ask: &'a Ask<'_>) -> &'a [User] {
    let accounts = ask.facts.accounts.value();
    accounts.and_then(|accounts| accounts.users.value()).map_or(&[], Vec::as_slice)
}

/// The account of that name.
pub(super) fn user<'a>(ask: &'a Ask<'_>, name: &str) -> Option<&'a User> {
    users(ask).iter().find(|user| user.name == name)
}

/// Those who can become root.
pub(super) fn administrators<'a>(ask: &'a Ask<'_>) -> &'a [Administrator] {
    let accounts = ask.facts.accounts.value();
    accounts.and_then(|accounts| accounts.administrators.value()).map_or(&[], Vec::as_slice)
}

/// Whether it is the account of whoever works.
pub(super) fn is_operator(ask: &Ask<'_>, name: &str) -> bool {
    ask.site.operator.name == name
}

/// Whether the account can prove who it is with a password.
pub(super) fn has_password(user: &User) -> bool {
    user.password.value().is_some_and(|password| password == "set")
}

/// Whether the account can prove who it is with an SSH key.
pub(super) fn has_key(ask: &Ask<'_>, name: &str) -> bool {
    ask.facts.ssh.value().is_some_and(|ssh| {
        ssh.authorized_keys.iter().filter_map(|key| key.value()).any(|key| key.user == name && key.parsable)
    })
}

/// Whether somebody besides `without` can still log in and become root.
pub(super) fn others_administer(ask: &Ask<'_>, without: &[&str]) -> bool {
    administrators(ask)
        .iter()
        .filter(|one| one.can_log_in && !without.contains(&one.name.as_str()))
        .any(|one| has_key(ask, &one.name) || user(ask, &one.name).is_some_and(has_password))
}

/// The number of a group.
pub(super) fn gid(ask: &Ask<'_>, name: &str) -> Option<u32> {
    let groups = ask.facts.accounts.value()?.groups.value()?;
    groups.iter().find(|group| group.name == name).map(|group| group.gid)
}

/// Whether the time, as facts give it, is more than `days` before now.
pub(super) fn is_older(ask: &Ask<'_>, time: &str, days: i64) -> bool {
    let Ok(time) = time.parse::<model::Timestamp>() else { return false };
    ask.site.now.as_second().saturating_sub(time.as_second()) >= days.saturating_mul(86_400)
}
