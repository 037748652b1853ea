//! Who could still log in over SSH if its settings, its keys or the accounts were otherwise.

use std::collections::{BTreeMap, BTreeSet};

use model::facts::Facts;
use model::facts::accounts::User;
use model::facts::ssh::{AuthorizedKey, LoginUser, Server, Ssh};

use crate::fix::Operator;

/// What would be otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct After {
    /// Options of the server by their name in lower case; they count for everybody.
    pub(crate) options: BTreeMap<String, String>,
    /// Keys that are gone: file and fingerprint.
    pub(crate) gone: BTreeSet<(String, String)>,
    /// Files with keys that their account could not read.
    pub(crate) unreadable: BTreeSet<String>,
    /// Accounts that are gone or have no shell.
    pub(crate) closed_accounts: BTreeSet<String>,
    /// Accounts whose password does not work.
    pub(crate) no_password: BTreeSet<String>,
    /// Memberships that end: account and group.
    pub(crate) left_groups: BTreeSet<(String, String)>,
}

/// Options that decide who gets in.
const DECIDING: [&str; 20] = [
    "allowgroups",
    "allowusers",
    "authenticationmethods",
    "authorizedkeyscommand",
    "authorizedkeysfile",
    "casignaturealgorithms",
    "challengeresponseauthentication",
    "denygroups",
    "denyusers",
    "hostkeyalgorithms",
    "kbdinteractiveauthentication",
    "passwordauthentication",
    "permitrootlogin",
    "pubkeyacceptedalgorithms",
    "pubkeyacceptedkeytypes",
    "pubkeyauthentication",
    "requiredrsasize",
    "strictmodes",
    "trustedusercakeys",
    "usepam",
];

impl After {
    /// Whether it may keep anybody out.
    pub(crate) fn matters(&self) -> bool {
        let Self { options, gone, unreadable, closed_accounts, no_password, left_groups } = self;
        options.keys().any(|option| DECIDING.contains(&option.as_str()))
            || !gone.is_empty()
            || !unreadable.is_empty()
            || !closed_accounts.is_empty()
            || !no_password.is_empty()
            || !left_groups.is_empty()
    }
}

/// Why nobody should make it so: the operator, or the last administrator, could not come back.
pub(crate) fn closed(facts: &Facts, operator: &Operator, after: &After) -> Option<String> {
    if !after.matters() {
        return None;
    }
    let world = World::of(facts)?;
    if world.host_keys_refused(after) {
        return Some("the server would have no host key left that it may use".to_owned());
    }
    if operator.ssh_from.is_some()
        && let Err(why) = world.gets_in(&operator.name, after)
    {
        return Some(format!("you are logged in as {} over SSH, and {why}", operator.name));
    }
    let now = After::default();
    let administrators = world.administrators();
    let could = |after: &After| administrators.iter().any(|name| world.gets_in(name, after).is_ok());
    if could(&now) && !could(after) {
        let lost = administrators.iter().find(|name| world.gets_in(name, &now).is_ok());
        let why = lost.and_then(|name| world.gets_in(name, after).err()).unwrap_or_default();
        return Some(format!("no administrator could log in over SSH any more: {why}"));
    }
    None
}

/// How many keys a user could log in with. Keys that only run one command do not count.
pub(crate) fn usable_keys(facts: &Facts, name: &str, after: &After) -> usize {
    World::of(facts).map_or(0, |world| world.usable_keys(name, after).count())
}

/// Those who can become root and are let in over SSH; all who can become root when no server is installed.
pub(crate) fn administrators(facts: &Facts) -> Vec<String> {
    World::of(facts).map(|world| world.administrators()).unwrap_or_default()
}

/// The facts that decide.
struct World<'a> {
    facts: &'a Facts,
    ssh: &'a Ssh,
    server: Option<&'a Server>,
}

impl<'a> World<'a> {
    fn of(facts: &'a Facts) -> Option<Self> {
        let ssh = facts.ssh.value()?;
        Some(Self { facts, ssh, server: ssh.server.value() })
    }

    fn administrators(&self) -> Vec<String> {
        let known = self.facts.accounts.value().and_then(|accounts| accounts.administrators.value());
        let logins = self.ssh.login_users.value();
        let can = known.into_iter().flatten().filter(|one| one.can_log_in);
        can.filter(|one| logins.is_none_or(|logins| logins.iter().any(|login| login.name == one.name)))
            .map(|one| one.name.clone())
            .collect()
    }

