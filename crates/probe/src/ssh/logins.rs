//! Who may log in over SSH, and by what.

use model::Fact;
use model::facts::ssh::{AuthorizedKey, LoginUser};

use crate::accounts::passwd::is_login_shell;
use crate::accounts::people::People;
use crate::ssh::config::Config;
use crate::ssh::effective::{self, Values};
use crate::ssh::matching::{Connection, groups_fit};
use crate::ssh::server::user_is_listed;

/// Accounts judged at most. Each costs a pass over the configuration.
const MAX_USERS: usize = 2_000;

/// The accounts that the settings let in from an address nobody named.
pub(crate) fn users(config: &Config, people: &People, keys: &[Fact<AuthorizedKey>]) -> Fact<Vec<LoginUser>> {
    if let Some(why) = people.users_problem.as_ref().or(people.groups_problem.as_ref()) {
        return Fact::unreadable(why.clone());
    }
    if let Some((_, why)) = config.gaps.first() {
        return Fact::unreadable(why.clone());
    }
    let users = people.users.iter().filter(|user| is_login_shell(&user.shell)).take(MAX_USERS);
    Fact::known(
        users
            .filter_map(|user| {
                let groups = people.groups_of(&user.name).to_vec();
                let connection = Connection { user: user.name.clone(), groups, ..Connection::neutral() };
                let values = effective::effective(config, Some(&connection), None);
                let text = |name: &str| text(&values, name);
                let own: Vec<&AuthorizedKey> = keys
                    .iter()
                    .filter_map(Fact::value)
                    .filter(|key| key.parsable && key.user == user.name)
                    .collect();
                let root_login = if user.uid == 0 { text("permitrootlogin") } else { "yes" };
                let asks_password =
                    text("passwordauthentication") == "yes" || text("kbdinteractiveauthentication") == "yes";
                let methods = text("authenticationmethods").to_owned();
                let login = LoginUser {
                    name: user.name.clone(),
                    uid: user.uid,
                    password_accepted: asks_password && root_login == "yes" && allows(&methods, "password"),
                    key_accepted: text("pubkeyauthentication") == "yes" && allows(&methods, "publickey"),
                    keys: u32::try_from(own.len()).unwrap_or(u32::MAX),
                    two_factors: two_factors(&methods, asks_password && root_login == "yes", &own),
                    methods,
                    source: format!("/etc/passwd:{}", user.line),
                };
                (root_login != "no" && is_admitted(&values, &user.name, &connection.groups)).then_some(login)
            })
            .collect(),
    )
}

/// DenyUsers, AllowUsers, DenyGroups, AllowGroups, in sshd's order.
fn is_admitted(values: &Values, user: &str, groups: &[String]) -> bool {
    let list = |name: &str| text(values, name).to_owned();
    let in_groups = |list: &str| list.split_ascii_whitespace().any(|entry| groups_fit(entry, groups));
    let (allow_users, allow_groups) = (list("allowusers"), list("allowgroups"));
    !user_is_listed(&list("denyusers"), user)
        && (allow_users.is_empty() || user_is_listed(&allow_users, user))
        && !in_groups(&list("denygroups"))
        && (allow_groups.is_empty() || in_groups(&allow_groups))
}

fn text<'a>(values: &'a Values, name: &str) -> &'a str {
    values.get(name).and_then(|value| value.text.as_deref()).unwrap_or_default()
}

/// Whether some list of `AuthenticationMethods` names the method, or a password by another name.
fn allows(methods: &str, method: &str) -> bool {
    methods == "any"
        || methods.split([' ', ',']).any(|name| {
            let name = name.split(':').next().unwrap_or_default();
            name == method || (method == "password" && name == "keyboard-interactive")
        })
}

/// Whether every way in takes two different methods, or the only keys are on tokens and no password is taken.
fn two_factors(methods: &str, asks_password: bool, keys: &[&AuthorizedKey]) -> bool {
    let every_list_has_two = methods != "any"
        && methods.split_ascii_whitespace().all(|list| {
            let mut names: Vec<&str> =
                list.split(',').map(|name| name.split(':').next().unwrap_or_default()).collect();
            names.sort_unstable();
            names.dedup();
            names.len() > 1
        });
    let only_tokens = !keys.is_empty() && keys.iter().all(|key| key.is_hardware_backed);
    every_list_has_two || (only_tokens && (!asks_password || !allows(methods, "password")))
}