    fn account(&self, name: &str) -> Option<&'a User> {
        let users = self.facts.accounts.value()?.users.value()?;
        users.iter().find(|user| user.name == name)
    }

    /// What the server does for everybody now.
    fn option(&self, name: &str) -> Option<&'a str> {
        self.server?.options.get(name)?.value().map(String::as_str)
    }

    /// Whether somebody gets in, by whatever way; the reason why not ends with what to do.
    fn gets_in(&self, name: &str, after: &After) -> Result<(), String> {
        let logins = self.ssh.login_users.value();
        let login = logins.and_then(|logins| logins.iter().find(|login| login.name == name));
        let login = login.ok_or_else(|| {
            format!("how {name} gets in is not known here: no local account of that name is let in")
        })?;
        if after.closed_accounts.contains(name) {
            return Err(format!("{name}'s account could not log in any more"));
        }
        self.admitted(login, after)?;
        let key = self.key(login, after);
        let password = self.password(login, after);
        let methods = after.options.get("authenticationmethods").unwrap_or(&login.methods);
        if methods.is_empty() || methods == "any" {
            return key.or_else(|why| password.map_err(|_| why));
        }
        let works = |method: &str| match method.split(':').next().unwrap_or_default() {
            "publickey" => key.is_ok(),
            "password" => password.is_ok() && !self.is_off("passwordauthentication", after),
            "keyboard-interactive" => !self.is_off("kbdinteractiveauthentication", after),
            _ => false,
        };
        if methods.split_ascii_whitespace().any(|list| list.split(',').all(works)) {
            return Ok(());
        }
        Err(key.err().unwrap_or_else(|| format!("AuthenticationMethods demands `{methods}` of {name}")))
    }

    /// Whether the lists of users and groups let somebody in.
    fn admitted(&self, login: &LoginUser, after: &After) -> Result<(), String> {
        let name = &login.name;
        let option = |option: &str| after.options.get(option).map(String::as_str);
        if login.uid == 0 && matches!(option("permitrootlogin"), Some("no" | "forced-commands-only")) {
            let instead = "make an administrator of your own who has a key and uses sudo first";
            return Err(format!("{name} could not log in any more: {instead}"));
        }
        let account = self.account(name);
        let groups: Vec<&str> = account
            .map(|account| account.groups.iter().map(String::as_str))
            .into_iter()
            .flatten()
            .filter(|group| !after.left_groups.contains(&(name.clone(), (*group).to_owned())))
            .collect();
        let in_groups = |list: &str| list.split_whitespace().any(|entry| groups.iter().any(|g| fits(entry, g)));
        let named = |list: &str| {
            list.split_whitespace()
                .any(|entry| fits(entry.split_once('@').map_or(entry, |(user, _)| user), name))
        };
        // Further lines add to these lists: who is on one stays on it.
        let lists = [self.option("allowgroups"), option("allowgroups")];
        let lost_one = after.left_groups.iter().any(|(user, _)| user == name);
        if (option("allowgroups").is_some() && self.option("allowgroups").is_none()) || lost_one {
            let mut lists = lists.into_iter().flatten().peekable();
            let list = lists.peek().copied().unwrap_or_default();
            if !list.is_empty() && !lists.any(in_groups) {
                return Err(format!(
                    "{name} is in none of the groups {list}: run `gpasswd -a {name} GROUP` first"
                ));
            }
        }
        if let (Some(list), None) = (option("allowusers"), self.option("allowusers"))
            && !named(list)
        {
            return Err(format!("{name} is not among the users {list}"));
        }
        if option("denyusers").is_some_and(named) || option("denygroups").is_some_and(in_groups) {
            return Err(format!("{name} would be turned away by DenyUsers or DenyGroups"));
        }
        Ok(())
    }

    fn key(&self, login: &LoginUser, after: &After) -> Result<(), String> {
        let name = &login.name;
        let option = |option: &str| after.options.get(option).map(String::as_str);
        let on_again = option("pubkeyauthentication") == Some("yes");
        if option("pubkeyauthentication") == Some("no") || !(login.key_accepted || on_again) {
            return Err(format!("sshd takes no key of {name}"));
        }
        let password = self.account(name).and_then(|account| account.password.value()).map(String::as_str);
        if option("usepam") == Some("no") && matches!(password, Some("locked" | "none")) {
            let instead = "give it the hash `*` (`usermod -p '*' NAME`) first";
            return Err(format!("without PAM sshd takes {name}'s account for locked: {instead}"));
        }
        let elsewhere =
            |name: &str| option(name).or_else(|| self.option(name)).is_some_and(|value| value != "none");
        if elsewhere("authorizedkeyscommand") || elsewhere("trustedusercakeys") {
            // Keys that no file here shows.
            return Ok(());
        }
        if self.usable_keys(name, after).next().is_some() {
            return Ok(());
        }
        Err(match self.own_keys(name).next() {
            None => format!("{name} has no key in authorized_keys: add one first (`ssh-copy-id`)"),
            Some(_) => {
                format!("none of {name}'s keys in authorized_keys would be accepted: add one that is first")
            }
        })
    }

    fn own_keys(&self, name: &str) -> impl Iterator<Item = &'a AuthorizedKey> {
        let keys = self.ssh.authorized_keys.iter().filter_map(|key| key.value());
        keys.filter(move |key| key.user == name && key.parsable)
    }

    fn usable_keys(&self, name: &str, after: &After) -> impl Iterator<Item = &'a AuthorizedKey> {
        let spec =
            after.options.get("pubkeyacceptedalgorithms").or(after.options.get("pubkeyacceptedkeytypes"));
        let now = self.server.and_then(|server| server.user_key_algorithms.value());
        let accepted = list_after(now.map(Vec::as_slice), spec.map(String::as_str));
        let bits = after.options.get("requiredrsasize").and_then(|bits| bits.parse::<u32>().ok()).unwrap_or(0);
        let stricter = after.options.get("strictmodes").is_some_and(|value| value == "yes")
            && self.option("strictmodes") != Some("yes");
        let open_home = self
            .account(name)
            .is_some_and(|account| account.home_others_write.value() == Some(&true) && stricter);
        self.own_keys(name).filter(move |key| {
            let fingerprint = key.fingerprint.value().cloned().unwrap_or_default();
            let algorithm = key.algorithm.value().map_or("", String::as_str);
            let file = self.ssh.key_files.iter().filter_map(|file| file.value()).find(|f| f.path == key.file);
            let open = stricter && file.is_some_and(|file| file.others_write || !file.owner_fits);
            !key.options.iter().any(|option| option == "command")
                && !after.gone.contains(&(key.file.clone(), fingerprint))
                && !after.unreadable.contains(&key.file)
                && !open
                && !open_home
                && accepted.as_ref().is_none_or(|list| list.iter().any(|name| signs(algorithm, name)))
                && (algorithm != "ssh-rsa" || key.bits.value().is_none_or(|own| *own >= bits))
        })
    }

    fn password(&self, login: &LoginUser, after: &After) -> Result<(), String> {
        let name = &login.name;
        let set = self.account(name).and_then(|account| account.password.value());
        let off = ["passwordauthentication", "kbdinteractiveauthentication"];
        let root_by_key =
            login.uid == 0 && after.options.get("permitrootlogin").is_some_and(|value| value != "yes");
        let works = login.password_accepted
            && !root_by_key
            && !after.no_password.contains(name)
            && set.is_none_or(|set| set == "set")
            && !off.iter().all(|option| self.is_off(option, after));
        works.then_some(()).ok_or_else(|| format!("sshd takes no password of {name}"))
    }

    fn is_off(&self, option: &str, after: &After) -> bool {
        let given = |name: &str| after.options.get(name).map(String::as_str).or_else(|| self.option(name));
        // Questions are PAM's.
        given(option) == Some("no")
            || (option.starts_with("kbd") && after.options.get("usepam").is_some_and(|value| value == "no"))
    }

    fn host_keys_refused(&self, after: &After) -> bool {
        let Some(server) = self.server else { return false };
        let Some(spec) = after.options.get("hostkeyalgorithms") else { return false };
        let now = server.host_key_algorithms.value().map(Vec::as_slice);
        let Some(list) = list_after(now, Some(spec)) else { return false };
        let known: Vec<&str> =
            server.host_keys.iter().filter_map(|key| key.algorithm.value()).map(String::as_str).collect();
        !known.is_empty() && !known.iter().any(|key| list.iter().any(|name| signs(key, name)))
    }
}

/// Whether a key of one type makes signatures of an algorithm, itself or by a certificate.
fn signs(key: &str, algorithm: &str) -> bool {
    let plain = algorithm.replace("-cert-v01@openssh.com", "");
    let own = key.trim_end_matches("@openssh.com");
    plain.trim_end_matches("@openssh.com") == own
        || (key == "ssh-rsa" && matches!(plain.as_str(), "rsa-sha2-256" | "rsa-sha2-512"))
}

/// A list of algorithms as a setting changes it; none when what it was before is not known.
pub(crate) fn list_after(now: Option<&[String]>, spec: Option<&str>) -> Option<Vec<String>> {
    let Some(spec) = spec else { return now.map(<[String]>::to_vec) };
    let named = |list: &str, name: &str| list.split(',').any(|pattern| fits(pattern, name));
    let split = |list: &str| list.split(',').map(str::to_owned).collect::<Vec<_>>();
    if let Some(less) = spec.strip_prefix('-') {
        return now.map(|now| now.iter().filter(|name| !named(less, name)).cloned().collect());
    }
    match spec.strip_prefix(['+', '^']) {
        Some(more) => now.map(|now| [split(more), now.to_vec()].concat()),
        None => Some(split(spec)),
    }
}

/// Whether a name fits a pattern with `*` and `?`.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let mut chars = pattern.chars();
    match chars.next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = chars.as_str();
            fits(rest, name)
                || name
                    .char_indices()
                    .any(|(at, c)| name.get(at + c.len_utf8()..).is_some_and(|name| fits(rest, name)))
        }
        Some(first) => {
            let mut name = name.chars();
            name.next().is_some_and(|c| c == first || first == '?') && fits(chars.as_str(), name.as_str())
        }
    }
}

#[cfg(test)]
mod tests;
